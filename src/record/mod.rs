//! Rows on disk: schema, store, provenance.

mod schema;
mod store;

pub use schema::{
    Cache, End, Header, KernelUsed, Line, Outcome, Row, SCHEMA_VERSION, Spent, Status, TimerChoice,
    TimerReport, Timing, Verification,
};
pub use store::RunFile;
