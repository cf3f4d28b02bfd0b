//! Result files of benchmark runs: writing, loading and resuming them, importing results of other programs,
//! and exporting rows as tables. This crate does not know how a row was measured: timing, verification and
//! telemetry are plain data.
//!
//! Everything usable in a damaged file is loaded, as long as its first line is a valid header; each line that
//! could not be used is reported in [`RunFile::problems`].
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
//! The feature `parquet` adds export to Parquet files.

mod baseline;
mod cache;
mod claim;
mod contradiction;
#[cfg(test)]
pub(crate) mod example;
pub mod export;
mod find;
mod hold;
pub mod import;
mod imported;
mod imported_row;
mod inspections;
mod lines;
mod load;
mod places;
mod provenance;
mod record_line;
mod replace;
mod resume;
mod run_file;
mod run_option;
mod schema;
mod settled;
mod slowdown;
mod store;
mod tag;
mod telemetry;
mod timer_fault;
mod timing;
mod words;

pub use baseline::{check_baseline_name, find_baseline, save_baseline};
pub use cache::{CacheReport, CacheSource, CurvePoint};
pub use hold::Hold;
pub use imported::{ImportUnit, Imported, Spread, SpreadKind, Statistic};
pub use inspections::{Inspections, load_inspections};
pub use load::{load, load_all, load_readable};
pub use portamark_model::privacy::redact;
pub use provenance::{now, platform, run_id};
pub use replace::replace_file;
pub use resume::{Earlier, find_earlier};
pub use run_file::RunFile;
pub use run_option::RunOption;
pub use schema::{
    AbSide, End, Header, Identity, KernelUsed, Record, Row, RunOutcome, SCHEMA_VERSION, Status, json_schema,
};
pub use settled::Settled;
pub use slowdown::{SentinelTimes, Slowdown, Slowdowns};
pub use store::{RunWriter, Sink};
pub use tag::Tag;
pub use telemetry::{Energy, Range, Reading, Telemetry};
pub use timer_fault::TimerFault;
pub use timing::{Cache, Spent, TimerChoice, TimerReport, Timing, Verification};
