//! Rows on disk: schema, store, provenance.

#[cfg(test)]
pub(crate) mod example;
mod load;
mod schema;
mod store;

pub use load::{load, load_all, load_readable};
pub use schema::{
    Cache, End, Header, KernelUsed, Line, Outcome, Row, SCHEMA_VERSION, Spent, Status, TimerChoice,
    TimerReport, Timing, Verification,
};
pub use store::{RunFile, RunWriter, Sink, find_resumable};
