//! Batches: batch size, warm-up, affine fit of the launch overhead, and sampling until the stopping rule is
//! met.

use super::batch_time::{LONGEST_WAIT_S, chosen_s, grown};
use super::config::Config;
use super::decoy::Decoy;
use super::freshness::Freshness;
use super::rotating::Rotating;
use super::session::Session;
use portamark_executors::protocol::Sampled;
use portamark_executors::{Executor, Fault, FaultKind};
use portamark_model::possible::impossible;
use portamark_model::workload::{Case, Tile};
use portamark_results::{Cache, SentinelTimes, Slowdowns, TimerChoice, TimerReport, Timing};
use portamark_stats::{
    AffineFit, Noise, StopReason, StoppingRule, StraightLine, Summary, agrees, least_squares, theil_sen,
};
use std::time::Duration;
use web_time::Instant;

/// Minimum duration of a batch in ticks of the timer; the quantisation error is then at most 0.2 %.
const LEAST_TICKS: f64 = 1000.0;
/// Minimum duration of a batch, as a multiple of an empty pass.
const LEAST_EMPTY_PASSES: f64 = 20.0;
/// Maximum number of executions in one batch, to avoid driver watchdogs and slow encoding.
const MOST_EXECUTIONS: f64 = 4096.0;
/// Maximum duration in seconds to which a batch is extended.
const LONGEST_BATCH_S: f64 = 0.1;
/// Relative difference within which warm-up batches agree.
const AGREEMENT: f64 = 0.03;
/// Number of batches from one turn of the sentinels to the next.
const SENTINEL_EVERY: usize = 10;
/// Turns that the sentinels get in every row, within its minimum number of samples; fewer are not conclusive.
const SENTINEL_TURNS: u32 = 3;
/// Maximum fraction of the sampling time that the sentinels may take after those turns.
const SENTINEL_SHARE: f64 = 0.02;

/// Returns the number of executions per batch if one execution takes `seconds`.
pub fn batch_size(seconds: f64, timer: &TimerReport) -> u32 {
    let tick_s = timer.tick_ns.unwrap_or(1.0) * 1e-9;
    let empty_s = match timer.chosen {
        TimerChoice::Device => timer.empty_device_s.unwrap_or(0.0),
        _ => timer.empty_host_s,
    };
    let least_s = (LEAST_TICKS * tick_s).max(LEAST_EMPTY_PASSES * empty_s).min(LONGEST_BATCH_S);
    (least_s / seconds.max(1e-9)).ceil().clamp(1.0, MOST_EXECUTIONS) as u32
}

/// Ratio of device time to host time above which a device time is invalid, because host time covers the whole
/// batch. Two good clocks differ by less than 0.1 %.
const IMPOSSIBLE: f64 = 1.05;

/// Replaces an impossible device time by an invalid one; the host time is kept.
fn possible(sampled: Sampled) -> Sampled {
    let most = IMPOSSIBLE * sampled.host_ns as f64 + 1000.0;
    match sampled.device_ns {
        Some(ns) if ns as f64 > most => {
            Sampled::new(None, sampled.host_ns, sampled.invalid.saturating_add(1))
        }
        _ => sampled,
    }
}

/// Result of sampling one case.
pub struct Sampling {
    /// Samples and statistics; `None` if no batch had a usable time.
    pub timing: Option<Timing>,
    /// Index of the buffer set that the last timed execution wrote.
    pub last_set: u32,
    /// Seconds that the runner waited for each timed batch; empty if they tell nothing of it.
    pub waited_s: Vec<f64>,
    /// Host time spent on warm-up, in seconds.
    pub warmup_s: f64,
    /// Host time spent on sampling, in seconds.
    pub sample_s: f64,
    /// Host time spent on batches with poisoned outputs and their verification, in seconds.
    pub freshness_s: f64,
    /// What these batches show to be wrong with the kernel; `None` if nothing is, or if there were none.
    pub accusation: Option<String>,
}

/// A prepared and verified case, ready to be sampled.
#[derive(Debug, Clone, Copy)]
pub struct Prepared<'a> {
    /// Settings of the method.
    pub config: &'a Config,
    /// Case that was prepared.
    pub case: &'a Case,
    /// Tile in which its kernel writes outputs.
    pub tile: Tile,
    /// Handle of the preparation.
    pub handle: u32,
    /// Number of buffer sets.
    pub sets: u32,
    /// State of the cache that these sets achieve.
    pub cache: Cache,
    /// Time of one execution, roughly, in seconds.
    pub first_s: f64,
    /// Seconds that the runner waited for one execution.
    pub waited_s: f64,
}

/// Warms up and samples a prepared case.
pub fn sample(session: &mut Session<'_>, prepared: Prepared<'_>) -> Result<Sampling, Fault> {
    let mut sampler = Sampler::new(session, prepared);
    while !sampler.is_warm() {
        sampler.warm_up(session)?;
    }
    sampler.begin(session)?;
    loop {
        sampler.batch(session)?;
        if let Some(stop) = sampler.decision() {
            return sampler.finish(session, stop);
        }
    }
}

/// Warm-up and sampling of one prepared case, batch by batch, so that two cases can take turns. Only the
/// case's own batches count towards its times.
pub struct Sampler<'a> {
    config: Config,
    case: &'a Case,
    rotating: Rotating,
    cache: Cache,
    timer: TimerReport,
    k: u32,
    /// Number of executions to which a batch may grow by the runner's clock.
    most_k: u32,
    /// Examination of a kernel that may skip finished work; `None` if it is trusted not to.
    freshness: Option<Freshness<'a>>,
    freshness_time: Duration,
    warm: Vec<f64>,
    warmup: Duration,
    sampling: Duration,
    rule: StoppingRule,
    device_ns: Vec<u64>,
    host_ns: Vec<u64>,
    samples: Vec<f64>,
    /// Seconds that the runner waited for each timed batch.
    waited_s: Vec<f64>,
    sentinels: SentinelTimes,
    sentinel_turns: u32,
    sentinel_time: Duration,
    invalid: u32,
    fit: Option<(StraightLine, AffineFit)>,
    /// Whether the overhead of a batch, if known, is subtracted from its time.
    without_overhead: bool,
    taken_off_s: Option<f64>,
}

impl<'a> Sampler<'a> {
    /// Creates a sampler for a prepared case.
    pub fn new(session: &Session<'_>, prepared: Prepared<'a>) -> Self {
        let Prepared { config, case, tile, handle, sets, cache, first_s, waited_s } = prepared;
        let k = grown(1, batch_size(first_s, session.timer), waited_s, LONGEST_WAIT_S);
        let choice = session.timer.chosen;
        Sampler {
            config: config.clone(),
            case,
            rotating: Rotating::new(handle, sets),
            cache,
            timer: session.timer.clone(),
            k,
            most_k: k,
            freshness: config.repoison.then(|| {
                let decoy = Decoy::new(case, session.device, sets, config);
                Freshness::new(case, tile, choice, decoy, config)
            }),
            freshness_time: Duration::ZERO,
            warm: Vec::new(),
            warmup: Duration::ZERO,
            sampling: Duration::ZERO,
            rule: StoppingRule::new(config.stopping),
            device_ns: Vec::new(),
            host_ns: Vec::new(),
            samples: Vec::new(),
            waited_s: Vec::new(),
            sentinels: SentinelTimes::default(),
            sentinel_turns: 0,
            sentinel_time: Duration::ZERO,
            invalid: 0,
            fit: None,
            without_overhead: true,
            taken_off_s: None,
        }
    }

    /// Runs k executions on the next buffer sets.
    fn run(&mut self, executor: &mut dyn Executor, k: u32) -> Result<Sampled, Fault> {
        let sampled = self.rotating.run(executor, k, self.config.timeout)?;
        // If the host clock was chosen, device times are recorded unchanged.
        Ok(if self.timer.chosen == TimerChoice::Device { possible(sampled) } else { sampled })
    }

    /// Whether the warm-up is complete: it is long enough, and its batches agree or its time limit is
    /// reached.
    pub fn is_warm(&self) -> bool {
        let limit = self.config.time_limit.mul_f64(0.25).max(self.config.warmup);
        self.warm.len() >= 3
            && self.warmup >= self.config.warmup
            && (agrees(&self.warm, AGREEMENT) || self.warmup >= limit)
    }

    /// Runs one warm-up batch.
    pub fn warm_up(&mut self, session: &mut Session<'_>) -> Result<(), Fault> {
        let started = Instant::now();
        let sampled = self.run(session.executor, self.k)?;
        let host_s = sampled.host_ns as f64 * 1e-9;
        self.warm.push(chosen_s(&sampled, self.timer.chosen).unwrap_or(host_s) / f64::from(self.k));
        let waited = started.elapsed();
        self.most_k = grown(self.k, u32::MAX, waited.as_secs_f64(), LONGEST_WAIT_S);
        if let [only] = self.warm[..] {
            // The first guess came from a cold execution with all its overhead; this batch gives a better
            // one.
            self.k = self.k.max(batch_size(only, &self.timer)).min(self.most_k);
        }
        self.warmup += waited;
        Ok(())
    }

    /// Returns the number of executions to which a batch may grow by the runner's clock.
    pub fn most_k(&self) -> u32 {
        self.most_k
    }

    /// Returns the number of executions in each batch.
    pub fn k(&self) -> u32 {
        self.k
    }

    /// Returns the seconds of one execution in the last warm-up batch; 0 before the first one.
    pub fn execution_s(&self) -> f64 {
        self.warm.last().copied().unwrap_or(0.0)
    }

    /// Sets the number of executions per batch to `k`, and leaves the overhead in the times: another side
    /// with the same `k` has the same overhead, so it needs no estimate.
    pub fn set_k(&mut self, k: u32) {
        self.k = k;
        self.without_overhead = false;
    }

    /// Ends the warm-up: separates launch overhead from kernel time, and poisons the outputs.
    pub fn begin(&mut self, session: &mut Session<'_>) -> Result<(), Fault> {
        let started = Instant::now();
        // A coarse clock gives no time for some batches, but not for all of them.
        let longest_s = self.warm.iter().copied().fold(0.0, f64::max);
        if let Some(reason) = impossible(self.case.flop(), self.case.bytes(), longest_s) {
            return Err(Fault::new(FaultKind::Failed, reason));
        }
        self.fit = self.affine(session.executor)?;
        let line = self.fit.map(|(line, _)| line).filter(|_| self.without_overhead);
        self.taken_off_s = line.and_then(|line| to_take_off(&self.timer, line, self.k));
        self.warmup += started.elapsed();
        self.rotating.poison(session.executor, self.config.timeout)
    }

    /// Runs one timed batch and, after the first and every tenth one from there, the sentinels if they are
    /// due. Returns the seconds of one execution; `None` if the batch had no usable time.
    pub fn batch(&mut self, session: &mut Session<'_>) -> Result<Option<f64>, Fault> {
        let started = Instant::now();
        let sampled = self.run(session.executor, self.k)?;
        self.waited_s.extend(session.executor.takes_real_time().then(|| started.elapsed().as_secs_f64()));
        self.invalid = self.invalid.saturating_add(sampled.invalid);
        self.host_ns.push(sampled.host_ns);
        self.device_ns.extend(sampled.device_ns);
        let batch_s = chosen_s(&sampled, self.timer.chosen);
        let seconds = batch_s.map(|seconds| Timing::of_one(seconds, self.k, self.taken_off_s));
        if let Some(seconds) = seconds {
            self.samples.push(seconds);
            self.rule.push(seconds);
        }
        if self.host_ns.len() % SENTINEL_EVERY == 1
            && may_watch(self.sentinel_turns, self.sentinel_time, self.sampling + started.elapsed())
        {
            let (begun, choice, timeout) = (Instant::now(), self.timer.chosen, self.config.timeout);
            session.sentinels.measure(session.executor, choice, timeout, &mut self.sentinels)?;
            self.sentinel_turns += 1;
            self.sentinel_time += begun.elapsed();
        }
        self.sampling += started.elapsed();
        let started = Instant::now();
        if let Some(freshness) = &mut self.freshness {
            freshness.after_batch(session.executor, &self.config, &mut self.rotating, self.k)?;
            self.freshness_time += started.elapsed();
        }
        Ok(seconds)
    }

    /// Returns the reason to stop sampling; `None` if sampling must go on.
    pub fn decision(&self) -> Option<StopReason> {
        self.rule.decision().filter(|_| self.is_long_enough()).or_else(|| self.limit())
    }

    /// Whether the minimum sampling time has passed.
    pub fn is_long_enough(&self) -> bool {
        self.sampling >= self.config.min_time
    }

    /// Returns the limit on time or number of samples that is reached; `None` if neither is.
    pub fn limit(&self) -> Option<StopReason> {
        if self.host_ns.len() >= self.config.max_samples {
            return Some(StopReason::MaxSamples);
        }
        let over = self.sampling >= self.config.time_limit;
        (over && self.host_ns.len() >= self.config.stopping.min_samples).then_some(StopReason::TimeLimit)
    }

    /// Returns the samples and statistics, after sampling ended for the reason `stop`.
    pub fn finish(mut self, session: &mut Session<'_>, stop: StopReason) -> Result<Sampling, Fault> {
        let started = Instant::now();
        let accusation = match &mut self.freshness {
            Some(freshness) => {
                freshness.conclude(session.executor, &self.config, &mut self.rotating, self.k)?
            }
            None => None,
        };
        self.freshness_time += started.elapsed();
        let last_set = self.rotating.last_set();
        let slowdowns = session.sentinel_start.map(|start| Slowdowns::between(start, &self.sentinels));
        let line = self.fit.map(|(line, _)| line);
        let summary = Summary::from_samples(&self.samples, self.config.stopping.level);
        let timing = summary.map(|summary| {
            let timing =
                Timing::new(self.timer.chosen, self.k, self.rotating.sets(), self.cache, stop, summary);
            timing.but(|it| {
                it.warmup_batches = self.warm.len() as u32;
                it.warmup_agreed = agrees(&self.warm, AGREEMENT);
                it.device_ns = self.device_ns;
                it.host_ns = self.host_ns;
                it.invalid = self.invalid;
                it.overhead_s = line.map(|line| line.intercept);
                it.slope_s = line.map(|line| line.slope);
                it.fit = self.fit.map(|(_, fit)| fit);
                it.taken_off_s = self.taken_off_s;
                it.slowdowns = slowdowns.unwrap_or_default();
                it.sentinel_s = self.sentinels.arithmetic_s;
                it.bandwidth_sentinel_s = self.sentinels.bandwidth_s;
            })
        });
        Ok(Sampling {
            timing,
            last_set,
            waited_s: self.waited_s,
            warmup_s: self.warmup.as_secs_f64(),
            sample_s: self.sampling.as_secs_f64(),
            freshness_s: self.freshness_time.as_secs_f64(),
            accusation,
        })
    }

    /// Fits T(k) = a + b·k to three batch sizes, to separate launch overhead a from kernel time b. Returns
    /// `None` if that would take more than a tenth of the time limit.
    fn affine(&mut self, executor: &mut dyn Executor) -> Result<Option<(StraightLine, AffineFit)>, Fault> {
        let each = self.execution_s();
        let unit = (self.k / 4).max(1);
        if each * f64::from(unit) * 21.0 > 0.1 * self.config.time_limit.as_secs_f64() {
            return Ok(None);
        }
        let mut points = Vec::new();
        for _ in 0..3 {
            for factor in [1, 2, 4] {
                let sampled = self.run(executor, unit * factor)?;
                let seconds = chosen_s(&sampled, self.timer.chosen);
                points.extend(seconds.map(|seconds| (f64::from(unit * factor), seconds)));
            }
        }
        // Theil–Sen for the line, which outliers do not move, and least squares for the intervals.
        Ok(theil_sen(&points).zip(least_squares(&points, Noise::Proportional)))
    }
}

/// Whether the sentinels, which took `spent` in `turns` turns, may have another turn. `sampling` is the
/// sampling time so far, including theirs.
fn may_watch(turns: u32, spent: Duration, sampling: Duration) -> bool {
    turns < SENTINEL_TURNS || spent + spent / turns <= sampling.mul_f64(SENTINEL_SHARE)
}

/// Maximum plausible overhead, as a multiple of an empty batch; a larger one means that the fitted batches
/// were disturbed.
const MOST_EMPTY: f64 = 3.0;

/// Returns the seconds of overhead to subtract from each batch. The host clock includes the submission, a
/// twentieth of a batch; the device clock starts and ends with the pass. An overhead that is negative, above
/// half of a batch or above three empty batches is noise and is not subtracted.
fn to_take_off(timer: &TimerReport, line: StraightLine, k: u32) -> Option<f64> {
    let batch_s = line.intercept + line.slope * f64::from(k);
    let most_s = (0.5 * batch_s).min(MOST_EMPTY * timer.empty_host_s);
    let is_sound = line.intercept > 0.0 && line.intercept < most_s;
    (timer.chosen == TimerChoice::Host && is_sound).then_some(line.intercept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(chosen: TimerChoice) -> TimerReport {
        TimerReport::untested(String::new()).but(|it| {
            it.chosen = chosen;
            it.tick_ns = Some(10.0);
            it.empty_host_s = 50e-6;
            it.empty_device_s = Some(1e-6);
        })
    }

    #[test]
    fn a_device_s_time_above_the_host_s_is_counted_as_invalid() {
        let sample = |ns| Sampled::new(Some(ns), 1_000_000, 0);
        assert_eq!(possible(sample(1_040_000)), sample(1_040_000));
        assert_eq!(possible(sample(1_060_000)), Sampled::new(None, 1_000_000, 1));
        let most = Sampled::new(Some(1_060_000), 1_000_000, u32::MAX);
        assert_eq!(possible(most), Sampled::new(None, 1_000_000, u32::MAX));
    }

    #[test]
    fn sentinels_have_three_turns_and_then_a_fiftieth_of_the_time() {
        let ms = Duration::from_millis;
        assert!(may_watch(0, ms(0), ms(0)) && may_watch(2, ms(20), ms(30)));
        // A fourth turn of 10 ms makes 40 ms, a fiftieth of 2 s.
        assert!(!may_watch(3, ms(30), ms(1999)));
        assert!(may_watch(3, ms(30), ms(2000)));
    }

    #[test]
    fn overhead_is_taken_off_the_hosts_time_where_it_is_one() {
        let line = |intercept: f64, slope: f64| StraightLine { intercept, slope };
        assert_eq!(to_take_off(&timer(TimerChoice::Host), line(5e-5, 1e-4), 10), Some(5e-5));
        assert_eq!(to_take_off(&timer(TimerChoice::Device), line(5e-5, 1e-4), 10), None);
        assert_eq!(to_take_off(&timer(TimerChoice::Host), line(-5e-5, 1e-4), 10), None);
        // An empty batch takes 50 µs: 200 µs more than the executions are a disturbance.
        assert_eq!(to_take_off(&timer(TimerChoice::Host), line(2e-4, 1e-3), 10), None);
        // 2 ms of a batch of 3 ms are too much to be overhead.
        assert_eq!(to_take_off(&timer(TimerChoice::Host), line(2e-3, 1e-4), 10), None);
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
