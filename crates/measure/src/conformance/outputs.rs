//! Checks that outputs come from the requested executions: poison, buffer sets, and k.

use super::Finding;
use super::candidate::Candidate;
use crate::verify::Oracle;
use portamark_model::workload::{Case, Inputs, Tile};

/// Cases to try; the first one that the device supports is used.
const CASES: [&str; 3] =
    ["gemm f32 m48 n40 k64 nn", "stream f32 scale n4096", "attention f32 b1 hq2 q16 kv16 d64"];
const SETS: u32 = 3;

/// Runs the checks `poison`, `sets` and `fresh`.
pub(super) fn check(candidate: &mut Candidate) -> Vec<Finding> {
    let (case, handle) = match candidate.first_of(&CASES, SETS) {
        Ok(found) => found,
        Err(words) => return vec![Finding::failed("poison", words)],
    };
    let mut findings = vec![Finding::of("poison", poison(candidate, &case, handle))];
    findings.push(Finding::of("sets", sets(candidate, &case, handle)));
    findings.push(Finding::of("fresh", fresh(candidate, &case, handle)));
    if let Err(words) = candidate.release(handle) {
        findings.push(Finding::failed("release", words));
    }
    findings
}

/// Whether the whole output of `set` is poison, both by the executor's count and by the values read. Fails if
/// the two disagree.
fn is_poison(candidate: &mut Candidate, case: &Case, handle: u32, set: u32) -> Result<bool, String> {
    let len = case.output().len;
    let points = [0, len / 2, len - 1];
    let (values, poisoned) = candidate.read(handle, set, &points)?;
    let nan = values.iter().all(|value| value.is_nan());
    match (poisoned == len, nan) {
        (true, true) => Ok(true),
        (false, false) => Ok(false),
        (true, false) => Err(format!("set {set} is reported as all poison, but holds {}", values[0])),
        (false, true) => Err(format!("set {set} holds poison, and {poisoned} of {len} by its count")),
    }
}

/// Checks that poisoned outputs hold poison, both before the first execution and after one.
fn poison(candidate: &mut Candidate, case: &Case, handle: u32) -> Result<String, String> {
    for round in ["before the first execution", "after an execution"] {
        candidate.poison(handle)?;
        for set in 0..SETS {
            if !is_poison(candidate, case, handle, set)? {
                return Err(format!("set {set} is not poison when it was poisoned {round}"));
            }
        }
        candidate.sample(handle, SETS, 0)?;
    }
    Ok(format!("every element of {SETS} sets of {case}, before and after executions"))
}

/// Checks that k executions write the k sets from the first one on and no other, and that an empty batch
/// writes none.
fn sets(candidate: &mut Candidate, case: &Case, handle: u32) -> Result<String, String> {
    for (k, first) in [(0, 0), (1, 0), (1, 2), (2, 2), (2, 0), (3, 1), (7, 1)] {
        candidate.poison(handle)?;
        candidate.sample(handle, k, first)?;
        let written = |set: u32| (0..k).any(|i| (first + i) % SETS == set);
        for set in 0..SETS {
            match (is_poison(candidate, case, handle, set)?, written(set)) {
                (true, true) => {
                    return Err(format!("k {k} from set {first} of {SETS} left set {set} unwritten"));
                }
                (false, false) => {
                    return Err(format!("k {k} from set {first} of {SETS} wrote set {set}"));
                }
                _ => {}
            }
        }
    }
    Ok("k executions write the sets that follow the first, and no other".into())
}

/// Checks that every batch recomputes each set's output from the set's own inputs.
fn fresh(candidate: &mut Candidate, case: &Case, handle: u32) -> Result<String, String> {
    for round in 0..2 {
        candidate.poison(handle)?;
        candidate.sample(handle, SETS, round)?;
        for set in 0..SETS {
            let oracle = Oracle::new(case, Inputs::new(1, set), Tile::ONE);
            let (values, poisoned) = candidate.read(handle, set, &oracle.points)?;
            if let Some(reason) = oracle.compare(&values, poisoned).reason() {
                return Err(format!("set {set} of {case}, batch {}: {reason}", round + 1));
            }
        }
    }
    Ok(format!("{SETS} sets of {case} proven, twice"))
}
