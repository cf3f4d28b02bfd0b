//! Checks that inputs are bit-exact, with cases whose output is an input.

use super::Finding;
use super::candidate::{Candidate, Refused};
use portamark_model::workload::{Case, Distribution, Inputs, Tile};

/// Cases whose outputs are unrounded input elements: copies, moves, and attention over one key, which returns
/// its value.
const CASES: [&str; 7] = [
    "stream f32 copy n4096",
    "attention f32 b1 hq4 hkv2 q1 kv1 d64",
    "attention f16.f32 b1 hq4 hkv2 q1 kv1 d64",
    "attention bf16.f32 b1 hq4 hkv2 q1 kv1 d64",
    "transpose f32 m32 n64",
    "transpose f16 m32 n64",
    "gather f16 r16 c64 v128",
];
const SETS: u32 = 3;

/// Checks every buffer set with all distributions and two seeds.
pub(super) fn check(candidate: &mut Candidate) -> Finding {
    const CHECK: &str = "inputs";
    let (mut seen, mut left_out) = (Vec::new(), Vec::new());
    for key in CASES {
        let case: Case = key.parse().expect("a valid key");
        match of_case(candidate, &case) {
            Ok(()) => seen.push(format!("{} {}", case.family(), case.precision())),
            Err(Wrong::Unsupported) => left_out.push(key),
            Err(Wrong::Words(words)) => return Finding::failed(CHECK, format!("{key}: {words}")),
        }
    }
    if seen.is_empty() {
        return Finding::failed(CHECK, format!("none of {} can be prepared", left_out.join("; ")));
    }
    Finding::passed(
        CHECK,
        format!("bit for bit in {}, {SETS} sets, 2 seeds and all distributions", seen.join(", ")),
    )
}

enum Wrong {
    Unsupported,
    Words(String),
}

fn of_case(candidate: &mut Candidate, case: &Case) -> Result<(), Wrong> {
    for seed in [1, 0xdead_beef] {
        for dist in Distribution::ALL {
            let request = candidate.request(case, SETS).map_err(wrong)?;
            let handle = candidate
                .prepare(request.but(|it| {
                    it.seed = seed;
                    it.dist = dist;
                }))
                .map_err(wrong)?;
            let words = compare(candidate, case, handle, seed, dist);
            candidate.release(handle).map_err(Wrong::Words)?;
            words.map_err(Wrong::Words)?;
        }
    }
    Ok(())
}

fn wrong(refused: Refused) -> Wrong {
    match refused {
        Refused::Unsupported(_) => Wrong::Unsupported,
        Refused::Fault(fault) => Wrong::Words(fault.reason),
    }
}

fn compare(
    candidate: &mut Candidate,
    case: &Case,
    handle: u32,
    seed: u32,
    dist: Distribution,
) -> Result<(), String> {
    candidate.sample(handle, SETS, 0)?;
    for set in 0..SETS {
        let points = case.points(Tile::ONE, seed);
        let (values, _) = candidate.read(handle, set, &points)?;
        let expected = case.expected(Inputs::new(seed, set).of(dist), &points);
        let differs =
            |(value, expected): (&f64, &portamark_model::workload::Expected)| *value != expected.value;
        if let Some(at) = values.iter().zip(&expected).position(differs) {
            return Err(format!(
                "element {} of set {set} is {}, and its input is {} (seed {seed}, {dist})",
                points[at], values[at], expected[at].value
            ));
        }
    }
    Ok(())
}
