//! Two fixed kernels between the samples, which show whether the device still runs as when the run
//! began: one is bound by arithmetic, one by memory, so that they tell which of the clocks fell.
//!
//! wgpu shows no clock. A kernel whose work never changes takes longer by the factor g when the
//! clock that bounds it falls by g.

use super::config::Config;
use super::fixed_work::prepare_fixed_work;
use super::sampling::chosen_s;
use portamark_executors::{Executor, Fault};
use portamark_kernels::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::workload::READ_BLOCK;
use portamark_results::{SentinelTimes, TimerChoice};
use std::time::Duration;

/// A millisecond on a processor: shorter ones measure the driver's launch.
const ARITHMETIC: &str = "peak f32 fma c16384 s2048";
/// The memory's one reads for about this long, in seconds: more would cost more than it tells.
const BANDWIDTH_S: f64 = 4e-3;
/// The most that it reads, in bytes.
const MOST_BYTES: u64 = 256 << 20;
/// Each time is the fastest of so many: other work on the machine slows some, a fallen clock all.
const TRIES: u32 = 3;
/// How often each runs when the run begins. Three later times that are all above fifteen are a
/// chance of one in 816.
const START: usize = 15;

/// The two sentinels in the present executor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sentinels {
    arithmetic: Option<u32>,
    bandwidth: Option<u32>,
}

impl Sentinels {
    /// Prepares both. `memory_rate` is the bandwidth of the memory in B/s, if it is known. A
    /// sentinel that the device cannot run is left out.
    pub fn prepare(
        executor: &mut dyn Executor,
        device: &Capabilities,
        config: &Config,
        source: &KernelSource,
        memory_rate: Option<f64>,
    ) -> Self {
        let mut prepare = |key: &str| prepare_fixed_work(executor, device, config, source, key).ok();
        let most = MOST_BYTES.min(device.limits.binding_bytes).min(config.memory_limit / 8);
        let beyond = (2 * config.cache_bytes).min(most);
        // Beyond the cache where the memory is fast enough, as on every GPU.
        let bytes = memory_rate.map_or(beyond, |rate| beyond.min((rate * BANDWIDTH_S) as u64));
        let elements = (bytes / 4 / READ_BLOCK).max(1) * READ_BLOCK;
        Sentinels {
            arithmetic: prepare(ARITHMETIC),
            bandwidth: prepare(&format!("stream f32 read n{elements}")),
        }
    }

    /// Runs both and adds their times.
    ///
    /// # Errors
    /// When the executor fails.
    pub fn measure(
        &self,
        executor: &mut dyn Executor,
        choice: TimerChoice,
        deadline: Duration,
        times: &mut SentinelTimes,
    ) -> Result<(), Fault> {
        let mut fastest = |handle: Option<u32>| -> Result<Option<f64>, Fault> {
            let Some(handle) = handle else { return Ok(None) };
            let mut fastest: Option<f64> = None;
            for _ in 0..TRIES {
                let sampled = executor.sample(handle, 1, 0, deadline)?;
                fastest = [fastest, chosen_s(&sampled, choice)].into_iter().flatten().min_by(f64::total_cmp);
            }
            Ok(fastest)
        };
        times.arithmetic_s.extend(fastest(self.arithmetic)?);
        times.bandwidth_s.extend(fastest(self.bandwidth)?);
        Ok(())
    }

    /// The times at the beginning of a run, with which later ones are compared.
    ///
    /// # Errors
    /// When the executor fails.
    pub fn start(
        &self,
        executor: &mut dyn Executor,
        choice: TimerChoice,
        deadline: Duration,
    ) -> Result<SentinelTimes, Fault> {
        let mut times = SentinelTimes::default();
        // The first execution may compile.
        self.measure(executor, choice, deadline, &mut times)?;
        times = SentinelTimes::default();
        for _ in 0..START {
            self.measure(executor, choice, deadline, &mut times)?;
        }
        Ok(times)
    }

    /// The preparation that is bound by arithmetic.
    pub fn arithmetic(&self) -> Option<u32> {
        self.arithmetic
    }
}
