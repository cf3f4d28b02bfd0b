//! portamark runs the same verified matrix and attention kernels on every accelerator it can
//! reach, records throughput with honest error bars, and draws the comparison.
//!
//! The folders follow the way of the data, each knowing only those before it:
//! `workload` (what), `suite` (which), `kernel` (how), `executor` (where), `measure` (when),
//! `record` (rows), `analysis` and `report` (from files alone), `cli`.
#![deny(missing_docs)]

pub mod analysis;
pub mod catalog;
pub mod cli;
pub mod error;
pub mod executor;
pub mod kernel;
pub mod measure;
pub mod record;
pub mod report;
pub mod schema;
pub mod stats;
pub mod suite;
pub mod telemetry;
pub mod units;
pub mod workload;
