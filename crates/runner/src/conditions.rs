//! What is found out of a device before its first case: its last-level cache, whether its clock is
//! steady, and the times of its sentinels.

use portamark_executors::Executor;
use portamark_kernels::KernelSource;
use portamark_measure::{Config, Sentinels, measure_cache, settle};
use portamark_model::device::Capabilities;
use portamark_results::{self as results, Header};
use portamark_results::{CacheReport, SentinelTimes, Settled, TimerReport};
use std::time::Duration;

/// How a device is when its run begins.
pub(crate) struct Conditions {
    /// What goes into the header.
    pub(crate) cache: Option<CacheReport>,
    pub(crate) settled: Option<Settled>,
    /// What waiting for a steady clock came to, in words, where there was any.
    pub(crate) clock: Option<String>,
    pub(crate) sentinel_start: Option<SentinelTimes>,
    /// The sentinels in the present child.
    sentinels: Sentinels,
    /// Generation of that child.
    sentinels_of: u32,
    /// Bandwidth of the memory in B/s, where its curve was measured.
    memory_rate: Option<f64>,
}

impl Conditions {
    /// Looks at `device`. A resumed run goes on with the cache and the beginning of the `earlier`
    /// one. `config` gets the size of the cache.
    pub(crate) fn find(
        executor: &mut dyn Executor,
        device: &Capabilities,
        timer: &TimerReport,
        config: &mut Config,
        source: &KernelSource,
        longest: Option<Duration>,
        earlier: Option<&Header>,
    ) -> Self {
        let cache = match earlier.and_then(|header| header.cache.clone()) {
            Some(known) => Some(known),
            None if !config.rotate => None,
            None => {
                let found = measure_cache(executor, device, timer, config, source);
                let finding = results::redact(&found.finding);
                Some(CacheReport::new(found.bytes, found.source, finding, found.curve))
            }
        };
        if let Some(cache) = &cache {
            config.cache_bytes = cache.bytes;
        }
        let memory_rate = cache.as_ref().and_then(|cache| cache.curve.last()).map(|point| point.rate);
        let sentinels = Sentinels::prepare(executor, device, config, source, memory_rate);
        let (mut settled, mut clock) = (None, None);
        if let (Some(longest), Some(handle)) = (longest, sentinels.arithmetic()) {
            settled = settle(executor, handle, timer.chosen, config.timeout, longest).ok();
            clock = Some(settled.as_ref().map_or("unknown, the sentinel failed".into(), Settled::describe));
        }
        let known = earlier.and_then(|header| header.sentinels.clone());
        let sentinel_start = known.or_else(|| sentinels.start(executor, timer.chosen, config.timeout).ok());
        let sentinels_of = executor.generation();
        Conditions { cache, settled, clock, sentinel_start, sentinels, sentinels_of, memory_rate }
    }

    /// The sentinels, made anew where there are none in the present child.
    pub(crate) fn sentinels(
        &mut self,
        executor: &mut dyn Executor,
        device: &Capabilities,
        config: &Config,
        source: &KernelSource,
    ) -> Sentinels {
        if self.sentinels_of != executor.generation() {
            self.sentinels = Sentinels::prepare(executor, device, config, source, self.memory_rate);
            self.sentinels_of = executor.generation();
        }
        self.sentinels
    }
}
