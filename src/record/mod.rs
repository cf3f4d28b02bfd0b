//! Rows on disk: schema, store, provenance.

#[cfg(test)]
pub(crate) mod example;
mod load;
mod provenance;
mod schema;
mod store;
mod tuned;

pub use crate::measure::{Cache, Spent, TimerChoice, TimerReport, Timing, Verification};
pub use load::{load, load_all, load_readable};
pub use provenance::{now, platform, redact, run_id};
pub use schema::{End, Header, KernelUsed, Line, Outcome, Row, SCHEMA_VERSION, Status, json_schema};
pub use store::{RunFile, RunWriter, Sink, find_resumable};
pub use tuned::{load_tuned, save_tuned, tuned_path};
