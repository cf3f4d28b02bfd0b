//! The flags of `portamark run`, and what they resolve to.

use crate::cli::subject::Subject;
use crate::cli::values::parse_time;
use crate::error::{Error, Result};
use portamark_model::suite::Suite;
use portamark_runner::Settings;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Processes of each side of a comparison. Five are the least that a verdict is made of; with seven the
/// interval is a quarter narrower.
const COMPARED: u32 = 7;
/// Measuring time of the `quick` suite on one device.
const QUICK_BUDGET: Duration = Duration::from_secs(90);

/// In which state an execution finds the caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CacheState {
    /// Buffers rotate over twice the last-level cache, as in work on much data.
    Rotated,
    /// The same buffers each time, as in work that was just touched.
    Warm,
}

/// Measures a suite on devices and records it, row by row.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) subject: Subject,
    /// Measuring time for each device, e.g. 90s or 5m. `quick` has 90s unless told otherwise.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) budget: Option<Duration>,
    /// Sample each case at least so long, even when its median is known.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) min_time: Option<Duration>,
    /// Sample no case longer than this, even when its median is not known.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "5s")]
    pub(super) max_time: Duration,
    /// Run each case at least so long before it is sampled, and until two batches agree.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "200ms")]
    pub(super) warmup: Duration,
    /// Stop sampling when the median is known within this fraction.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.005)]
    pub(super) max_noise: f64,
    /// What the caches hold when an execution begins.
    #[arg(long, value_name = "STATE", default_value = "rotated")]
    pub(super) cache: CacheState,
    /// Before the first case, let the device work until its clock is steady, at most so long.
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
    /// Words of your own about this run, kept in the file.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) label: Vec<String>,
    /// Print the cases and, where rows of an earlier run tell, the predicted time; run nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Go on with the newest interrupted run of this suite on this device.
    #[arg(long)]
    pub(super) resume: bool,
    /// Folder of result files.
    #[arg(short, long, value_name = "DIR", default_value = "results/local")]
    pub(super) output: PathBuf,
    /// Keep what was measured as a baseline of this name, for `compare --baseline`; it takes the place
    /// of what the baseline had of these devices.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ab", "dry_run"])]
    pub(super) save_baseline: Option<String>,
    /// Draw a report into this folder afterwards.
    #[arg(long, value_name = "DIR")]
    pub(super) report: Option<PathBuf>,
}

impl Arguments {
    /// The user's words about the run.
    pub(super) fn labels(&self) -> Result<BTreeMap<String, String>> {
        labels(&self.label)
    }

    /// In how many processes each case is measured.
    pub(super) fn repeats(&self) -> u32 {
        self.repeats.unwrap_or(if self.ab.is_empty() { 1 } else { COMPARED })
    }

    /// What of the method the flags set.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            min_time: self.min_time.unwrap_or_default(),
            max_time: self.max_time,
            warmup: self.warmup,
            max_noise: self.max_noise,
            rotate: self.cache == CacheState::Rotated,
            ..self.subject.settings()
        }
    }

    /// Measuring time of a device, if it is limited.
    pub(super) fn budget(&self, suite: &Suite) -> Option<Duration> {
        self.budget.or((suite.name == "quick").then_some(QUICK_BUDGET))
    }
}

/// `KEY=VALUE` words as pairs.
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
