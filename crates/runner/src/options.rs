//! What a run is to do, resolved: nothing here knows how it was typed.

use crate::choice::KernelChoice;
use crate::host::this_host;
use portamark_kernels::KernelSource;
use portamark_measure::{Config, assumed_cache, memory_limit};
use portamark_model::device::Capabilities;
use portamark_model::suite::Suite;
use portamark_model::workload::Distribution;
use portamark_stats::StoppingConfig;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What of the measuring method may be set; the rest is the method.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Seed of inputs, of the elements that are verified, and of the order of repeats.
    pub seed: u32,
    /// What the elements of inputs are drawn from.
    pub dist: Distribution,
    /// Deadline of one message to the executor.
    pub timeout: Duration,
    /// Bytes that one case may hold on the device; without this 80 % of a card's memory, or half of the
    /// host's where the device computes in that.
    pub memory: Option<u64>,
    /// Each case is sampled at least so long, in all its repeats together.
    pub min_time: Duration,
    /// No case is sampled longer than this, in all its repeats together.
    pub max_time: Duration,
    /// The least warm-up of a case.
    pub warmup: Duration,
    /// Sampling stops when the half-width of the median's interval is within this part of the median.
    pub max_noise: f64,
    /// Whether buffers rotate over twice the last-level cache; otherwise the caches are warm.
    pub rotate: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let method = Config::default();
        Settings {
            seed: method.seed,
            dist: method.dist,
            timeout: method.timeout,
            memory: None,
            min_time: method.min_time,
            max_time: method.time_limit,
            warmup: method.warmup,
            max_noise: method.stopping.relative_half_width,
            rotate: method.rotate,
        }
    }
}

impl Settings {
    /// The settings of the method on `device`. Times of a case are divided by its repeats.
    pub fn config(&self, device: &Capabilities, repeats: u32) -> Config {
        let host = this_host();
        Config {
            host,
            seed: self.seed,
            dist: self.dist,
            timeout: self.timeout,
            cache_bytes: assumed_cache(device, &host).bytes,
            memory_limit: self.memory.unwrap_or_else(|| memory_limit(device, &host)),
            min_time: self.min_time / repeats,
            time_limit: self.max_time.max(self.min_time) / repeats,
            warmup: self.warmup,
            rotate: self.rotate,
            stopping: StoppingConfig { relative_half_width: self.max_noise, ..Default::default() },
            ..Config::default()
        }
    }
}

/// What has a child process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Each device; a fresh child follows one that failed.
    #[default]
    Device,
    /// Each case: nothing of an earlier case can disturb it, and starting costs a moment.
    Case,
}

impl Isolation {
    /// As in the header of a run.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Isolation::Device => "device",
            Isolation::Case => "case",
        }
    }
}

/// What is done with an earlier run of the same suite on the same device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Earlier {
    /// It stays, and a new run begins.
    #[default]
    Leave,
    /// The newest one that was interrupted goes on, if there is one.
    Resume,
    /// The newest one goes on, finished or not: cases that failed, crashed, ran out of memory or into
    /// their deadline are tried again.
    RetryFailed,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cases.
    pub suite: Suite,
    /// What of the method is set.
    pub settings: Settings,
    /// Where kernel texts come from.
    pub source: KernelSource,
    /// Which kernels run.
    pub choice: KernelChoice,
    /// Measuring time of each device, if it is limited.
    pub budget: Option<Duration>,
    /// Before the first case the device works until its clock is steady, at most so long.
    pub settle: Option<Duration>,
    /// In how many processes each case is measured, in an order drawn by the seed.
    pub repeats: u32,
    /// The user's words about the run, kept in the file.
    pub labels: BTreeMap<String, String>,
    /// Folder of result files.
    pub output: PathBuf,
    /// What is done with an earlier run.
    pub earlier: Earlier,
    /// How far cases are kept apart.
    pub isolation: Isolation,
}

impl Options {
    /// A run of `suite` into the folder `output`, with everything else as `portamark run` has it where
    /// no flag is given: the embedded kernels, tuned where a table is, one process, no limit of time.
    pub fn new(suite: Suite, output: impl Into<PathBuf>) -> Self {
        Options {
            suite,
            settings: Settings::default(),
            source: KernelSource::embedded(),
            choice: KernelChoice::default(),
            budget: None,
            settle: None,
            repeats: 1,
            labels: BTreeMap::new(),
            output: output.into(),
            earlier: Earlier::default(),
            isolation: Isolation::default(),
        }
    }
}
