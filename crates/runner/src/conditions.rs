//! State of a device before its first case: last-level cache, steadiness of its clock, and sentinel times.

use portamark_executors::Executor;
use portamark_kernels::KernelSource;
use portamark_measure::{Config, Sentinels, measure_cache, settle};
use portamark_model::device::Capabilities;
use portamark_results::{self as results, Header};
use portamark_results::{CacheReport, SentinelTimes, Settled, TimerReport};
use std::time::Duration;

/// State of a device at the start of its run.
pub(crate) struct Conditions {
    /// Last-level cache, for the header; `None` if buffers do not rotate.
    pub(crate) cache: Option<CacheReport>,
    pub(crate) settled: Option<Settled>,
    /// Result of waiting for a steady clock, as text; `None` if there was no wait.
    pub(crate) clock: Option<String>,
    pub(crate) sentinel_start: Option<SentinelTimes>,
    /// Reason why the sentinels have no times at the start; `None` if they do.
    pub(crate) problem: Option<String>,
    /// Sentinels in the current executor process.
    sentinels: Sentinels,
    /// Generation of that process.
    sentinels_of: u32,
    /// Memory bandwidth in B/s; `None` if the bandwidth curve was not measured.
    memory_rate: Option<f64>,
}

impl Conditions {
    /// Examines `device` and stores the size of its cache in `config`. A resumed run reuses the cache and the
    /// sentinel times of the `earlier` one. `longest` limits the wait for a steady clock; `None` skips it.
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
            match settle(executor, handle, timer.chosen, config.timeout, longest) {
                Ok(found) => (settled, clock) = (Some(found), Some(found.describe())),
                Err(fault) => {
                    clock = Some(format!("unknown: the sentinel failed: {}", results::redact(&fault.reason)))
                }
            }
        }
        let known = earlier.and_then(|header| header.sentinels.clone());
        let mut problem = None;
        let sentinel_start = known.or_else(|| {
            let started = sentinels.start(executor, timer.chosen, config.timeout);
            started.map_err(|fault| problem = Some(results::redact(&fault.reason))).ok()
        });
        let sentinels_of = executor.generation();
        Conditions { cache, settled, clock, sentinel_start, problem, sentinels, sentinels_of, memory_rate }
    }

    /// Returns the sentinels, prepared again if the executor process is a new one.
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
