//! Options of a run, independent of the command line.

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

/// Settings of the measuring method that a user may change; the rest is fixed by the method.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Seed of the inputs, of the choice of verified elements, and of the order of repeats.
    pub seed: u32,
    /// Distribution that input elements are drawn from.
    pub dist: Distribution,
    /// Timeout of one message to the executor.
    pub timeout: Duration,
    /// Maximum bytes that one case may hold on the device. `None` means 80 % of a GPU's own memory, or half
    /// of the host's memory if the device works in that.
    pub memory: Option<u64>,
    /// Minimum sampling time of each case, in all its repeats together.
    pub min_time: Duration,
    /// Maximum sampling time of each case, in all its repeats together.
    pub max_time: Duration,
    /// Minimum warm-up time of a case.
    pub warmup: Duration,
    /// Target precision: sampling stops when the half-width of the median's confidence interval is at most
    /// this fraction of the median.
    pub max_noise: f64,
    /// Whether buffers rotate over twice the last-level cache; `false` measures with warm caches.
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
    /// Returns the settings of the method for `device`. Sampling times are divided by `repeats`.
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

/// Unit of work that gets a child process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// One process per device; after a failure a fresh one is started.
    #[default]
    Device,
    /// One process per case: earlier cases cannot affect it, at the cost of starting a process each time.
    Case,
}

impl Isolation {
    /// Returns the name as it is written to the header of a run.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Isolation::Device => "device",
            Isolation::Case => "case",
        }
    }
}

/// How to treat an earlier run of the same suite on the same device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Earlier {
    /// Leave it unchanged and start a new run.
    #[default]
    Leave,
    /// Continue the newest interrupted run, if there is one.
    Resume,
    /// Continue the newest run, finished or not, and retry cases that failed, crashed, ran out of memory or
    /// timed out.
    RetryFailed,
}

/// Options of one run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Cases to measure.
    pub suite: Suite,
    /// Settings of the measuring method.
    pub settings: Settings,
    /// Where kernel sources come from.
    pub source: KernelSource,
    /// Kernels to measure for each case.
    pub choice: KernelChoice,
    /// Measuring time per device; `None` if unlimited.
    pub budget: Option<Duration>,
    /// Maximum time that the device works before the first case until its clock is steady; `None` skips this.
    pub settle: Option<Duration>,
    /// Number of processes in which each case is measured, in an order drawn from the seed.
    pub repeats: u32,
    /// User-defined labels of the run, stored in its result file.
    pub labels: BTreeMap<String, String>,
    /// Folder for result files.
    pub output: PathBuf,
    /// How to treat an earlier run.
    pub earlier: Earlier,
    /// Whether to wait while another process measures into the file of the earlier run, instead of failing.
    pub wait: bool,
    /// Unit of work that gets a child process of its own.
    pub isolation: Isolation,
}

impl Options {
    /// Creates options for a run of `suite` into the folder `output`, with the defaults of `portamark run`:
    /// embedded kernels, tuned if there is a table, one process, no time limit.
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
            wait: false,
            isolation: Isolation::default(),
        }
    }
}
