//! Outputs are those of the executions that were asked for: poison, sets, and k.

use super::Finding;
use super::subject::Subject;
use crate::verify::Oracle;
use portamark_model::workload::{Case, Inputs, Tile};

/// The first that a device does is used.
const CASES: [&str; 3] =
    ["gemm f32 m48 n40 k64 nn", "stream f32 scale n4096", "attention f32 b1 hq2 q16 kv16 d64"];
const SETS: u32 = 3;

/// The checks `poison`, `sets` and `fresh`.
pub(super) fn check(subject: &mut Subject) -> Vec<Finding> {
    let (case, handle) = match subject.first_of(&CASES, SETS) {
        Ok(found) => found,
        Err(words) => return vec![Finding::failed("poison", words)],
    };
    let mut findings = vec![Finding::of("poison", poison(subject, &case, handle))];
    findings.push(Finding::of("sets", sets(subject, &case, handle)));
    findings.push(Finding::of("fresh", fresh(subject, &case, handle)));
    if let Err(words) = subject.release(handle) {
        findings.push(Finding::failed("release", words));
    }
    findings
}

/// Whether all of `set`'s output is poison, by the executor's count and by the values that it gives.
fn is_poison(subject: &mut Subject, case: &Case, handle: u32, set: u32) -> Result<bool, String> {
    let len = case.output().len;
    let points = [0, len / 2, len - 1];
    let (values, poisoned) = subject.read(handle, set, &points)?;
    let nan = values.iter().all(|value| value.is_nan());
    match (poisoned == len, nan) {
        (true, true) => Ok(true),
        (false, false) => Ok(false),
        (true, false) => Err(format!("set {set} is all poison by its count, and holds {}", values[0])),
        (false, true) => Err(format!("set {set} holds poison, and {poisoned} of {len} by its count")),
    }
}

/// What is poisoned holds poison, at first and again after it was computed.
fn poison(subject: &mut Subject, case: &Case, handle: u32) -> Result<String, String> {
    for round in ["before the first execution", "after an execution"] {
        subject.poison(handle)?;
        for set in 0..SETS {
            if !is_poison(subject, case, handle, set)? {
                return Err(format!("set {set} is not poison when it was poisoned {round}"));
            }
        }
        subject.sample(handle, SETS, 0)?;
    }
    Ok(format!("every element of {SETS} sets of {case}, before and after executions"))
}

/// k executions from a set on write those sets and no other, and an empty batch none.
fn sets(subject: &mut Subject, case: &Case, handle: u32) -> Result<String, String> {
    for (k, first) in [(0, 0), (1, 0), (1, 2), (2, 2), (2, 0), (3, 1), (7, 1)] {
        subject.poison(handle)?;
        subject.sample(handle, k, first)?;
        let written = |set: u32| (0..k).any(|i| (first + i) % SETS == set);
        for set in 0..SETS {
            match (is_poison(subject, case, handle, set)?, written(set)) {
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

/// Each set's output is of its own inputs, computed anew in every batch.
fn fresh(subject: &mut Subject, case: &Case, handle: u32) -> Result<String, String> {
    for round in 0..2 {
        subject.poison(handle)?;
        subject.sample(handle, SETS, round)?;
        for set in 0..SETS {
            let oracle = Oracle::new(case, Inputs::new(1, set), Tile::ONE);
            let (values, poisoned) = subject.read(handle, set, &oracle.points)?;
            if let Some(reason) = oracle.compare(&values, poisoned).reason() {
                return Err(format!("set {set} of {case}, batch {}: {reason}", round + 1));
            }
        }
    }
    Ok(format!("{SETS} sets of {case} proven, twice"))
}
