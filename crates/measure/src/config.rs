//! Settings of the measuring method.

use super::host::Host;
use portamark_model::workload::Distribution;
use portamark_stats::StoppingConfig;
use std::time::Duration;

/// Version of the measuring method. Rows measured with different versions are not compared.
pub const METHOD: u32 = 1;

/// Settings that a run may change; everything else is fixed by the method.
#[derive(Debug, Clone)]
pub struct Config {
    /// Seed of the inputs and of the choice of verified elements. Default 1.
    pub seed: u32,
    /// Distribution that input elements are drawn from.
    pub dist: Distribution,
    /// Stopping rule of sampling: confidence level, target precision and minimum number of samples.
    pub stopping: StoppingConfig,
    /// Maximum sampling time of a case, default 5 s. Sampling then ends even if the stopping rule is not met,
    /// but never before the minimum number of samples.
    pub time_limit: Duration,
    /// Minimum sampling time of a case, default 0.
    pub min_time: Duration,
    /// Maximum number of samples (batches) of a case, default 1000.
    pub max_samples: usize,
    /// Minimum warm-up time of a case, default 200 ms.
    pub warmup: Duration,
    /// Timeout of one message to the executor, default 60 s.
    pub timeout: Duration,
    /// Maximum bytes that one case may hold on the device, default 4 GiB.
    pub memory_limit: u64,
    /// Size of the last-level cache in bytes, default 64 MiB. Rotated buffer sets exceed twice this size.
    pub cache_bytes: u64,
    /// Whether executions rotate through several buffer sets; `false` measures with warm caches.
    pub rotate: bool,
    /// Whether outputs are poisoned again before randomly chosen batches, to find a kernel that skips work
    /// which is done already. Default `false`; for kernels that are not from this program.
    pub repoison: bool,
    /// Memory and cache size of the host.
    pub host: Host,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: 1,
            dist: Distribution::default(),
            stopping: StoppingConfig::default(),
            time_limit: Duration::from_secs(5),
            min_time: Duration::ZERO,
            max_samples: 1000,
            warmup: Duration::from_millis(200),
            timeout: Duration::from_secs(60),
            memory_limit: 4 << 30,
            cache_bytes: 64 << 20,
            rotate: true,
            repoison: false,
            host: Host::default(),
        }
    }
}
