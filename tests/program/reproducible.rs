//! The same seed gives the same order of cases, the same inputs and the same oracle values, whatever
//! else is asked for.

use portamark_results::{RunFile, load_all};
use std::fs;
use std::path::Path;
use std::process::Command;

/// One small case of every family that has inputs of its own kind.
const SUITE: &str = r#"
name = "small"
[[case]]
key = "stream f32 triad n4096"
[[case]]
key = "gemm f32 m32 n32 k32 nn"
[[case]]
key = "gemm f16.f32 m200 n160 k48 nt"
[[case]]
key = "gemv f16xq4_0.f32 m1 n256 k128"
[[case]]
key = "attention f16.f32 b1 hq4 hkv2 q16 kv16 d64 causal"
[[case]]
key = "softmax f32 r8 c64"
[[case]]
key = "moe f32 e4 k2 t4 n8 d16 uniform"
"#;

/// Options that change how long, how often and in which state is measured, and no input.
const OPTIONS: [&[&str]; 6] = [
    &[],
    &["--isolate", "case"],
    &["--max-noise", "0.1", "--min-time", "30ms"],
    &["--memory", "64MB"],
    &["--cache", "warm"],
    &["--settle=200ms"],
];

/// A run of the suite with `more` on a scripted executor.
fn run(folder: &Path, more: &[&str]) -> RunFile {
    let program = env!("CARGO_BIN_EXE_portamark");
    fs::write(folder.join("small.toml"), SUITE).unwrap();
    fs::write(folder.join("script.toml"), "noise = 0.01\n").unwrap();
    let results = folder.join("results");
    let _ = fs::remove_dir_all(&results);
    let status = Command::new(program)
        .current_dir(folder)
        .args(["run", "small.toml", "-o", "results", "--max-time", "100ms", "--warmup", "5ms"])
        .args(["--executor", &format!("{program} executor fake --script script.toml")])
        .args(more)
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    load_all(&[results]).unwrap().remove(0)
}

/// What has to be equal: cases in order, the kernel's text, the elements checked and what the oracle
/// says of them.
fn proofs(run: &RunFile) -> Vec<(String, String, String)> {
    let proof = |row: &portamark_results::Row| {
        let sha256 = row.kernel.as_ref().map(|kernel| kernel.sha256.clone()).unwrap_or_default();
        let verification = row.verification.as_ref().expect("a good run verifies");
        let oracle = verification.oracle_sha256.clone().expect("which is hashed");
        (row.case.clone(), sha256, oracle)
    };
    run.rows.iter().map(proof).collect()
}

#[test]
fn the_same_seed_gives_the_same_cases_kernels_inputs_and_oracle_values() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), &["--seed", "7"]);
    assert_eq!(first.rows.len(), 7);
    let expected = proofs(&first);
    for options in OPTIONS {
        let again = run(folder.path(), &[&["--seed", "7"], options].concat());
        assert_eq!(proofs(&again), expected, "{options:?}");
    }
    let other = proofs(&run(folder.path(), &["--seed", "8"]));
    for ((case, kernel, oracle), (_, other_kernel, other_oracle)) in expected.iter().zip(&other) {
        assert_eq!(kernel, other_kernel, "a seed changes no kernel: {case}");
        assert_ne!(oracle, other_oracle, "a seed changes the inputs: {case}");
    }
}

#[test]
fn repeats_come_in_the_order_that_the_seed_draws_and_each_proves_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let expected = proofs(&run(folder.path(), &["--seed", "7"]));
    let repeated = |seed: &str| {
        let run = run(folder.path(), &["--seed", seed, "--repeats", "3", "--cache", "warm"]);
        let order: Vec<(u32, String)> = run.rows.iter().map(|row| (row.repeat, row.case.clone())).collect();
        (order, proofs(&run))
    };
    let (order, all) = repeated("7");
    assert_eq!(all.len(), 3 * expected.len());
    for proof in &expected {
        assert_eq!(all.iter().filter(|other| *other == proof).count(), 3, "{}", proof.0);
    }
    assert_eq!(repeated("7"), (order.clone(), all));
    assert_ne!(repeated("8").0, order, "another seed draws another order");
}
