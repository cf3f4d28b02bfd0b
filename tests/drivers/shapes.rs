//! Random shapes through random variants of every kernel, on a real driver.
//!
//! Sizes are drawn from what index arithmetic gets wrong: one, primes, and one more and one less
//! than what tiles are made of. Each shape is proven with one variant of each kernel that serves it,
//! drawn from the whole space that tuning may search (but where compiling takes long); the device also passes for a GPU, so that
//! kernels meant for one are drawn too. Where `./test` goes through several drivers, each draws its part, and
//! others than the rest. The seed is fixed; PORTAMARK_SHAPES_SEED draws others and PORTAMARK_SHAPES sets how
//! many.

use crate::device::{as_gpu, case, compiles_slowly, start};
use crate::proofs::proven;
use crate::shares::Shares;
use portamark_executors::ChildExecutor;
use portamark_kernels::{Kernel, KernelSource, candidates, space};
use portamark_model::device::Capabilities;
use portamark_model::variant::Variant;
use portamark_model::workload::Case;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::time::Instant;

const SIZES: &[u64] = &[1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 97, 127, 128, 129];

/// Lengths of sums that are worth a workgroup each for their parts.
const LONG: &[u64] = &[512, 769, 1023, 1024, 1031, 2047, 2052];

/// Draws: fixed unless the environment says otherwise.
fn runner(label: u8) -> TestRunner {
    let seed: u64 = std::env::var("PORTAMARK_SHAPES_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let seed = seed + Shares::of_this_run().place() as u64;
    let mut bytes = [label; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn count(usual: usize) -> usize {
    std::env::var("PORTAMARK_SHAPES").ok().and_then(|s| s.parse().ok()).unwrap_or(usual)
}

/// One variant of each kernel for `case`, chosen by `index`.
fn one_of_each(case: &Case, device: &Capabilities, index: &Index) -> Vec<(&'static Kernel, Variant)> {
    let mut by_kernel: Vec<Vec<(&'static Kernel, Variant)>> = Vec::new();
    let gpu = as_gpu(device);
    for device in [Some(device), gpu.as_ref()].into_iter().flatten() {
        // A format that the device lacks has no variants; that it says so is tested elsewhere.
        let variants = if compiles_slowly(device) { candidates(case, device) } else { space(case, device) };
        for found in variants.unwrap_or_default() {
            match by_kernel.iter_mut().find(|list| list[0].0.name == found.0.name) {
                Some(list) => list.push(found),
                None => by_kernel.push(vec![found]),
            }
        }
    }
    by_kernel.into_iter().map(|mut list| list.swap_remove(index.index(list.len()))).collect()
}

fn prove_shapes(keys: impl Strategy<Value = String>, label: u8, usual: usize) {
    let Some((mut executor, devices)) = start() else { return };
    let shares = Shares::of_this_run();
    // Where compiling takes long, a few.
    let usual = if shares.takes_part() { shares.part(usual) } else { usual / 6 };
    let mut runner = runner(label);
    let strategy = (keys, any::<Index>());
    let (mut proofs, mut failures) = (0, Vec::new());
    for _ in 0..count(usual) {
        let (key, index) = strategy.new_tree(&mut runner).expect("every draw is a shape").current();
        let case = case(&key);
        for device in &devices {
            for (kernel, variant) in one_of_each(&case, device, &index) {
                proofs += 1;
                failures.extend(failure(&mut executor, device, &case, kernel, &variant));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(proofs >= count(usual), "only {proofs} proofs");
    eprintln!("{proofs} variants proven");
}

/// What is wrong with one variant on one shape, if anything.
fn failure(
    executor: &mut ChildExecutor,
    device: &Capabilities,
    case: &Case,
    kernel: &Kernel,
    variant: &Variant,
) -> Option<String> {
    let started = Instant::now();
    let plan = (kernel.plan)(case, device, variant, &KernelSource::embedded());
    let plan = plan.unwrap_or_else(|e| panic!("{case} {variant}: {e}"));
    let proof = proven(executor, device, case, plan);
    if started.elapsed().as_secs() >= 5 {
        eprintln!("{case} {variant} took {:?}", started.elapsed());
    }
    proof.err().map(|reason| format!("{case} [{variant}]: {reason}"))
}

fn size() -> impl Strategy<Value = u64> {
    select(SIZES)
}

#[test]
fn random_matrix_products_are_right() {
    let formats = &["f32", "f16.f32", "f16", "bf16.f32", "e4m3.f32", "i8.i32", "f16xe4m3.f32"];
    let plain =
        (select(&formats[..]), 1u64..4, size(), size(), size(), select(&["nn", "nt", "tn", "tt"][..]))
            .prop_map(|(format, b, m, n, k, layout)| format!("gemm {format} b{b} m{m} n{n} k{k} {layout}"));
    let formats = &["f32xq8_0", "f16xq4_0.f32", "bf16xint4g64.f32", "f16xint4g128.f32"];
    let grouped = (select(&formats[..]), size(), size(), 1u64..4, select(&["nt", "tt"][..]))
        .prop_map(|(format, m, n, k, layout)| format!("gemm {format} m{m} n{n} k{} {layout}", 128 * k));
    // Long enough a k for tiles to be split along it, in whole parts and not.
    let formats = &["f32", "f16.f32", "f16", "i8.i32"];
    let long = (select(&formats[..]), size(), size(), select(LONG), select(&["nn", "nt", "tn", "tt"][..]))
        .prop_map(|(format, m, n, k, layout)| format!("gemm {format} m{m} n{n} k{k} {layout}"));
    prove_shapes(prop_oneof![3 => plain, 1 => grouped, 1 => long], 1, 30);
}

#[test]
fn random_attention_is_right() {
    let heads = select(&[(1u64, 1u64), (2, 2), (6, 2), (4, 1), (3, 1)][..]);
    let dim = select(&[64u64, 96, 128][..]);
    let format = select(&["f32", "f16.f32"][..]);
    let key = (format, heads, size(), size(), dim, any::<bool>()).prop_map(
        |(format, (hq, hkv), queries, more, d, causal)| {
            // The cache is at least as long as the new positions.
            let keys = queries + more - 1;
            let causal = if causal { " causal" } else { "" };
            format!("attention {format} b1 hq{hq} hkv{hkv} q{queries} kv{keys} d{d}{causal}")
        },
    );
    prove_shapes(key, 2, 12);
}

#[test]
fn random_decode_steps_are_right() {
    let heads = select(&[(1u64, 1u64), (4, 2), (8, 1), (3, 1)][..]);
    let format = select(&["f32", "f16.f32"][..]);
    let key = (format, 1u64..3, heads, 1u64..700, select(&[64u64, 128][..])).prop_map(
        |(format, b, (hq, hkv), keys, d)| format!("attention {format} b{b} hq{hq} hkv{hkv} q1 kv{keys} d{d}"),
    );
    prove_shapes(key, 3, 16);
}
