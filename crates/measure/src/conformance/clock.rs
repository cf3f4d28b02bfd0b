//! Clocks: the device's is tested as before a run, and the executor's own against the runner's.

use super::Finding;
use super::subject::Subject;
use crate::self_test::self_test;
use portamark_executors::Fault;
use portamark_executors::protocol::Sampled;
use portamark_model::units;
use portamark_results::TimerChoice;
use portamark_stats::median_of_unsorted;
use web_time::Instant;

/// The first that a device does is used.
const CASES: [&str; 3] =
    ["gemm f32 m256 n256 k256 nn", "stream f32 scale n1048576", "attention f32 b1 hq8 q128 kv128 d64"];
/// Batches are made so long that what lies between two processes is small beside them.
const BATCH_S: f64 = 0.1;
const MOST_EXECUTIONS: u32 = 1 << 14;
const BATCHES: usize = 5;
const PAIRS: usize = 9;
const TRIES: usize = 3;
/// The host's time of a long batch is at least this part of what the runner waits for it, and at most
/// all of it, to a hundredth.
const LEAST_PART: f64 = 0.7;
const MOST_PART: f64 = 1.01;
/// Four times the executions take between so many times the time.
const FOUR: (f64, f64) = (2.5, 6.5);

/// The checks `clock`, `host-time` and `k`.
pub(super) fn check(subject: &mut Subject) -> Vec<Finding> {
    let (_, handle) = match subject.first_of(&CASES, 1) {
        Ok(found) => found,
        Err(words) => return vec![Finding::failed("clock", words)],
    };
    let findings = vec![
        device(subject, handle),
        Finding::of("host-time", tried(|| host(subject, handle))),
        Finding::of("k", tried(|| executions(subject, handle))),
    ];
    // What cannot be released was found out before.
    let _ = subject.release(handle);
    findings
}

/// What the self-test says of the device's clock. One that is not trusted is no breach: rows are timed
/// by the host's then.
fn device(subject: &mut Subject, handle: u32) -> Finding {
    match self_test(&mut *subject.executor, subject.device, handle, subject.deadline) {
        Err(fault) => Finding::failed("clock", format!("the self-test ended: {fault}")),
        Ok(report) if report.chosen == TimerChoice::Device => Finding::passed(
            "clock",
            match report.findings.is_empty() {
                true => "the device's clock passes every test".into(),
                false => format!("the device's clock is used, with care: {}", report.findings.join("; ")),
            },
        ),
        Ok(report) => {
            let words = format!("the host's clock is used: {}", report.findings.join("; "));
            Finding::passed("clock", words)
        }
    }
}

/// The median host time of batches of `k` by the executor and by the runner, in seconds.
fn times(subject: &mut Subject, handle: u32, k: u32) -> Result<(f64, f64), String> {
    let (mut told, mut waited) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        let started = Instant::now();
        let sampled = subject.executor.sample(handle, k, 0, subject.deadline);
        waited.push(started.elapsed().as_secs_f64());
        told.push(sampled.map_err(|fault| format!("sample: {fault}"))?.host_ns as f64 * 1e-9);
    }
    Ok((median_of_unsorted(&mut told).unwrap_or(0.0), median_of_unsorted(&mut waited).unwrap_or(0.0)))
}

/// Executions for which the runner waits for about [`BATCH_S`].
fn batch(subject: &mut Subject, handle: u32) -> Result<u32, String> {
    let mut k = 1;
    loop {
        let started = Instant::now();
        subject.sample(handle, k, 0)?;
        if started.elapsed().as_secs_f64() >= BATCH_S || k >= MOST_EXECUTIONS {
            return Ok(k);
        }
        k *= 2;
    }
}

fn host(subject: &mut Subject, handle: u32) -> Result<String, String> {
    let k = batch(subject, handle)?;
    let (told_s, waited_s) = times(subject, handle, k)?;
    let (told, waited) = (units::seconds(told_s), units::seconds(waited_s));
    if told_s > waited_s * MOST_PART {
        return Err(format!("{k} executions take {told} by the executor, and were waited for {waited}"));
    }
    if told_s < waited_s * LEAST_PART {
        return Err(format!("{k} executions take only {told} by the executor, and were waited for {waited}"));
    }
    Ok(format!("{told} of the {waited} that the runner waits for {k} executions"))
}

/// Four times the executions take about four times as long; the two take turns, so that what disturbs
/// one disturbs the other.
fn executions(subject: &mut Subject, handle: u32) -> Result<String, String> {
    let k = (batch(subject, handle)? / 4).max(1);
    let mut ratios = Vec::new();
    for _ in 0..PAIRS {
        let [once, four] = [k, 4 * k].map(|k| subject.executor.sample(handle, k, 0, subject.deadline));
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

/// The first of a few tries that passes, or the last: a busy machine disturbs one, and hardly all.
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
