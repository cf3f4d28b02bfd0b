//! Self-test of a device's timer, run before anything is measured with it.

use super::batch_time::{grown, waited};
use super::config::Config;
use super::evidence::{Batch, Evidence};
use super::fixed_work::prepare_fixed_work;
use portamark_executors::{Executor, Fault};
use portamark_kernels::KernelSource;
use portamark_model::device::{Capabilities, TimerKind};
use portamark_results::TimerReport;
use std::time::Duration;
use web_time::Instant;

/// Maximum number of empty passes, from which the tick is estimated.
const EMPTY: usize = 1000;
/// Time limit for the empty passes; slow devices run fewer of them.
const EMPTY_LIMIT: Duration = Duration::from_millis(250);
/// Minimum number of empty passes.
const LEAST_EMPTY: usize = 15;
/// Number of pairs of batches with once and twice the work.
const PAIRS: usize = 15;
/// Number of batches of long work.
const LONG: usize = 5;
/// Minimum duration of single work in ticks, but at most [`LONG_S`].
const LEAST_TICKS: f64 = 20.0;
/// Minimum host time of long work, in seconds.
const LONG_S: f64 = 20e-3;
/// Minimum duration of long work in ticks, so that rounding to a tick does not affect the check of the
/// period.
const LONG_TICKS: f64 = 200.0;
/// Seconds, by the runner's clock and without the way of the messages, after which a batch does not grow any more,
/// whatever the executor says that it took.
const ENOUGH_WAIT_S: f64 = 0.05;
/// Maximum factor by which the runner may wait longer for long work than that work should take.
const LONG_WAIT: f64 = 4.0;
/// Maximum number of executions in a batch.
const MOST_EXECUTIONS: u32 = 1 << 14;

/// Tests the timer of `device` with a small stream kernel; see [`self_test`].
///
/// # Errors
/// Fails if the executor fails.
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

/// Tests the timestamps of `device` and chooses the clock for all rows. `handle` is a prepared case that
/// takes a few microseconds or more.
///
/// Runs empty passes, then once and twice the same work in turn, then long work, and checks for every
/// [`TimerFault`](portamark_results::TimerFault): timestamps exist and are ordered, twice the work takes
/// twice the time, device time does not exceed host time, and both clocks agree on the duration of long work.
/// Takes about a second.
///
/// # Errors
/// Fails if the executor fails. `deadline` is the timeout of one message.
pub fn self_test(
    executor: &mut dyn Executor,
    device: &Capabilities,
    handle: u32,
    deadline: Duration,
) -> Result<TimerReport, Fault> {
    let mut evidence = Evidence { offered: device.timer == TimerKind::PassTimestamps, ..Evidence::default() };
    // Some drivers compile at the first execution.
    executor.sample(handle, 1, 0, deadline)?;
    // Seconds by the executor's clock and by the runner's.
    let mut run = |k: u32, evidence: &mut Evidence| -> Result<(f64, f64), Fault> {
        let (sampled, waited_s) = waited(executor, handle, k, deadline)?;
        evidence.batches.push(Batch { k, sampled });
        Ok((sampled.host_ns as f64 * 1e-9, waited_s))
    };
    let started = Instant::now();
    let mut enough_s = f64::INFINITY;
    while evidence.batches.len() < LEAST_EMPTY
        || (evidence.batches.len() < EMPTY && started.elapsed() < EMPTY_LIMIT)
    {
        enough_s = enough_s.min(run(0, &mut evidence)?.1 + ENOUGH_WAIT_S);
    }
    let empty_s = evidence.median_host_s(0).unwrap_or(0.0);

    // Enough work to stand out from the cost of a submission and from a tick.
    let mut k = 1;
    let least_s = |evidence: &Evidence| {
        (10.0 * empty_s).max(2e-3).max(LEAST_TICKS * evidence.tick_ns().unwrap_or(0.0) * 1e-9).min(LONG_S)
    };
    loop {
        let (host_s, waited_s) = run(k, &mut evidence)?;
        // The runner may wait long once because the machine is busy, but hardly twice.
        let is_long =
            host_s >= least_s(&evidence) || waited_s >= enough_s && run(k, &mut evidence)?.1 >= enough_s;
        if is_long || k >= MOST_EXECUTIONS {
            break;
        }
        k *= 2;
    }
    evidence.once = k;
    let mut twice_waited_s = f64::INFINITY;
    for _ in 0..PAIRS {
        run(k, &mut evidence)?;
        twice_waited_s = twice_waited_s.min(run(2 * k, &mut evidence)?.1);
    }

    let tick_s = evidence.tick_ns().unwrap_or(0.0) * 1e-9;
    let twice_s = evidence.median_host_s(2 * k).unwrap_or(LONG_S);
    let long_s = LONG_S.max(LONG_TICKS * tick_s);
    let longer = (long_s / twice_s.max(1e-9)).ceil();
    let long = (f64::from(2 * k) * longer).min(f64::from(MOST_EXECUTIONS.max(2 * k))) as u32;
    let long = grown(2 * k, long, twice_waited_s, LONG_WAIT * long_s);
    for _ in 0..LONG {
        run(long, &mut evidence)?;
    }
    Ok(evidence.judge())
}
