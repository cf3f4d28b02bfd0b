//! Rows on disk: schema, store, provenance.

#[cfg(test)]
pub(crate) mod example;
mod load;
mod provenance;
mod schema;
mod store;

pub use load::{load, load_all, load_readable};
pub use provenance::{now, platform, redact, run_id};
pub use schema::{
    Cache, End, Header, KernelUsed, Line, Outcome, Row, SCHEMA_VERSION, Spent, Status, TimerChoice,
    TimerReport, Timing, Verification, json_schema,
};
pub use store::{RunFile, RunWriter, Sink, find_resumable};
