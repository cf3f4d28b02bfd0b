//! Sentinels: two fixed kernels, run between the samples, that show whether the device still runs as fast as
//! at the start of the run. One is bound by arithmetic and one by memory, so they show which clock has
//! dropped.
//!
//! wgpu does not expose clocks. A kernel of constant work takes g times as long when the clock that bounds it
//! drops by the factor g.

use super::batch_time::chosen_s;
use super::config::Config;
use super::fixed_work::prepare_fixed_work;
use portamark_executors::{Executor, Fault};
use portamark_kernels::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::workload::READ_BLOCK;
use portamark_results::{SentinelTimes, TimerChoice};
use std::time::Duration;

/// Key of the arithmetic sentinel. It takes about 1 ms on a CPU; a shorter one would measure launch overhead.
const ARITHMETIC: &str = "peak f32 fma c16384 s2048";
/// Target duration of the bandwidth sentinel, in seconds; a longer one would not be worth its time.
const BANDWIDTH_S: f64 = 4e-3;
/// Maximum size of the array that the bandwidth sentinel reads, in bytes.
const MOST_BYTES: u64 = 256 << 20;
/// Executions per measurement, of which the fastest counts: other load slows some of them, a lower clock all.
const TRIES: u32 = 3;
/// Measurements of each sentinel at the start of a run. By chance, three later times all exceed these fifteen
/// with a probability of 1 in 816.
const START: usize = 15;

/// Handles of the two sentinels in the current executor process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sentinels {
    arithmetic: Option<u32>,
    bandwidth: Option<u32>,
}

impl Sentinels {
    /// Prepares both sentinels. `memory_rate` is the memory bandwidth in B/s, if known. A sentinel that the
    /// device cannot run is skipped.
    pub fn prepare(
        executor: &mut dyn Executor,
        device: &Capabilities,
        config: &Config,
        source: &KernelSource,
        memory_rate: Option<f64>,
    ) -> Self {
        let mut prepare = |key: &str| prepare_fixed_work(executor, device, config, source, key).ok();
        let most = MOST_BYTES.min(device.limits.binding_bytes).min(config.memory_limit / 8);
        let beyond = config.cache_bytes.saturating_mul(2).min(most);
        // The array exceeds the cache if memory is fast enough, as on every GPU.
        let bytes = memory_rate.map_or(beyond, |rate| beyond.min((rate * BANDWIDTH_S) as u64));
        let elements = (bytes / 4 / READ_BLOCK).max(1) * READ_BLOCK;
        Sentinels {
            arithmetic: prepare(ARITHMETIC),
            bandwidth: prepare(&format!("stream f32 read n{elements}")),
        }
    }

    /// Runs both sentinels and appends their times to `times`. `deadline` is the timeout of one message.
    ///
    /// # Errors
    /// Fails if the executor fails.
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

    /// Measures the times at the start of a run, with which later ones are compared.
    ///
    /// # Errors
    /// Fails if the executor fails.
    pub fn start(
        &self,
        executor: &mut dyn Executor,
        choice: TimerChoice,
        deadline: Duration,
    ) -> Result<SentinelTimes, Fault> {
        let mut times = SentinelTimes::default();
        // The first execution may include compilation.
        self.measure(executor, choice, deadline, &mut times)?;
        times = SentinelTimes::default();
        for _ in 0..START {
            self.measure(executor, choice, deadline, &mut times)?;
        }
        Ok(times)
    }

    /// Returns the handle of the arithmetic sentinel; `None` if the device cannot run it.
    pub fn arithmetic(&self) -> Option<u32> {
        self.arithmetic
    }
}
