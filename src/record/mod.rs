//! Rows on disk: schema, store, provenance.

mod baseline;
#[cfg(test)]
pub(crate) mod example;
pub mod export;
pub mod import;
mod imported;
mod lines;
mod load;
mod provenance;
mod replace;
mod resume;
mod schema;
mod store;
mod tuned;

pub use crate::measure::{
    Cache, CacheReport, CacheSource, CurvePoint, SentinelTimes, Settled, Slowdown, Slowdowns, Spent,
    TimerChoice, TimerFault, TimerReport, Timing, Verification,
};
pub use crate::telemetry::{Energy, Range, Telemetry};
pub use baseline::{baseline_names, check_baseline_name, find_baseline, save_baseline};
pub use imported::{ImportUnit, Imported, Spread, SpreadKind, Statistic};
pub use load::{load, load_all, load_readable};
pub use provenance::{now, platform, redact, run_id};
pub use replace::replace_file;
pub use resume::{Earlier, find_earlier};
pub use schema::{
    AbSide, End, Header, Identity, KernelUsed, Line, Outcome, Row, SCHEMA_VERSION, Status, json_schema,
};
pub use store::{RunFile, RunWriter, Sink};
pub use tuned::{load_tuned, save_tuned, tuned_path};
