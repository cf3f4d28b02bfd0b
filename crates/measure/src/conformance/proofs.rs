//! Checks small cases of every family against the oracle.

use super::Finding;
use super::candidate::{Candidate, Refused};
use crate::verify::Oracle;
use portamark_model::workload::{Case, Distribution, Inputs, Tile};

/// Cases that cover every family and option, mostly with sizes that are not multiples of a tile.
const CASES: [&str; 37] = [
    "gemm f32 m33 n65 k17 nn",
    "gemm f32 m33 n65 k130 nt",
    "gemm f32 m33 n65 k130 tn",
    "gemm f32 m33 n65 k130 tt",
    "gemm f32 b3 m17 n9 k40 nn",
    "gemm f16.f32 m64 n48 k96 nt",
    "gemm bf16.f32 m64 n48 k96 nn",
    "gemm f16 m32 n32 k64 nn",
    "gemm e4m3.f32 m32 n32 k64 nt",
    "gemm i8.i32 m32 n32 k64 nt",
    "gemm f16xq4_0.f32 m16 n32 k64 nt",
    "gemv f32 m1 n130 k257",
    "gemv f16.f32 m8 n66 k514",
    "gemv f16xq8_0.f32 m1 n64 k512",
    "attention f32 b2 hq4 hkv2 q33 kv65 d64",
    "attention f32 b1 hq2 q64 kv64 d64 causal",
    "attention f16.f32 b1 hq4 hkv1 q40 kv100 d128 causal",
    "attention f16.f32 b1 hq8 hkv2 q1 kv300 d128",
    "attention f32 b1 hq2 q20 kv70 d64 causal w16",
    "attention f16.f32 b1 hq4 hkv1 q1 kv130 d64 page16",
    "attention f16.f32 b1 hq8 hkv1 q1 kv130 d192 dv128 latent",
    "stream f32 add n4096",
    "stream f32 scale n4096",
    "stream f32 triad n4096",
    "stream f32 read n4096",
    "stream f32 write n4096",
    "peak f32 fma c1024 s64",
    "softmax f32 r33 c130",
    "rmsnorm f16.f32 r33 c256",
    "rope f16.f32 t9 h3 d64",
    "swiglu f16.f32 r5 c130",
    "gather f16 r9 c64 v100",
    "transpose f32 m33 n65",
    "moe f16.f32 e8 k2 t5 n64 d64 uniform",
    "latency i32 n1024 s4096",
    "launch i32 d8",
    "gemm f32 m1 n1 k1 nn",
];

/// Checks that each case is proven, or reported as unsupported with a reason.
pub(super) fn check(candidate: &mut Candidate) -> Finding {
    const CHECK: &str = "proof";
    let (mut proven, mut unsupported) = (0, Vec::new());
    for key in CASES {
        let case: Case = key.parse().expect("a valid key");
        match prove(candidate, &case) {
            Ok(None) => proven += 1,
            Ok(Some(reason)) if reason.trim().is_empty() => {
                return Finding::failed(CHECK, format!("{key} is unsupported without a reason"));
            }
            Ok(Some(_)) => unsupported.push(format!("{} {}", case.family(), case.precision())),
            Err(words) => return Finding::failed(CHECK, format!("{key}: {words}")),
        }
    }
    if proven == 0 {
        return Finding::failed(CHECK, "every case is unsupported");
    }
    unsupported.dedup();
    let rest = match unsupported.len() {
        0 => String::new(),
        count => format!("; {count} unsupported, with reasons: {}", unsupported.join(", ")),
    };
    Finding::passed(CHECK, format!("{proven} cases{rest}"))
}

/// Verifies the output of the second buffer set of `case`. Returns the reason if the case is unsupported.
fn prove(candidate: &mut Candidate, case: &Case) -> Result<Option<String>, String> {
    let refused = |refused| match refused {
        Refused::Unsupported(reason) => Ok(Some(reason)),
        Refused::Fault(fault) => Err(fault.reason),
    };
    let request = match candidate.request(case, 2) {
        Ok(request) => request,
        Err(reason) => return refused(reason),
    };
    let tile = request.plan.as_ref().map_or(Tile::ONE, |plan| plan.tile);
    let handle = match candidate.prepare(request) {
        Ok(handle) => handle,
        Err(reason) => return refused(reason),
    };
    let proven = compare(candidate, case, handle, tile);
    // What is wrong with the case matters more than a failure to release it.
    let released = candidate.release(handle);
    proven.and_then(|reason| reason.map_or(released.map(|()| None), Err))
}

/// Returns what is wrong with the output of the second buffer set of `case`; `None` if nothing is.
fn compare(
    candidate: &mut Candidate,
    case: &Case,
    handle: u32,
    tile: Tile,
) -> Result<Option<String>, String> {
    candidate.poison(handle)?;
    candidate.sample(handle, 1, 1)?;
    let oracle = Oracle::new(case, Inputs::new(1, 1).of(Distribution::Uniform), tile);
    let (values, poisoned) = candidate.read(handle, 1, &oracle.points)?;
    Ok(oracle.compare(&values, poisoned).reason())
}
