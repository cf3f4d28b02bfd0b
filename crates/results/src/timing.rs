//! Result of measuring a case: wall time by phase, verification, samples and statistics.

use super::slowdown::Slowdowns;
use super::timer_fault::TimerFault;
use portamark_stats::{AffineFit, QUANTILE_DEFINITION, StopReason, Summary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Result of the timer self-test, which decides whether the clock of the device is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TimerReport {
    /// Clock that the rows use: `device` or `host`.
    pub chosen: TimerChoice,
    /// What is wrong with the device's clock, in words; empty if it passed every check.
    pub findings: Vec<String>,
    /// Name of the fault behind each of the `findings`, in the same order.
    #[serde(default)]
    pub faults: Vec<TimerFault>,
    /// Smallest non-zero difference between device times that was seen, in nanoseconds; `null` if unknown.
    pub tick_ns: Option<f64>,
    /// Median host time of an empty submission, in seconds.
    pub empty_host_s: f64,
    /// Median device time of an empty pass, in seconds; `null` if unknown.
    pub empty_device_s: Option<f64>,
    /// Ratio of the device times of twice the work and of the work itself, both without the time of an empty
    /// pass; 2 is correct.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub twice_over_once: Option<f64>,
    /// Ratio of device time to host time of the longest batches, both without the time of an empty batch; 1
    /// is correct.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_over_host: Option<f64>,
}

impl TimerReport {
    /// Returns `self` after `change` has modified it.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Creates a report that chooses the device's clock, without findings so far.
    pub fn device_clock(tick_ns: Option<f64>, empty_host_s: f64, empty_device_s: Option<f64>) -> Self {
        TimerReport {
            chosen: TimerChoice::Device,
            findings: Vec::new(),
            faults: Vec::new(),
            tick_ns,
            empty_host_s,
            empty_device_s,
            twice_over_once: None,
            device_over_host: None,
        }
    }

    /// Creates a report that chooses the host's clock because `finding` prevented the test of the device's
    /// clock.
    pub fn untested(finding: String) -> Self {
        TimerReport {
            chosen: TimerChoice::Host,
            findings: vec![finding],
            faults: vec![TimerFault::Untested],
            tick_ns: None,
            empty_host_s: 0.0,
            empty_device_s: None,
            twice_over_once: None,
            device_over_host: None,
        }
    }

    /// Records that the device's clock has `fault`, described by `words`.
    pub fn accuse(&mut self, fault: TimerFault, words: String) {
        self.faults.push(fault);
        self.findings.push(words);
    }
}

/// Clock that times are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TimerChoice {
    /// Timestamps written by the device.
    Device,
    /// Clock of the host CPU.
    Host,
}

/// Wall time of a case by phase, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Spent {
    /// Wall time of the whole case, in seconds.
    pub total_s: f64,
    /// Time for creating buffers, inputs and pipelines, in seconds.
    pub prepare_s: f64,
    /// Time for compiling kernels, in seconds: the part within `prepare_s`, and that of the first execution
    /// if the driver waits until then.
    pub compile_s: f64,
    /// Time for computing the oracle, reading back the output and comparing, in seconds.
    pub verify_s: f64,
    /// Time of the warm-up batches, in seconds.
    pub warmup_s: f64,
    /// Host time of the timed batches and of the sentinels between them, in seconds.
    pub sample_s: f64,
}

/// Result of comparing the output with the oracle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Verification {
    /// Whether every checked element is within its error bound and no element is unwritten.
    pub passed: bool,
    /// Number of elements compared, before and after timing together.
    pub checked: u64,
    /// Number of elements of the output.
    pub total: u64,
    /// Number of output elements that the kernel did not write.
    pub unwritten: u64,
    /// Largest |out − reference| divided by its error bound; 1 is the limit. `null` if it is not finite, e.g.
    /// because an element is NaN.
    pub worst_ratio: Option<f64>,
    /// Largest error |out − reference|; `null` if it is not finite.
    pub worst_error: Option<f64>,
    /// Index of the output element with the largest `worst_ratio`.
    pub worst_element: Option<u64>,
    /// Factor c of the error bound.
    pub bound_factor: f64,
    /// SHA-256 of the elements checked in the first buffer set and of the oracle's results for them, bit by
    /// bit; equal if case, seed and tile of the kernel are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oracle_sha256: Option<String>,
}

impl Verification {
    /// Creates the record of `checked` out of `total` elements compared by bounds with the factor
    /// `bound_factor`, with no error so far.
    pub fn new(checked: u64, total: u64, bound_factor: f64) -> Self {
        Verification {
            passed: true,
            checked,
            total,
            unwritten: 0,
            worst_ratio: None,
            worst_error: None,
            worst_element: None,
            bound_factor,
            oracle_sha256: None,
        }
    }
}

/// Confidence level of the intervals in rows.
pub(super) const LEVEL: f64 = 0.95;

/// Samples of a case and the statistics computed from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Timing {
    /// Clock whose times `summary` uses.
    pub timer: TimerChoice,
    /// Number of executions in each batch; one batch is one sample.
    pub k: u32,
    /// Number of buffer sets that the executions rotate through.
    pub sets: u32,
    /// State of the caches when an execution starts: `rotated` over at least twice the last-level cache,
    /// `partly` or `warm`.
    pub cache: Cache,
    /// Number of warm-up batches.
    pub warmup_batches: u32,
    /// Whether the times of three consecutive batches agreed at the end of the warm-up.
    pub warmup_agreed: bool,
    /// Reason why sampling ended.
    pub stop: StopReason,
    /// Device time of each batch in nanoseconds, in order; empty without device timestamps.
    pub device_ns: Vec<u64>,
    /// Host time of each batch in nanoseconds, in order.
    pub host_ns: Vec<u64>,
    /// Number of batches with unusable device timestamps.
    pub invalid: u32,
    /// Statistics of the time of one execution, in seconds.
    pub summary: Summary,
    /// Launch overhead of a batch in seconds, from a robust (Theil–Sen) line through batches of several sizes
    /// k.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub overhead_s: Option<f64>,
    /// Time of one execution in seconds: the slope of the line that gives `overhead_s`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slope_s: Option<f64>,
    /// Weighted least-squares fit of T(k) = a + b·k to the batches that give `overhead_s`: overhead a and
    /// time of one execution b, in seconds, each with its 95 % confidence interval. An overhead below 0 is
    /// kept as it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fit: Option<AffineFit>,
    /// Overhead subtracted from each batch before the summary, in seconds: `overhead_s` if the host's clock
    /// is used; absent if nothing was subtracted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub taken_off_s: Option<f64>,
    /// Name of the definition of quantiles that `summary` uses.
    #[serde(default = "quantiles")]
    pub quantiles: String,
    /// Times in seconds, in order, of the arithmetic-bound sentinel, a fixed kernel between the batches: each
    /// is the fastest of three executions.
    #[serde(default)]
    pub sentinel_s: Vec<f64>,
    /// Times in seconds, in order, of the memory-bound sentinel, a fixed kernel between the batches: each is
    /// the fastest of three executions.
    #[serde(default)]
    pub bandwidth_sentinel_s: Vec<f64>,
    /// How much slower the sentinels were than at the start of the run.
    #[serde(default)]
    pub slowdowns: Slowdowns,
}

/// Default for a file without this field; every file so far uses this definition.
fn quantiles() -> String {
    QUANTILE_DEFINITION.into()
}

impl Timing {
    /// Returns `self` after `change` has modified it.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Creates the record of batches of `k` executions over `sets` buffer sets, summarised by `summary`;
    /// sampling ended for the reason `stop`. All other fields are empty or have their default.
    pub fn new(
        timer: TimerChoice,
        k: u32,
        sets: u32,
        cache: Cache,
        stop: StopReason,
        summary: Summary,
    ) -> Self {
        Timing {
            timer,
            k,
            sets,
            cache,
            warmup_batches: 0,
            warmup_agreed: true,
            stop,
            device_ns: Vec::new(),
            host_ns: Vec::new(),
            invalid: 0,
            summary,
            overhead_s: None,
            slope_s: None,
            fit: None,
            taken_off_s: None,
            quantiles: quantiles(),
            sentinel_s: Vec::new(),
            bandwidth_sentinel_s: Vec::new(),
            slowdowns: Slowdowns::default(),
        }
    }

    /// Returns the time of one execution in seconds for each usable batch, in order: the samples of the
    /// summary.
    pub fn seconds(&self) -> Vec<f64> {
        let ns = match self.timer {
            TimerChoice::Device => &self.device_ns,
            TimerChoice::Host => &self.host_ns,
        };
        let usable = ns.iter().filter(|ns| **ns > 0);
        usable.map(|ns| Timing::of_one(*ns as f64 * 1e-9, self.k, self.taken_off_s)).collect()
    }

    /// Replaces the interval of the median of a version that took samples as independent by the one that their
    /// correlation gives.
    pub(super) fn widen_old_interval(&mut self) {
        if self.summary.effective_n.is_none() {
            let samples = self.seconds();
            self.summary.correct_for_correlation(&samples, LEVEL);
        }
    }

    /// Returns the time of one execution in seconds, from a batch of `k` that took `seconds`, after
    /// subtracting the overhead `taken_off_s`.
    pub fn of_one(seconds: f64, k: u32, taken_off_s: Option<f64>) -> f64 {
        (seconds - taken_off_s.unwrap_or(0.0)) / f64::from(k)
    }
}

/// State of the caches when an execution starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Cache {
    /// Buffers rotate over at least twice the size of the last-level cache.
    Rotated,
    /// Buffers rotate over more than the last-level cache but less than twice its size, since memory holds no
    /// more buffer sets.
    Partly,
    /// All executions use the same buffers, or so few sets that all of them fit in the last-level cache.
    Warm,
}

impl Cache {
    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Cache::Rotated => "rotated",
            Cache::Partly => "partly",
            Cache::Warm => "warm",
        }
    }
}

impl TimerChoice {
    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            TimerChoice::Device => "device",
            TimerChoice::Host => "host",
        }
    }
}
