//! The flags of `portamark run`, and what they resolve to.

use crate::cli::compare::parse_share;
use crate::cli::selection::Selection;
use crate::cli::values::parse_time;
use crate::error::{Error, Result};
use portamark_model::suite::Suite;
use portamark_runner::Settings;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Default number of processes per side of `--ab`. A verdict needs at least five; seven make the confidence
/// interval a quarter narrower.
const COMPARED: u32 = 7;
/// Default measuring time of the `quick` suite per device.
const QUICK_BUDGET: Duration = Duration::from_secs(90);

/// State of the caches when an execution begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CacheState {
    /// Cold: buffers rotate through twice the size of the last-level cache, as in work on large data.
    Rotated,
    /// Warm: the same buffers each time, as in work on data that was just used.
    Warm,
}

/// Measures a suite on devices and records it, row by row.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Limit the measuring time per device, e.g. 90s or 5m [default for `quick`: 90s].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) budget: Option<Duration>,
    /// Sample each case for at least this long, even if its median is already precise.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) min_time: Option<Duration>,
    /// Stop sampling a case after this long, even if its median is not yet precise.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "5s")]
    pub(super) max_time: Duration,
    /// Warm up each case for at least this long, and until two batches agree.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "200ms")]
    pub(super) warmup: Duration,
    /// Stop sampling when the confidence interval of the median is within this fraction.
    #[arg(long, value_name = "FRACTION", value_parser = parse_share, default_value = "0.005")]
    pub(super) max_noise: f64,
    /// Choose the state of the caches when an execution begins.
    #[arg(long, value_name = "STATE", default_value = "rotated")]
    pub(super) cache: CacheState,
    /// Load the device before the first case until its clock is steady, for at most this long.
    #[arg(long, value_name = "TIME", value_parser = parse_time, num_args = 0..=1, require_equals = true, default_missing_value = "30s")]
    pub(super) settle: Option<Duration>,
    /// Measure each case in this many processes, in an order drawn by the seed; with --ab 7.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) repeats: Option<u32>,
    /// Compare two sides batch by batch, A B B A; give it twice, the reference first. A side is a
    /// device as for -d, or words joined by commas: device=, icd=MANIFEST (a Vulkan driver),
    /// variant=TEXT, kernels=DIR, binary=PORTAMARK, executor=COMMAND, case=KEY.
    #[arg(long, value_name = "SIDE")]
    pub(super) ab: Vec<String>,
    /// Label this run, e.g. `card=A`; labels are stored, and tell cards of one model apart in reports.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) label: Vec<String>,
    /// List the cases, with predicted times where an earlier run has rows of them, and run nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Continue the newest interrupted run of this suite on this device.
    #[arg(long)]
    pub(super) resume: bool,
    /// Write result files to this folder.
    #[arg(short, long, value_name = "DIR", default_value = "results/local")]
    pub(super) output: PathBuf,
    /// Save the results as a baseline of this name, for `compare --baseline`; they replace the results of the
    /// same devices in it.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ab", "dry_run"])]
    pub(super) save_baseline: Option<String>,
    /// Write a report to this folder afterwards.
    #[arg(long, value_name = "DIR")]
    pub(super) report: Option<PathBuf>,
}

impl Arguments {
    /// Returns the labels of the run.
    pub(super) fn labels(&self) -> Result<BTreeMap<String, String>> {
        labels(&self.label)
    }

    /// Returns the number of processes in which each case is measured.
    pub(super) fn repeats(&self) -> u32 {
        self.repeats.unwrap_or(if self.ab.is_empty() { 1 } else { COMPARED })
    }

    /// Returns the settings of the method that the flags change.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            min_time: self.min_time.unwrap_or_default(),
            max_time: self.max_time,
            warmup: self.warmup,
            max_noise: self.max_noise,
            rotate: self.cache == CacheState::Rotated,
            ..self.selection.settings()
        }
    }

    /// Returns the limit on the measuring time per device; `None` if there is none.
    pub(super) fn budget(&self, suite: &Suite) -> Option<Duration> {
        self.budget.or((suite.name == "quick").then_some(QUICK_BUDGET))
    }
}

/// Parses `KEY=VALUE` labels.
pub(in crate::cli) fn labels(words: &[String]) -> Result<BTreeMap<String, String>> {
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_string(), value.to_string())),
            _ => Err(Error::usage(format!("--label {word}: expected KEY=VALUE"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_needs_a_key() {
        assert_eq!(labels(&["card=H20".into()]).unwrap()["card"], "H20");
        assert!(labels(&["H20".into()]).is_err());
        assert!(labels(&["=H20".into()]).is_err());
    }
}
