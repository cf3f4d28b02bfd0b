//! Checks of clocks: the device clock by the self-test that precedes a run, and the executor's host clock
//! against the runner's.

use super::Finding;
use super::candidate::Candidate;
use super::load::busy;
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
/// Ratio of the largest to the smallest value of all attempts up to which they agree.
const AGREE: f64 = 1.1;

/// Runs the checks `clock`, `host-time` and `k`.
pub(super) fn check(candidate: &mut Candidate) -> Vec<Finding> {
    let (_, handle) = match candidate.first_of(&CASES, 1) {
        Ok(found) => found,
        Err(words) => return vec![Finding::failed("clock", words)],
    };
    let findings = vec![
        device(candidate, handle),
        tried("host-time", || host(candidate, handle)),
        tried("k", || executions(candidate, handle)),
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

/// Requirement that times do not meet.
struct Miss {
    /// Description of what was observed.
    words: String,
    load: Load,
}

/// Whether load of the machine can be why times miss a requirement.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Load {
    /// Load cannot have this effect.
    Excluded,
    /// It can, but not with the same value in each attempt.
    Varying(f64),
    /// It can have this effect each time.
    Possible,
}

impl From<String> for Miss {
    /// Creates a miss that has nothing to do with times.
    fn from(words: String) -> Self {
        Miss { words, load: Load::Excluded }
    }
}

/// Returns the host times of batches of `k` executions in seconds, as reported by the executor and as measured by
/// the runner.
fn times(candidate: &mut Candidate, handle: u32, k: u32) -> Result<Vec<(f64, f64)>, String> {
    let time = |_| {
        let started = Instant::now();
        let sampled = candidate.executor.sample(handle, k, 0, candidate.deadline);
        let waited_s = started.elapsed().as_secs_f64();
        Ok((sampled.map_err(|fault| format!("sample: {fault}"))?.host_ns as f64 * 1e-9, waited_s))
    };
    (0..BATCHES).map(time).collect()
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

fn host(candidate: &mut Candidate, handle: u32) -> Result<String, Miss> {
    let k = batch(candidate, handle)?;
    host_time(k, &times(candidate, handle, k)?)
}

/// Judges the host times of batches of `k` executions, as reported and as waited for. Load makes the runner wait
/// longer than an executor takes, so the batch with the largest reported part decides whether that is too little.
fn host_time(k: u32, times: &[(f64, f64)]) -> Result<String, Miss> {
    let mut parts: Vec<f64> = times.iter().map(|(told_s, waited_s)| told_s / waited_s).collect();
    let median = |of: fn(&(f64, f64)) -> f64| {
        median_of_unsorted(&mut times.iter().map(of).collect::<Vec<_>>()).unwrap_or(0.0)
    };
    let (told, waited) = (units::seconds(median(|it| it.0)), units::seconds(median(|it| it.1)));
    let most = parts.iter().copied().fold(0.0, f64::max);
    if median_of_unsorted(&mut parts).is_none_or(|part| part > MOST_PART) {
        let words = format!("the executor reports {told} for {k} executions, but the runner waited {waited}");
        return Err(words.into());
    }
    if most < LEAST_PART {
        let words =
            format!("the executor reports only {told} for {k} executions, but the runner waited {waited}");
        return Err(Miss { words, load: Load::Varying(most) });
    }
    Ok(format!("{told} of the {waited} that the runner waits for {k} executions"))
}

/// Checks that four times the executions take about four times as long. Both batch sizes alternate, so that
/// disturbances affect both.
fn executions(candidate: &mut Candidate, handle: u32) -> Result<String, Miss> {
    let k = (batch(candidate, handle)? / 4).max(1);
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let [once, four] = [k, 4 * k].map(|k| candidate.executor.sample(handle, k, 0, candidate.deadline));
        let ns = |sampled: Result<Sampled, Fault>| {
            sampled.map(|sampled| sampled.host_ns.max(1) as f64).map_err(|fault| format!("sample: {fault}"))
        };
        pairs.push((ns(once)?, ns(four)?));
    }
    growth(k, &pairs)
}

/// Judges the times of batches of `k` and of four times as many executions. Load only adds time, so the fastest
/// batches count as well as the median of the pairs.
fn growth(k: u32, pairs: &[(f64, f64)]) -> Result<String, Miss> {
    let mut ratios: Vec<f64> = pairs.iter().map(|(once, four)| four / once).collect();
    let fastest = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).fold(f64::INFINITY, f64::min);
    let undisturbed = fastest(|pair| pair.1) / fastest(|pair| pair.0);
    let median = median_of_unsorted(&mut ratios).unwrap_or(0.0);
    let right = [median, undisturbed].into_iter().find(|ratio| (FOUR.0..FOUR.1).contains(ratio));
    let ratio = units::significant(right.unwrap_or(median));
    let words = format!("{} executions take {ratio} times as long as {k}", 4 * k);
    match right {
        Some(_) => Ok(words),
        // Load makes the longer batch wait while the shorter one does not, but hardly the other way round.
        None if undisturbed > FOUR.1 => Err(Miss { words, load: Load::Possible }),
        None => Err(words.into()),
    }
}

/// Returns the finding of the first of a few attempts that passes, or of the last one: a busy machine may
/// disturb one, but hardly all. If all miss, the load of the machine decides whether that is a fault.
fn tried(check: &'static str, mut attempt: impl FnMut() -> Result<String, Miss>) -> Finding {
    let (mut values, mut attempts) = (Vec::new(), 0);
    loop {
        let miss = match attempt() {
            Ok(words) => return Finding::passed(check, words),
            Err(miss) => miss,
        };
        values.extend(if let Load::Varying(value) = miss.load { Some(value) } else { None });
        values.sort_unstable_by(f64::total_cmp);
        let agree = values.len() == TRIES && values[TRIES - 1] < AGREE * values[0];
        attempts += 1;
        if attempts == TRIES {
            let is_fault = agree || miss.load == Load::Excluded;
            return judged(check, miss.words, if is_fault { None } else { busy() });
        }
    }
}

/// Returns the finding of times that miss a requirement, with what shows that load can be the reason.
fn judged(check: &'static str, words: String, load: Option<String>) -> Finding {
    match load {
        Some(load) => {
            let words = format!("inconclusive: busy: {words}; {load}; repeat it on a quiet machine");
            Finding::inconclusive(check, words)
        }
        None => Finding::failed(check, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::CheckOutcome;

    #[test]
    fn four_times_the_executions_are_four_times_as_long_where_nothing_disturbs_them() {
        assert!(growth(8, &[(1.0, 4.0); 9]).is_ok());
        // Every batch of 8 but one was interrupted for twice its time: 4/3. The fastest ones tell the truth.
        let mut pairs = [(3.0, 4.0); 9];
        pairs[4].0 = 1.0;
        assert_eq!(growth(8, &pairs).ok().unwrap(), "32 executions take 4.00 times as long as 8");
        let miss = growth(8, &[(1.0, 1.0); 9]).err().unwrap();
        assert!(miss.load == Load::Excluded && miss.words.contains("1.00 times"), "{}", miss.words);
        // Batches of 32 are long enough to be interrupted each time, those of 8 are not.
        assert_eq!(growth(8, &[(1.0, 9.0); 9]).err().unwrap().load, Load::Possible);
    }

    #[test]
    fn the_runner_may_wait_long_for_some_batches_and_not_for_all() {
        assert!(host_time(4, &[(0.1, 0.101); 5]).is_ok());
        let mut times = [(0.1, 0.25); 5];
        let miss = host_time(4, &times).err().unwrap();
        assert!(
            miss.load == Load::Varying(0.4) && miss.words.contains("reports only 100 ms"),
            "{}",
            miss.words
        );
        times[3] = (0.1, 0.11);
        assert!(host_time(4, &times).is_ok());
        // No load makes a batch longer than the wait for it.
        assert_eq!(host_time(4, &[(0.15, 0.1); 5]).err().unwrap().load, Load::Excluded);
    }

    #[test]
    fn a_miss_is_a_fault_on_a_quiet_machine_and_inconclusive_on_a_busy_one() {
        let words = || "4 take as long as 1".to_string();
        assert_eq!(judged("k", words(), None).outcome, CheckOutcome::Failed);
        let found = judged("k", words(), Some("work takes from 5 to 20 ms".into()));
        assert_eq!(found.outcome, CheckOutcome::Inconclusive);
        assert!(found.words.starts_with("inconclusive: busy: 4 take as long as 1"), "{}", found.words);
    }

    #[test]
    fn what_load_does_not_explain_is_a_fault_on_any_machine() {
        for load in [Load::Excluded, Load::Varying(0.5)] {
            let mut attempts = 0;
            let found = tried("k", || {
                attempts += 1;
                Err(Miss { words: String::new(), load })
            });
            assert_eq!((found.outcome, attempts), (CheckOutcome::Failed, TRIES), "{load:?}");
        }
        let mut answers =
            [Err(Miss { words: String::new(), load: Load::Possible }), Ok("right".into())].into_iter();
        assert_eq!(tried("k", || answers.next().unwrap()).outcome, CheckOutcome::Passed);
    }
}
