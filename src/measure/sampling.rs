//! Batches: size, warm-up, affine fit, sampling until the rule says stop.

use super::config::Config;
use super::result::{Cache, TimerChoice, TimerReport, Timing, of_one, quantiles};
use super::sentinel::{SentinelTimes, Slowdowns};
use super::session::Session;
use crate::executor::protocol::Sampled;
use crate::executor::{Executor, Fault};
use crate::stats::{AffineFit, Line, StopReason, StoppingRule, Summary, agrees, least_squares, theil_sen};
use std::time::Instant;

/// A batch lasts at least this many ticks: quantisation then errs by 0.2 % at most.
const LEAST_TICKS: f64 = 1000.0;
/// A batch lasts at least this many empty passes.
const LEAST_EMPTY_PASSES: f64 = 20.0;
/// Most executions in one batch, to stay clear of drivers' watchdogs and of slow encoding.
const MOST_EXECUTIONS: f64 = 4096.0;
/// A batch is never made longer than this.
const LONGEST_BATCH_S: f64 = 0.1;
/// Warm-up batches agree within this.
const AGREEMENT: f64 = 0.03;
/// Batches between two sentinels.
const SENTINEL_EVERY: usize = 10;

/// Executions per batch for one execution of `seconds`.
pub fn batch_size(seconds: f64, timer: &TimerReport) -> u32 {
    let tick_s = timer.tick_ns.unwrap_or(1.0) * 1e-9;
    let empty_s = match timer.chosen {
        TimerChoice::Device => timer.empty_device_s.unwrap_or(0.0),
        TimerChoice::Host => timer.empty_host_s,
    };
    let least_s = (LEAST_TICKS * tick_s).max(LEAST_EMPTY_PASSES * empty_s).min(LONGEST_BATCH_S);
    (least_s / seconds.max(1e-9)).ceil().clamp(1.0, MOST_EXECUTIONS) as u32
}

/// Time of a batch by the chosen clock, if it has one.
pub(super) fn chosen_s(sampled: &Sampled, choice: TimerChoice) -> Option<f64> {
    match choice {
        TimerChoice::Host => Some(sampled.host_ns as f64 * 1e-9),
        TimerChoice::Device => sampled.device_ns.filter(|ns| *ns > 0).map(|ns| ns as f64 * 1e-9),
    }
}

/// What sampling leaves behind.
pub struct Sampling {
    /// The samples and statistics; none when no batch had a usable time.
    pub timing: Option<Timing>,
    /// The buffer set that the last timed execution wrote.
    pub last_set: u32,
    /// Seconds of host time spent warming up.
    pub warmup_s: f64,
    /// Seconds of host time spent sampling.
    pub sample_s: f64,
}

/// Warms up and samples `handle`, whose single execution took about `seconds`.
pub fn sample(
    session: &mut Session<'_>,
    config: &Config,
    handle: u32,
    sets: u32,
    cache: Cache,
    seconds: f64,
) -> Result<Sampling, Fault> {
    let timer = session.timer.clone();
    let choice = timer.chosen;
    let executor: &mut dyn Executor = session.executor;
    let mut k = batch_size(seconds, &timer);
    let mut next_set = 0u32;
    let mut batch = |executor: &mut dyn Executor, k: u32| {
        let first = next_set;
        next_set = (next_set + k) % sets;
        executor.sample(handle, k, first, config.timeout).map(|s| (s, (first + k - 1) % sets))
    };

    let started = Instant::now();
    let mut warm = Vec::new();
    let limit = config.time_limit.mul_f64(0.25).max(config.warmup);
    loop {
        let (sampled, _) = batch(executor, k)?;
        warm.push(chosen_s(&sampled, choice).unwrap_or(sampled.host_ns as f64 * 1e-9) / f64::from(k));
        if warm.len() == 1 {
            // The first guess came from a cold execution with all its overhead; size the batch by these.
            k = k.max(batch_size(warm[0], &timer));
        }
        let elapsed = started.elapsed();
        let agreed = agrees(&warm, AGREEMENT);
        if warm.len() >= 3 && elapsed >= config.warmup && (agreed || elapsed >= limit) {
            break;
        }
    }
    let warmup_agreed = agrees(&warm, AGREEMENT);
    let fit = affine(executor, &mut batch, k, &warm, choice, config)?;
    let line = fit.map(|(line, _)| line);
    let taken_off_s = line.and_then(|line| to_take_off(choice, line, k));
    let warmup_s = started.elapsed().as_secs_f64();

    executor.poison(handle, config.timeout)?;
    let started = Instant::now();
    let mut rule = StoppingRule::new(config.stopping);
    let (mut device_ns, mut host_ns, mut samples) = (vec![], vec![], vec![]);
    let mut sentinels = SentinelTimes::default();
    let mut invalid = 0;
    let mut last_set;
    let stop = loop {
        let (sampled, set) = batch(executor, k)?;
        last_set = set;
        invalid += sampled.invalid;
        host_ns.push(sampled.host_ns);
        device_ns.extend(sampled.device_ns);
        if let Some(seconds) = chosen_s(&sampled, choice) {
            let each = of_one(seconds, k, taken_off_s);
            samples.push(each);
            rule.push(each);
        }
        if host_ns.len() % SENTINEL_EVERY == 1 {
            session.sentinels.measure(executor, choice, config.timeout, &mut sentinels)?;
        }
        if let Some(reason) = rule.decision().filter(|_| started.elapsed() >= config.min_time) {
            break reason;
        }
        if host_ns.len() >= config.max_samples {
            break StopReason::MaxSamples;
        }
        if host_ns.len() >= config.stopping.min_samples && started.elapsed() >= config.time_limit {
            break StopReason::TimeLimit;
        }
    };
    let sample_s = started.elapsed().as_secs_f64();
    let timing = Summary::from_samples(&samples, config.stopping.level).map(|summary| Timing {
        timer: choice,
        k,
        sets,
        cache,
        warmup_batches: warm.len() as u32,
        warmup_agreed,
        stop,
        device_ns,
        host_ns,
        invalid,
        summary,
        overhead_s: line.map(|line| line.intercept),
        slope_s: line.map(|line| line.slope),
        fit: fit.map(|(_, fit)| fit),
        taken_off_s,
        quantiles: quantiles(),
        slowdowns: session
            .sentinel_start
            .map(|start| Slowdowns::between(start, &sentinels))
            .unwrap_or_default(),
        sentinel_s: sentinels.arithmetic_s,
        bandwidth_sentinel_s: sentinels.bandwidth_s,
    });
    Ok(Sampling { timing, last_set, warmup_s, sample_s })
}

/// T(k) = a + b·k over three batch sizes: launch overhead a and kernel time b, apart. Left out
/// where it would cost more than a tenth of the time limit.
fn affine(
    executor: &mut dyn Executor,
    batch: &mut impl FnMut(&mut dyn Executor, u32) -> Result<(Sampled, u32), Fault>,
    k: u32,
    warm: &[f64],
    choice: TimerChoice,
    config: &Config,
) -> Result<Option<(Line, AffineFit)>, Fault> {
    let each = warm.last().copied().unwrap_or(0.0);
    let unit = (k / 4).max(1);
    if each * f64::from(unit) * 21.0 > 0.1 * config.time_limit.as_secs_f64() {
        return Ok(None);
    }
    let mut points = Vec::new();
    for _ in 0..3 {
        for factor in [1, 2, 4] {
            let (sampled, _) = batch(executor, unit * factor)?;
            points.extend(chosen_s(&sampled, choice).map(|seconds| (f64::from(unit * factor), seconds)));
        }
    }
    // The line that outliers do not move, and the intervals of the other.
    Ok(theil_sen(&points).zip(least_squares(&points)))
}

/// The overhead that the summary leaves out. The host's clock also sees the submission, a twentieth of
/// a batch; the device's begins and ends with the pass. An overhead below 0, or of more than half of a
/// batch, is noise and stays in.
fn to_take_off(choice: TimerChoice, line: Line, k: u32) -> Option<f64> {
    let batch_s = line.intercept + line.slope * f64::from(k);
    let is_sound = line.intercept > 0.0 && line.intercept < 0.5 * batch_s;
    (choice == TimerChoice::Host && is_sound).then_some(line.intercept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(chosen: TimerChoice) -> TimerReport {
        TimerReport {
            chosen,
            tick_ns: Some(10.0),
            empty_host_s: 50e-6,
            empty_device_s: Some(1e-6),
            ..TimerReport::untested(String::new())
        }
    }

    #[test]
    fn overhead_is_taken_off_the_hosts_time_where_it_is_one() {
        let line = |intercept: f64, slope: f64| Line { intercept, slope };
        assert_eq!(to_take_off(TimerChoice::Host, line(5e-5, 1e-4), 10), Some(5e-5));
        assert_eq!(to_take_off(TimerChoice::Device, line(5e-5, 1e-4), 10), None);
        assert_eq!(to_take_off(TimerChoice::Host, line(-5e-5, 1e-4), 10), None);
        // 2 ms of 3 ms are no overhead of a batch of ten.
        assert_eq!(to_take_off(TimerChoice::Host, line(2e-3, 1e-4), 10), None);
    }

    #[test]
    fn a_batch_is_a_thousand_ticks_and_twenty_empty_passes_long() {
        // Device: max(1000 x 10 ns, 20 x 1 us) = 20 us.
        assert_eq!(batch_size(1e-6, &timer(TimerChoice::Device)), 20);
        // Host: 20 x 50 us = 1 ms.
        assert_eq!(batch_size(1e-4, &timer(TimerChoice::Host)), 10);
        // A slow kernel is a batch of its own.
        assert_eq!(batch_size(0.5, &timer(TimerChoice::Host)), 1);
        assert_eq!(batch_size(0.0, &timer(TimerChoice::Host)), 4096);
    }
}
