//! Measurement of one case: prepare → verify → warm up → sample → verify the buffer that was written last.

use super::batch_time::{chosen_s, contradicting_waits, waited};
use super::config::Config;
use super::rotation;
use super::sampling::{self, Sampling};
use super::session::Session;
use super::verify::{Oracle, OutputProof};
use portamark_executors::protocol::{Prepare, Prepared, Sampled};
use portamark_executors::{Fault, FaultKind};
use portamark_model::plan::Plan;
use portamark_model::possible::impossible;
use portamark_model::workload::{Case, Inputs, Tile};
use portamark_results::{Cache, Spent, Tag, Timing, Verification};
use portamark_stats::is_drifting;
use web_time::Instant;

/// Outcome of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// The output was verified and the case was timed.
    Ok,
    /// The output differs from the oracle's; holds the reason.
    Wrong(String),
    /// The case would exceed its share of the time budget; holds the reason.
    TooSlow(String),
    /// The executor failed; holds the fault.
    Fault(Fault),
}

/// Result of measuring one case.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// How the measurement ended.
    pub ended: Ended,
    /// Wall time of each phase, in seconds.
    pub spent: Spent,
    /// Device memory held by the case, in bytes.
    pub held_bytes: u64,
    /// Kernel that computed the case, as named by an executor with its own kernels; otherwise `None`.
    pub kernel: Option<String>,
    /// Comparison of the outputs with the oracle; `None` if the case ended before that.
    pub verification: Option<Verification>,
    /// Samples and statistics; `None` unless the measurement ended with [`Ended::Ok`].
    pub timing: Option<Timing>,
    /// Time of the second execution in seconds; the first one may include compilation by the driver. `None`
    /// if the case ended before that.
    pub first_s: Option<f64>,
    /// Tags that qualify the timing: `throttled`, `drifting` or `noisy`.
    pub tags: Vec<Tag>,
}

/// Measures `case` with `plan`, or by its key if the executor takes cases. `share_s` is the part of the time
/// budget that the case may use, in seconds; `None` if there is no limit.
pub fn measure(
    session: &mut Session<'_>,
    config: &Config,
    case: &Case,
    plan: Option<&Plan>,
    share_s: Option<f64>,
) -> Measurement {
    let started = Instant::now();
    let mut measurement = Measurement::default();
    let mut handle = None;
    let ended = run(session, config, case, plan, share_s, &mut measurement, &mut handle);
    measurement.end(ended, session, config, handle);
    measurement.spent.total_s = started.elapsed().as_secs_f64();
    measurement
}

impl Default for Measurement {
    fn default() -> Self {
        Measurement {
            ended: Ended::Ok,
            spent: Spent::default(),
            held_bytes: 0,
            kernel: None,
            verification: None,
            timing: None,
            first_s: None,
            tags: Vec::new(),
        }
    }
}

impl Measurement {
    /// Records the outcome and releases what was prepared.
    pub(super) fn end(
        &mut self,
        ended: Result<Ended, Fault>,
        session: &mut Session<'_>,
        config: &Config,
        handle: Option<u32>,
    ) {
        self.ended = ended.unwrap_or_else(Ended::Fault);
        if self.ended != Ended::Ok {
            self.timing = None;
        }
        let gone = matches!(&self.ended, Ended::Fault(fault) if fault.is_fatal());
        if let Some(handle) = handle.filter(|_| !gone) {
            // A failure to release shows at the next request.
            let _ = session.executor.release(handle, config.timeout);
        }
    }
}

fn run(
    session: &mut Session<'_>,
    config: &Config,
    case: &Case,
    plan: Option<&Plan>,
    share_s: Option<f64>,
    measurement: &mut Measurement,
    handle_out: &mut Option<u32>,
) -> Result<Ended, Fault> {
    let ready = match prepare(session, config, case, plan, share_s, measurement, handle_out)? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let sampling = sampling::sample(session, ready.prepared(case))?;
    conclude(session, case, ready, sampling, measurement)
}

/// A prepared case whose output has been verified, ready to be timed.
pub(super) struct Ready {
    handle: u32,
    sets: u32,
    cache: Cache,
    /// Time of the second execution, in seconds.
    first_s: f64,
    /// Seconds that the runner waited for it.
    waited_s: f64,
    /// Settings, with the time limit reduced to the case's share of the budget.
    config: Config,
    tile: Tile,
    oracle: Oracle,
    before: OutputProof,
}

impl Ready {
    /// Returns what sampling `case` needs of it.
    pub(super) fn prepared<'a>(&'a self, case: &'a Case) -> sampling::Prepared<'a> {
        let Ready { handle, sets, cache, first_s, waited_s, ref config, tile, .. } = *self;
        sampling::Prepared { config, case, tile, handle, sets, cache, first_s, waited_s }
    }
}

/// Creates buffers and pipelines, and verifies the output before anything is timed. The inner `Err` is the
/// outcome of a case that cannot be timed.
pub(super) fn prepare(
    session: &mut Session<'_>,
    config: &Config,
    case: &Case,
    plan: Option<&Plan>,
    share_s: Option<f64>,
    measurement: &mut Measurement,
    handle_out: &mut Option<u32>,
) -> Result<Result<Ready, Ended>, Fault> {
    let set_bytes = plan.map_or_else(|| case.tensors().iter().map(|t| t.bytes()).sum(), Plan::bytes);
    let overhead = plan.map_or(0, |plan| plan.overhead_bytes(rotation::MOST_SETS));
    let room = config.memory_limit.saturating_sub(overhead);
    let (sets, cache) =
        if config.rotate { rotation::sets(set_bytes, config.cache_bytes, room) } else { (1, Cache::Warm) };
    let tile = plan.map_or(Tile::ONE, |plan| plan.tile);
    let started = Instant::now();
    let prepare = Prepare::new(session.device, case, plan.cloned()).but(|it| {
        it.seed = config.seed;
        it.dist = config.dist;
        it.sets = sets;
        it.memory_limit = config.memory_limit;
    });
    let Prepared { handle, compile_ns, held_bytes, kernel, .. } =
        session.executor.prepare(prepare, config.timeout)?;
    measurement.kernel = kernel;
    *handle_out = Some(handle);
    measurement.held_bytes = held_bytes;
    measurement.spent.prepare_s = started.elapsed().as_secs_f64();
    measurement.spent.compile_s = compile_ns as f64 * 1e-9;

    let first = session.executor.sample(handle, 1, 0, config.timeout)?;
    let started = Instant::now();
    let oracle = Oracle::new(case, Inputs::new(config.seed, 0).of(config.dist), tile);
    let sha256 = oracle.sha256();
    let before = oracle.check(session.executor, handle, config.timeout)?;
    measurement.spent.verify_s += started.elapsed().as_secs_f64();
    measurement.verification = Some(verification(case, &sha256, &[&before]));
    if let Some(reason) = before.reason() {
        return Ok(Err(Ended::Wrong(reason)));
    }

    // A clock that failed its self-test must not decide whether the case fits the budget.
    let chosen = session.timer.chosen;
    let host_s = |sampled: &Sampled| sampled.host_ns as f64 * 1e-9;
    let seconds = |sampled: &Sampled| chosen_s(sampled, chosen).unwrap_or(host_s(sampled));
    let cold_s = seconds(&first);
    // In the first execution some drivers compile and every cache is cold, so the second one gives the time
    // of an execution.
    let started = Instant::now();
    let second = session.executor.sample(handle, 1, 1 % sets, config.timeout)?;
    let waited_s = started.elapsed().as_secs_f64();
    let mut first_s = seconds(&second);
    if impossible(case.flop(), case.bytes(), first_s).is_some() {
        first_s = plausible_s(session, config, case, handle)?;
    }
    measurement.spent.compile_s += (cold_s - first_s).max(0.0);
    measurement.first_s = Some(first_s);
    let mut config = config.clone();
    if let Some(share_s) = share_s {
        // Three warm-up batches and the minimum number of samples.
        let needed = first_s * (3 + config.stopping.min_samples) as f64;
        if needed > share_s {
            return Ok(Err(Ended::TooSlow(format!(
                "one execution took {}, {} samples would take {}; its share of the budget is {}",
                portamark_model::units::seconds(first_s),
                config.stopping.min_samples,
                portamark_model::units::seconds(needed),
                portamark_model::units::seconds(share_s)
            ))));
        }
        config.time_limit = config.time_limit.min(std::time::Duration::from_secs_f64(0.6 * share_s));
    }
    Ok(Ok(Ready { handle, sets, cache, first_s, waited_s, config, tile, oracle, before }))
}

/// Seconds that the runner waits for a batch before it blames the clock of the executor.
const BLAMED_S: f64 = 0.02;
/// Maximum number of executions in such a batch.
const MOST_BLAMED: u32 = 4096;

/// Returns the time of one execution of a prepared case whose single execution took impossibly little. The tick of a
/// coarse clock may be longer than one execution, but not than what the runner waits [`BLAMED_S`] for.
///
/// # Errors
/// Fails if the time remains impossible, or if the executor fails.
fn plausible_s(session: &mut Session<'_>, config: &Config, case: &Case, handle: u32) -> Result<f64, Fault> {
    let mut k = 4;
    loop {
        let (sampled, waited_s) = waited(session.executor, handle, k, config.timeout)?;
        let batch_s = chosen_s(&sampled, session.timer.chosen).unwrap_or(sampled.host_ns as f64 * 1e-9);
        let seconds = batch_s / f64::from(k);
        match impossible(case.flop(), case.bytes(), seconds) {
            None => return Ok(seconds),
            Some(reason) if waited_s >= BLAMED_S || k >= MOST_BLAMED => {
                return Err(Fault::new(FaultKind::Failed, reason));
            }
            Some(_) => k *= 4,
        }
    }
}

/// Verifies the buffer that the last timed execution wrote, and completes `measurement`.
pub(super) fn conclude(
    session: &mut Session<'_>,
    case: &Case,
    ready: Ready,
    sampling: Sampling,
    measurement: &mut Measurement,
) -> Result<Ended, Fault> {
    let Ready { handle, config, tile, oracle, before, .. } = ready;
    measurement.spent.warmup_s = sampling.warmup_s;
    measurement.spent.sample_s = sampling.sample_s;
    measurement.spent.verify_s += sampling.freshness_s;
    let started = Instant::now();
    let sha256 = oracle.sha256();
    let oracle = if sampling.last_set == 0 {
        oracle
    } else {
        Oracle::new(case, Inputs::new(config.seed, sampling.last_set).of(config.dist), tile)
    };
    let after = oracle.check(session.executor, handle, config.timeout)?;
    measurement.spent.verify_s += started.elapsed().as_secs_f64();
    measurement.verification = Some(verification(case, &sha256, &[&before, &after]));
    if let Some(reason) = after.reason() {
        return Ok(Ended::Wrong(format!("after timing: {reason}")));
    }
    if let Some(reason) = sampling.accusation {
        return Ok(Ended::Wrong(reason));
    }
    let Some(timing) = sampling.timing else {
        return Err(Fault::new(FaultKind::Failed, "no batch had a usable time"));
    };
    if measurement.verification.as_ref().is_none_or(|proof| proof.checked == 0) {
        return Err(Fault::new(
            FaultKind::Failed,
            "no element of the output could be compared with the oracle",
        ));
    }
    let impossible = impossible(case.flop(), case.bytes(), timing.summary.median);
    let contradiction = impossible
        .or_else(|| timing.contradicting_clocks(session.timer.empty_host_s))
        .or_else(|| contradicting_waits(&timing, &sampling.waited_s));
    if let Some(reason) = contradiction {
        return Err(Fault::new(FaultKind::Failed, reason));
    }
    measurement.tags = tags(&timing);
    measurement.timing = Some(timing);
    Ok(Ended::Ok)
}

fn verification(case: &Case, oracle_sha256: &str, verdicts: &[&OutputProof]) -> Verification {
    let worst = verdicts.iter().max_by(|a, b| a.worst_ratio.total_cmp(&b.worst_ratio)).expect("at least one");
    let checked = verdicts.iter().map(|v| v.checked).sum();
    let mut proof = Verification::new(checked, worst.total, case.bound_factor());
    proof.passed = verdicts.iter().all(|v| v.passed());
    proof.unwritten = verdicts.iter().map(|v| v.unwritten).sum();
    proof.worst_ratio = Some(worst.worst_ratio).filter(|r| r.is_finite());
    proof.worst_error = Some(worst.worst_error).filter(|e| e.is_finite());
    proof.worst_element = Some(worst.worst_element);
    proof.oracle_sha256 = Some(oracle_sha256.to_string());
    proof
}

/// Half-width of the median's confidence interval, as a fraction of the median, above which a case is tagged
/// `noisy`.
const NOISY: f64 = 0.05;
/// Interquartile range, as a fraction of the median, above which a case is tagged `noisy`: half of its batches take
/// so different times that the median, however well it is known, describes none of them.
const SCATTERED: f64 = 0.25;

fn tags(timing: &Timing) -> Vec<Tag> {
    let mut tags = Vec::new();
    if timing.slowdowns.sustained().next().is_some() {
        tags.push(Tag::Throttled);
    }
    let summary = &timing.summary;
    if let (Some(p), Some(drift)) = (summary.drift_p, summary.drift)
        && is_drifting(p, drift)
    {
        tags.push(Tag::Drifting);
    }
    let wide =
        summary.ci_lo.zip(summary.ci_hi).is_some_and(|(lo, hi)| (hi - lo) / 2.0 > NOISY * summary.median);
    if wide || summary.relative_iqr.is_some_and(|range| range > SCATTERED) {
        tags.push(Tag::Noisy);
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_results::{Cache, TimerChoice};
    use portamark_stats::{StopReason, Summary};

    fn tags_of(samples: &[f64]) -> Vec<Tag> {
        let summary = Summary::from_samples(samples, 0.95).unwrap();
        tags(&Timing::new(TimerChoice::Host, 1, 1, Cache::Warm, StopReason::MaxSamples, summary))
    }

    #[test]
    fn times_are_noisy_if_their_median_is_not_known_or_describes_none_of_them() {
        // Half of the batches at 1 and half at 8.27, in turns: the quartiles are 727 % of the fast mode apart.
        let two_modes: Vec<f64> = (0..1001).map(|i| if i % 2 == 0 { 1.0 } else { 8.27 }).collect();
        let summary = Summary::from_samples(&two_modes, 0.95).unwrap();
        assert!(summary.relative_iqr.unwrap() > 7.0);
        assert_eq!(tags_of(&two_modes), [Tag::Noisy]);
        // The median of 30 times from 1 to 1.29 is known to ±5.5/1.145 %.
        let spread: Vec<f64> = (0..30).map(|i| 1.0 + 0.01 * f64::from(i * 11 % 30)).collect();
        assert_eq!(tags_of(&spread), []);
        let wider: Vec<f64> = (0..30).map(|i| 1.0 + 0.012 * f64::from(i * 11 % 30)).collect();
        assert_eq!(tags_of(&wider), [Tag::Noisy]);
    }
}
