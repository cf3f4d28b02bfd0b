//! Rows on disk: what a run writes, reading it back, results of other programs, and tables of rows. Nothing
//! here knows how a row was measured: timing, proof and telemetry are plain data.
//!
//! A file is read whatever is wrong with it beyond its first line; what could not be used is told.
//!
//! ```no_run
//! let run = portamark_results::load("results/gpu/20261124T081530Z_quick_1f2e3d4c.jsonl".as_ref())?;
//! for problem in &run.problems {
//!     eprintln!("{problem}");
//! }
//! println!("{}", run.header.device.id);
//! for row in &run.rows {
//!     match row.seconds() {
//!         Some(seconds) => println!("{:40} {seconds:.3e} s", row.case),
//!         None => println!("{:40} {}", row.case, row.status),
//!     }
//! }
//! # Ok::<(), portamark_model::error::Error>(())
//! ```
//!
//! The feature `parquet` adds tables in that format.

mod baseline;
mod cache;
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
mod settled;
mod slowdown;
mod store;
mod telemetry;
mod timer_fault;
mod timing;

pub use baseline::{baseline_names, check_baseline_name, find_baseline, save_baseline};
pub use cache::{CacheReport, CacheSource, CurvePoint};
pub use imported::{ImportUnit, Imported, Spread, SpreadKind, Statistic};
pub use load::{load, load_all, load_readable};
pub use provenance::{now, platform, redact, run_id};
pub use replace::replace_file;
pub use resume::{Earlier, find_earlier};
pub use schema::{
    AbSide, End, Header, Identity, KernelUsed, Line, Outcome, Row, SCHEMA_VERSION, Status, json_schema,
};
pub use settled::Settled;
pub use slowdown::{SentinelTimes, Slowdown, Slowdowns};
pub use store::{RunFile, RunWriter, Sink};
pub use telemetry::{Energy, Range, Reading, Telemetry};
pub use timer_fault::TimerFault;
pub use timing::{Cache, Spent, TimerChoice, TimerReport, Timing, Verification};
