//! Checks of clocks: the device clock by the self-test that precedes a run, and the executor's host clock
//! against the runner's.

use super::Finding;
use super::candidate::Candidate;
use crate::self_test::self_test;
use portamark_executors::Fault;
use portamark_executors::protocol::Sampled;
use portamark_model::units;
use portamark_results::TimerChoice;
use portamark_stats::median_of_unsorted;
use web_time::Instant;

/// Cases to try; the first one that the device supports is used.
const CASES: [&str; 3] =
    ["gemm f32 m256 n256 k256 nn", "stream f32 scale n1048576", "attention f32 b1 hq8 q128 kv128 d64"];
/// Duration of a batch in seconds, long enough that communication between the processes is negligible.
const BATCH_S: f64 = 0.1;
const MOST_EXECUTIONS: u32 = 1 << 14;
const BATCHES: usize = 5;
const PAIRS: usize = 9;
const TRIES: usize = 3;
/// Minimum and maximum host time that the executor may report for a long batch, as a fraction of the time
/// that the runner waits for it.
const LEAST_PART: f64 = 0.7;
const MOST_PART: f64 = 1.01;
/// Accepted range of the time ratio for four times the executions.
const FOUR: (f64, f64) = (2.5, 6.5);

/// Runs the checks `clock`, `host-time` and `k`.
pub(super) fn check(candidate: &mut Candidate) -> Vec<Finding> {
    let (_, handle) = match candidate.first_of(&CASES, 1) {
        Ok(found) => found,
        Err(words) => return vec![Finding::failed("clock", words)],
    };
    let findings = vec![
        device(candidate, handle),
        Finding::of("host-time", tried(|| host(candidate, handle))),
        Finding::of("k", tried(|| executions(candidate, handle))),
    ];
    // An earlier check has already reported a failing release.
    let _ = candidate.release(handle);
    findings
}

/// Runs the self-test on the device clock. An untrusted clock does not violate the protocol: rows then use
/// the host clock.
fn device(candidate: &mut Candidate, handle: u32) -> Finding {
    match self_test(&mut *candidate.executor, candidate.device, handle, candidate.deadline) {
        Err(fault) => Finding::failed("clock", format!("the self-test ended: {fault}")),
        Ok(report) if report.chosen == TimerChoice::Device => Finding::passed(
            "clock",
            match report.findings.is_empty() {
                true => "the device timer passes every test".into(),
                false => {
                    format!("the device timer is used, with limitations: {}", report.findings.join("; "))
                }
            },
        ),
        Ok(report) => {
            let words = format!("the host clock is used: {}", report.findings.join("; "));
            Finding::passed("clock", words)
        }
    }
}

/// Returns the median host time of batches of `k` executions in seconds, as reported by the executor and as
/// measured by the runner.
fn times(candidate: &mut Candidate, handle: u32, k: u32) -> Result<(f64, f64), String> {
    let (mut told, mut waited) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        let started = Instant::now();
        let sampled = candidate.executor.sample(handle, k, 0, candidate.deadline);
        waited.push(started.elapsed().as_secs_f64());
        told.push(sampled.map_err(|fault| format!("sample: {fault}"))?.host_ns as f64 * 1e-9);
    }
    Ok((median_of_unsorted(&mut told).unwrap_or(0.0), median_of_unsorted(&mut waited).unwrap_or(0.0)))
}

/// Returns the number of executions for which the runner waits about [`BATCH_S`].
fn batch(candidate: &mut Candidate, handle: u32) -> Result<u32, String> {
    let mut k = 1;
    loop {
        let started = Instant::now();
        candidate.sample(handle, k, 0)?;
        if started.elapsed().as_secs_f64() >= BATCH_S || k >= MOST_EXECUTIONS {
            return Ok(k);
        }
        k *= 2;
    }
}

fn host(candidate: &mut Candidate, handle: u32) -> Result<String, String> {
    let k = batch(candidate, handle)?;
    let (told_s, waited_s) = times(candidate, handle, k)?;
    let (told, waited) = (units::seconds(told_s), units::seconds(waited_s));
    if told_s > waited_s * MOST_PART {
        return Err(format!(
            "the executor reports {told} for {k} executions, but the runner waited {waited}"
        ));
    }
    if told_s < waited_s * LEAST_PART {
        return Err(format!(
            "the executor reports only {told} for {k} executions, but the runner waited {waited}"
        ));
    }
    Ok(format!("{told} of the {waited} that the runner waits for {k} executions"))
}

/// Checks that four times the executions take about four times as long. Both batch sizes alternate, so that
/// disturbances affect both.
fn executions(candidate: &mut Candidate, handle: u32) -> Result<String, String> {
    let k = (batch(candidate, handle)? / 4).max(1);
    let mut ratios = Vec::new();
    for _ in 0..PAIRS {
        let [once, four] = [k, 4 * k].map(|k| candidate.executor.sample(handle, k, 0, candidate.deadline));
        let ns = |sampled: Result<Sampled, Fault>| {
            sampled.map(|sampled| sampled.host_ns.max(1) as f64).map_err(|fault| format!("sample: {fault}"))
        };
        let (once, four) = (ns(once)?, ns(four)?);
        ratios.push(four / once);
    }
    let ratio = median_of_unsorted(&mut ratios).unwrap_or(0.0);
    let words = format!("{} executions take {} times as long as {k}", 4 * k, units::significant(ratio));
    if (FOUR.0..FOUR.1).contains(&ratio) { Ok(words) } else { Err(words) }
}

/// Returns the first of a few attempts that passes, or the last one: a busy machine may disturb one, but
/// hardly all.
fn tried(mut attempt: impl FnMut() -> Result<String, String>) -> Result<String, String> {
    let mut last = attempt();
    for _ in 1..TRIES {
        if last.is_ok() {
            break;
        }
        last = attempt();
    }
    last
}
