//! The flags of `portamark run`, and what they resolve to.

use crate::error::{Error, Result};
use crate::kernel::{Capabilities, KernelSource};
use crate::measure::{CacheReport, Config, memory_limit};
use crate::stats::StoppingConfig;
use crate::suite::{Pattern, Suite, parse_list};
use crate::workload::Distribution;
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
    /// Suite: quick, standard, full, or a TOML file.
    #[arg(default_value = "quick")]
    pub(super) suite: String,
    /// Device: its number, part of its name, or `all`; may be given several times.
    #[arg(short, long, value_name = "DEVICE", default_value = "0")]
    pub(super) device: Vec<String>,
    /// Only cases whose key matches: text, a glob with `*`, or a regular expression `/…/`.
    #[arg(short = 'k', long, value_name = "PATTERN")]
    pub(super) filter: Vec<String>,
    /// Replace m of matrix products: a list `256,512` or a range `256:4096:*2`.
    #[arg(long, value_name = "LIST")]
    pub(super) m: Option<String>,
    /// Replace n of matrix products.
    #[arg(long, value_name = "LIST")]
    pub(super) n: Option<String>,
    /// Replace k of matrix products.
    #[arg(long, value_name = "LIST")]
    pub(super) k: Option<String>,
    /// Measuring time for each device, e.g. 90s or 5m. `quick` has 90s unless told otherwise.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) budget: Option<Duration>,
    /// Deadline of one message to the executor.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    pub(super) timeout: Duration,
    /// Memory that one case may hold, e.g. 500MB or 16GB; without this 80% of a card's, or half of
    /// the host's where the device computes in that.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(super) memory: Option<u64>,
    /// Sample each case at least so long, even when its median is known.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) min_time: Option<Duration>,
    /// Sample no case longer than this, even when its median is not known.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "5s")]
    pub(super) max_time: Duration,
    /// Stop sampling when the median is known within this fraction.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.005)]
    pub(super) max_noise: f64,
    /// What the caches hold when an execution begins.
    #[arg(long, value_name = "STATE", default_value = "rotated")]
    pub(super) cache: CacheState,
    /// Before the first case, let the device work until its clock is steady, at most so long.
    #[arg(long, value_name = "TIME", value_parser = parse_time, num_args = 0..=1, require_equals = true, default_missing_value = "30s")]
    pub(super) settle: Option<Duration>,
    /// Seed of inputs and of the elements that are verified.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u32,
    /// What the elements of inputs are drawn from: uniform, normal, zeros or sparse (two of each four
    /// are zero). Power, and so the clock, can depend on it.
    #[arg(long, value_name = "DISTRIBUTION", default_value_t = Distribution::Uniform)]
    pub(super) dist: Distribution,
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
    /// Draw a report into this folder afterwards.
    #[arg(long, value_name = "DIR")]
    pub(super) report: Option<PathBuf>,
    /// Read kernel texts from this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub(super) kernels: Option<PathBuf>,
    /// Command of an external executor, instead of the built-in one.
    #[arg(long, value_name = "COMMAND")]
    pub(super) executor: Option<String>,
}

/// Reads `90s`, `1.5m`, `200ms` or plain seconds.
pub(in crate::cli) fn parse_time(text: &str) -> std::result::Result<Duration, String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is not a unit of time; use ms, s, m or h")),
    };
    let seconds: f64 = number.parse().map_err(|_| format!("`{text}` is not a time"))?;
    if seconds > 0.0 {
        Ok(Duration::from_secs_f64(seconds * factor))
    } else {
        Err("a time is above zero".into())
    }
}

/// Reads `500MB`, `1.5GB`, `2GiB` or plain bytes.
pub(in crate::cli) fn parse_bytes(text: &str) -> std::result::Result<u64, String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(format!("`{unit}` is not a unit of memory; use MB, GB, MiB or GiB")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is not an amount of memory"))?;
    if number > 0.0 { Ok((number * factor) as u64) } else { Err("an amount of memory is above zero".into()) }
}

impl Arguments {
    /// Command of an external executor.
    pub(in crate::cli) fn executor(&self) -> Option<&str> {
        self.executor.as_deref()
    }

    /// What was given with `-d`.
    pub(in crate::cli) fn devices(&self) -> &[String] {
        &self.device
    }

    /// The suite with other sizes.
    pub(super) fn suite(&self) -> Result<Suite> {
        let mut suite = Suite::resolve(&self.suite)?;
        let mut sizes = Vec::new();
        for (name, list) in [("m", &self.m), ("n", &self.n), ("k", &self.k)] {
            if let Some(list) = list {
                sizes.push((name, parse_list(list)?));
            }
        }
        if !sizes.is_empty() {
            suite = suite.with_sizes(&sizes)?;
        }
        Ok(suite)
    }

    /// The cases: the suite with other sizes, filtered.
    pub(in crate::cli) fn cases(&self) -> Result<Suite> {
        let suite = self.suite()?;
        let patterns = self.patterns()?;
        if patterns.is_empty() { Ok(suite) } else { suite.filtered(&patterns) }
    }

    /// What `-k` says.
    pub(super) fn patterns(&self) -> Result<Vec<Pattern>> {
        self.filter.iter().map(|p| Pattern::parse(p)).collect()
    }

    /// Where kernel texts come from.
    pub(in crate::cli) fn source(&self) -> KernelSource {
        self.kernels.as_ref().map_or_else(KernelSource::embedded, KernelSource::folder)
    }

    /// The user's words about the run.
    pub(super) fn labels(&self) -> Result<BTreeMap<String, String>> {
        labels(&self.label)
    }

    /// In how many processes each case is measured.
    pub(super) fn repeats(&self) -> u32 {
        self.repeats.unwrap_or(if self.ab.is_empty() { 1 } else { COMPARED })
    }

    /// The settings of the method on `device`. Times of a case are divided by its repeats.
    pub(in crate::cli) fn config(&self, device: &Capabilities) -> Config {
        let min_time = self.min_time.unwrap_or_default();
        Config {
            seed: self.seed,
            dist: self.dist,
            timeout: self.timeout,
            min_time: min_time / self.repeats(),
            time_limit: self.max_time.max(min_time) / self.repeats(),
            cache_bytes: CacheReport::assumed(device).bytes,
            rotate: self.cache == CacheState::Rotated,
            memory_limit: self.memory.unwrap_or_else(|| memory_limit(device)),
            stopping: StoppingConfig { relative_half_width: self.max_noise, ..Default::default() },
            ..Config::default()
        }
    }

    /// Measuring time of a device, if it is limited.
    pub(super) fn budget(&self, suite: &Suite) -> Option<Duration> {
        self.budget.or((suite.name == "quick").then_some(QUICK_BUDGET))
    }
}

fn labels(words: &[String]) -> Result<BTreeMap<String, String>> {
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
    fn times_are_read_with_their_unit() {
        assert_eq!(parse_time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("200ms"), Ok(Duration::from_millis(200)));
        assert!(parse_time("5 parsecs").is_err());
        assert!(parse_time("0s").is_err());
        assert!(parse_time("").is_err());
    }

    #[test]
    fn amounts_of_memory_are_read_with_their_unit() {
        assert_eq!(parse_bytes("500MB"), Ok(500_000_000));
        assert_eq!(parse_bytes("1.5gb"), Ok(1_500_000_000));
        assert_eq!(parse_bytes("2 GiB"), Ok(2 << 30));
        assert_eq!(parse_bytes("4096"), Ok(4096));
        for wrong in ["5 parsecs", "0", "", "GB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_label_needs_a_key() {
        assert_eq!(labels(&["card=H20".into()]).unwrap()["card"], "H20");
        assert!(labels(&["H20".into()]).is_err());
        assert!(labels(&["=H20".into()]).is_err());
    }
}
