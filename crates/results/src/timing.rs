//! What measuring a case gives: where its time went, the proof, the samples.

use super::slowdown::Slowdowns;
use super::timer_fault::TimerFault;
use portamark_stats::{AffineFit, QUANTILE_DEFINITION, StopReason, Summary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Outcome of the timer self-test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TimerReport {
    /// Which timer the rows use: `device` or `host`.
    pub chosen: TimerChoice,
    /// What is wrong with the device's clock, in words; empty for one that passed every check.
    pub findings: Vec<String>,
    /// The names of these findings, in the same order.
    #[serde(default)]
    pub faults: Vec<TimerFault>,
    /// Smallest non-zero difference of device times seen, in nanoseconds.
    pub tick_ns: Option<f64>,
    /// Median host time of an empty submission, in seconds.
    pub empty_host_s: f64,
    /// Median device time of an empty pass, in seconds.
    pub empty_device_s: Option<f64>,
    /// Device time of twice the work over that of once, empty passes taken off; 2 is right.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub twice_over_once: Option<f64>,
    /// Device time over host time of the longest batches, those of an empty batch taken off; 1 is
    /// right.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_over_host: Option<f64>,
}

impl TimerReport {
    /// The same with what `change` makes of it.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The device's clock, against which nothing was found so far.
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

    /// The host's clock, since `finding` kept the device's from being tested.
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

    /// Writes down that the device's clock has `fault`, in `words`.
    pub fn accuse(&mut self, fault: TimerFault, words: String) {
        self.faults.push(fault);
        self.findings.push(words);
    }
}

/// Which clock the rows use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TimerChoice {
    /// Timestamps of the device.
    Device,
    /// The host's clock.
    Host,
}

/// Wall time of a case by what it was spent on, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Spent {
    /// Whole case.
    pub total_s: f64,
    /// Making buffers, inputs and pipelines.
    pub prepare_s: f64,
    /// Compiling, in `prepare` and at the first execution where the driver waits until then.
    pub compile_s: f64,
    /// Oracle, reading back and comparing.
    pub verify_s: f64,
    /// Warm-up batches.
    pub warmup_s: f64,
    /// Timed batches and sentinels, host time.
    pub sample_s: f64,
}

/// What the oracle found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Verification {
    /// Whether every checked element is within its bound and none is unwritten.
    pub passed: bool,
    /// Elements compared, before and after timing together.
    pub checked: u64,
    /// Elements of the output.
    pub total: u64,
    /// Elements that the kernel did not write.
    pub unwritten: u64,
    /// Largest |out − reference| / bound; 1 is the limit. None when an element is not a number.
    pub worst_ratio: Option<f64>,
    /// Largest |out − reference|.
    pub worst_error: Option<f64>,
    /// The element with the largest ratio.
    pub worst_element: Option<u64>,
    /// The factor c of the bound.
    pub bound_factor: f64,
    /// SHA-256 of the elements checked in the first buffer set and of what the oracle says of them, to
    /// the bit: equal where case, seed and tile of the kernel are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oracle_sha256: Option<String>,
}

impl Verification {
    /// `checked` of `total` elements compared by bounds with the factor `bound_factor`; nothing is wrong
    /// with them yet.
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

/// Samples and what follows from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Timing {
    /// Which clock the summary uses.
    pub timer: TimerChoice,
    /// Executions in each batch.
    pub k: u32,
    /// Buffer sets rotated through.
    pub sets: u32,
    /// `rotated` over more than twice the last-level cache, `partly` or `warm`.
    pub cache: Cache,
    /// Batches of the warm-up.
    pub warmup_batches: u32,
    /// Whether three consecutive batches agreed at the end of the warm-up.
    pub warmup_agreed: bool,
    /// Why sampling ended.
    pub stop: StopReason,
    /// Device nanoseconds of each batch, in order; empty without device stamps.
    pub device_ns: Vec<u64>,
    /// Host nanoseconds of each batch, in order.
    pub host_ns: Vec<u64>,
    /// Batches whose stamps were unusable.
    pub invalid: u32,
    /// Seconds of one execution.
    pub summary: Summary,
    /// Launch overhead of a batch in seconds, from the affine fit over several k.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub overhead_s: Option<f64>,
    /// Seconds of one execution by the slope of that fit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slope_s: Option<f64>,
    /// T(k) = a + b·k by weighted least squares over the same batches: overhead a and time of one
    /// execution b, in seconds, each with its 95 % interval. An overhead below 0 is stored as it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fit: Option<AffineFit>,
    /// Overhead that was taken off each batch before the summary, in seconds: `overhead_s` where the
    /// host's clock is used, otherwise none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub taken_off_s: Option<f64>,
    /// The definition of the quantiles in the summary.
    #[serde(default = "quantiles")]
    pub quantiles: String,
    /// Sentinel that is bound by arithmetic, seconds, in order: the fastest of three executions each.
    #[serde(default)]
    pub sentinel_s: Vec<f64>,
    /// Sentinel that is bound by memory, in the same way.
    #[serde(default)]
    pub bandwidth_sentinel_s: Vec<f64>,
    /// How much slower the sentinels were than when the run began.
    #[serde(default)]
    pub slowdowns: Slowdowns,
}

/// Every file so far has these.
fn quantiles() -> String {
    QUANTILE_DEFINITION.into()
}

impl Timing {
    /// The same with what `change` makes of it.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Batches of `k` executions over `sets` buffer sets, summed up by `summary`; sampling ended for
    /// the reason `stop`. The rest is left open.
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

    /// Seconds of one execution by each batch, in order: what the summary is of.
    pub fn seconds(&self) -> Vec<f64> {
        let ns = match self.timer {
            TimerChoice::Device => &self.device_ns,
            TimerChoice::Host => &self.host_ns,
        };
        let usable = ns.iter().filter(|ns| **ns > 0);
        usable.map(|ns| Timing::of_one(*ns as f64 * 1e-9, self.k, self.taken_off_s)).collect()
    }

    /// Seconds of one execution by a batch of `k` that took `seconds`, without the overhead `taken_off_s`.
    pub fn of_one(seconds: f64, k: u32, taken_off_s: Option<f64>) -> f64 {
        (seconds - taken_off_s.unwrap_or(0.0)) / f64::from(k)
    }
}

/// State of the caches when an execution begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Cache {
    /// Buffers rotate over at least twice the last-level cache.
    Rotated,
    /// They rotate over more than that cache and less than twice as much: memory holds no more sets.
    Partly,
    /// The same buffers each time, or so few that all of them fit the cache.
    Warm,
}

impl Cache {
    /// As in files.
    pub fn word(self) -> &'static str {
        match self {
            Cache::Rotated => "rotated",
            Cache::Partly => "partly",
            Cache::Warm => "warm",
        }
    }
}

impl TimerChoice {
    /// As in files.
    pub fn word(self) -> &'static str {
        match self {
            TimerChoice::Device => "device",
            TimerChoice::Host => "host",
        }
    }
}
