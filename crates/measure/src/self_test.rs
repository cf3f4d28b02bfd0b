//! A timer that is itself tested, before anything is measured with it.

use super::config::Config;
use super::evidence::{Batch, Evidence};
use super::fixed_work::prepare_fixed_work;
use portamark_executors::{Executor, Fault};
use portamark_kernels::KernelSource;
use portamark_model::device::{Capabilities, TimerKind};
use portamark_results::TimerReport;
use std::time::Duration;
use web_time::Instant;

/// Empty passes, from which the tick is estimated.
const EMPTY: usize = 1000;
/// Fewer empty passes must do where they take longer than this.
const EMPTY_LIMIT: Duration = Duration::from_millis(250);
/// Never fewer empty passes than this.
const LEAST_EMPTY: usize = 15;
/// Pairs of once and twice the work.
const PAIRS: usize = 15;
/// Batches of long work.
const LONG: usize = 5;
/// Work lasts so many ticks, unless that is longer than long work.
const LEAST_TICKS: f64 = 20.0;
/// Host time of long work.
const LONG_S: f64 = 20e-3;
/// Long work lasts so many ticks: a part of a tick more or less then says nothing of the period.
const LONG_TICKS: f64 = 200.0;
/// Most executions in a batch.
const MOST_EXECUTIONS: u32 = 1 << 14;

/// Tests the timer of `device` on some real work of its own; see [`self_test`].
///
/// # Errors
/// When the executor fails.
pub fn test_timer(
    executor: &mut dyn Executor,
    device: &Capabilities,
    config: &Config,
    source: &KernelSource,
) -> Result<TimerReport, Fault> {
    let handle = prepare_fixed_work(executor, device, config, source, "stream f32 scale n262144")?;
    let report = self_test(executor, device, handle, config.timeout)?;
    executor.release(handle, config.timeout)?;
    Ok(report)
}

/// Tests the timestamps of `device` on the preparation `handle`, some real work of a few microseconds
/// or more, and chooses the clock of the rows.
///
/// It runs empty passes, then once and twice the same work in turn, then long work, and looks for
/// every [`TimerFault`](portamark_results::TimerFault): stamps are there and ordered; twice the work takes twice
/// the time; device time is at most host time; both clocks agree on how long long work takes. It
/// takes about a second.
///
/// # Errors
/// When the executor fails; `deadline` is that of one message.
pub fn self_test(
    executor: &mut dyn Executor,
    device: &Capabilities,
    handle: u32,
    deadline: Duration,
) -> Result<TimerReport, Fault> {
    let mut evidence = Evidence { offered: device.timer == TimerKind::PassTimestamps, ..Evidence::default() };
    // Some drivers compile at the first execution.
    executor.sample(handle, 1, 0, deadline)?;
    let mut run = |k: u32, evidence: &mut Evidence| -> Result<f64, Fault> {
        let sampled = executor.sample(handle, k, 0, deadline)?;
        evidence.batches.push(Batch { k, sampled });
        Ok(sampled.host_ns as f64 * 1e-9)
    };
    let started = Instant::now();
    while evidence.batches.len() < LEAST_EMPTY
        || (evidence.batches.len() < EMPTY && started.elapsed() < EMPTY_LIMIT)
    {
        run(0, &mut evidence)?;
    }
    let empty_s = evidence.median_host_s(0).unwrap_or(0.0);

    // Enough work to stand out from the cost of a submission and from a tick.
    let mut k = 1;
    let least_s = |evidence: &Evidence| {
        (10.0 * empty_s).max(2e-3).max(LEAST_TICKS * evidence.tick_ns().unwrap_or(0.0) * 1e-9).min(LONG_S)
    };
    while run(k, &mut evidence)? < least_s(&evidence) && k < MOST_EXECUTIONS {
        k *= 2;
    }
    evidence.once = k;
    for _ in 0..PAIRS {
        run(k, &mut evidence)?;
        run(2 * k, &mut evidence)?;
    }

    let tick_s = evidence.tick_ns().unwrap_or(0.0) * 1e-9;
    let twice_s = evidence.median_host_s(2 * k).unwrap_or(LONG_S);
    let longer = (LONG_S.max(LONG_TICKS * tick_s) / twice_s.max(1e-9)).ceil();
    let long = (f64::from(2 * k) * longer).min(f64::from(MOST_EXECUTIONS.max(2 * k))) as u32;
    for _ in 0..LONG {
        run(long, &mut evidence)?;
    }
    Ok(evidence.judge())
}
