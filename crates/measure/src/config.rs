//! The settings of the method.

use super::host::Host;
use portamark_model::workload::Distribution;
use portamark_stats::StoppingConfig;
use std::time::Duration;

/// Version of the measuring method; rows of different versions are not compared.
pub const METHOD: u32 = 1;

/// What a run may set; the rest is the method.
#[derive(Debug, Clone)]
pub struct Config {
    /// Seed of inputs and verified elements.
    pub seed: u32,
    /// What inputs are drawn from.
    pub dist: Distribution,
    /// When to stop sampling.
    pub stopping: StoppingConfig,
    /// Sampling ends here even when the rule is not satisfied, but not before the least number of
    /// samples.
    pub time_limit: Duration,
    /// Sampling goes on at least so long.
    pub min_time: Duration,
    /// Most samples of a case.
    pub max_samples: usize,
    /// The least warm-up.
    pub warmup: Duration,
    /// Deadline of one message.
    pub timeout: Duration,
    /// Most bytes that one case may hold on the device.
    pub memory_limit: u64,
    /// Bytes of the last-level cache that rotation has to outgrow twice.
    pub cache_bytes: u64,
    /// Whether buffers rotate at all.
    pub rotate: bool,
    /// What the machine says of itself.
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
            host: Host::default(),
        }
    }
}
