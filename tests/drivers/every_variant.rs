//! Kernels on real drivers: every variant of every kernel against the oracle, and the refusals.
//!
//! `./test` runs this once for each software driver, chosen by the Vulkan loader's own variable.
//! Without any device the tests pass with a note, unless PORTAMARK_REQUIRE_DEVICE is set.

use crate::device::{DEADLINE, as_gpu, case, compiles_slowly, prove, start};
use crate::proofs::proven;
use crate::shares::Shares;
use portamark_executors::Executor;
use portamark_executors::protocol::Prepare;
use portamark_kernels::{Kernel, KernelSource, PlanError, candidates, default_plan, space};
use portamark_model::device::{Capabilities, Feature};
use portamark_model::plan::Plan;
use portamark_model::variant::Variant;
use portamark_model::workload::Case;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How many variants of each kernel are proven.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    All,
    /// The preferred one: drivers compile for seconds, and shapes are many, so that drivers share them too.
    Preferred,
}

/// The variants to prove on `device`. Kernels meant for GPUs must be right on every driver too,
/// however slow they are there, so at full depth the device also passes for one. Of variants that are alike
/// for all drivers it has the preferred one of each kernel and its share of the others; where compiling takes
/// long, it has the preferred ones alone.
fn variants(
    case: &Case,
    device: &Capabilities,
    depth: Depth,
) -> Result<Vec<(&'static Kernel, Variant)>, PlanError> {
    let mut found = candidates(case, device)?;
    let shares = Shares::of_this_run();
    let mut kernels = HashSet::new();
    if depth == Depth::All && !compiles_slowly(device) {
        let gpu = as_gpu(device);
        for candidate in gpu.iter().flat_map(|gpu| candidates(case, gpu).unwrap_or_default()) {
            if !found.iter().any(|(_, variant)| *variant == candidate.1) {
                found.push(candidate);
            }
        }
        found.retain(|(kernel, variant)| kernels.insert(kernel.name) || shares.has(case, device, variant));
    } else {
        found.retain(|(kernel, _)| kernels.insert(kernel.name));
    }
    Ok(found)
}

/// Proves `keys` on all devices; cases that need a missing feature must say so.
fn prove_all(depth: Depth, keys: &[String]) {
    let Some((mut executor, devices)) = start() else { return };
    let (source, shares) = (KernelSource::embedded(), Shares::of_this_run());
    let mut failures = Vec::new();
    let mut count = 0;
    for device in &devices {
        for key in keys {
            let case = case(key);
            if depth == Depth::Preferred && !shares.has_case(&case, device) {
                continue;
            }
            let list = match variants(&case, device, depth) {
                Ok(list) => list,
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("needs"), "{key}: {text}");
                    eprintln!("{key} on {}: {text}", device.id);
                    continue;
                }
            };
            for (kernel, variant) in list {
                let started = Instant::now();
                let plan =
                    (kernel.plan)(&case, device, &variant, &source).unwrap_or_else(|e| panic!("{key}: {e}"));
                match proven(&mut executor, device, &case, plan) {
                    Ok(()) => count += 1,
                    Err(reason) => failures.push(format!("{key} {variant}: {reason}")),
                }
                if started.elapsed().as_secs() >= 5 {
                    eprintln!("{key} {variant} took {:?}", started.elapsed());
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // A device without f16 proves nothing of a list that needs it, and that is right.
    let needless = keys.iter().all(|key| key.contains("f16"));
    let shared = depth == Depth::Preferred && !shares.is_alone();
    assert!(count > 0 || needless || shared, "nothing was proven");
    eprintln!("{count} variants proven");
}

/// Every combination of the parts, joined by spaces.
fn keys(parts: &[&[&str]]) -> Vec<String> {
    parts.iter().fold(vec![String::new()], |keys, part| {
        keys.iter()
            .flat_map(|key| part.iter().map(move |word| format!("{key} {word}").trim().to_string()))
            .collect()
    })
}

#[test]
fn stream_kernels_are_right() {
    let ops = ["copy", "scale", "add", "triad", "read", "write"];
    prove_all(Depth::All, &keys(&[&["stream f32"], &ops, &["n1024", "n33792", "n1048576"]]));
}

#[test]
fn peak_kernels_are_right() {
    prove_all(
        Depth::All,
        &keys(&[&[
            "peak f32 fma c4096 s64",
            "peak f32 fma c64 s4096",
            "peak f16 fma c4096 s256",
            "peak i8.i32 dot4 c4096 s256",
            "peak i8.i32 dot4 c64 s16",
            "peak f16.f32 matrix e8 t16 s64",
            "peak f16.f32 matrix e16 t16 s64",
        ]]),
    );
}

#[test]
fn every_gemm_variant_is_right() {
    let shapes = ["f32 m132 n136 k72 nn", "f16.f32 m132 n136 k72 nt", "f32 m132 n136 k72 tn"];
    prove_all(Depth::All, &keys(&[&["gemm"], &shapes]));
}

#[test]
fn gemm_kernels_are_right_on_ragged_shapes() {
    // One, primes, and one more and one less than what tiles are made of.
    let shapes = ["m1 n1 k1", "m64 n64 k64", "m127 n129 k65", "m97 n31 k257", "m1 n512 k96", "m33 n260 k4"];
    let layouts = ["nn", "nt", "tn"];
    prove_all(Depth::Preferred, &keys(&[&["gemm"], &["f32", "f16.f32"], &shapes, &layouts]));
}

#[test]
fn gemm_kernels_are_right_in_every_format_and_layout() {
    let formats = ["f32", "f16.f32", "f16", "bf16.f32", "e4m3.f32", "i8.i32"];
    let layouts = ["nn", "nt", "tn", "tt"];
    prove_all(Depth::Preferred, &keys(&[&["gemm"], &formats, &["m36 n44 k52", "b3 m5 n7 k9"], &layouts]));
    let formats = ["f32xq8_0", "f16xq4_0.f32", "bf16xint4g64.f32", "f16xint4g128.f32", "f16xe4m3.f32"];
    prove_all(
        Depth::Preferred,
        &keys(&[&["gemm"], &formats, &["m36 n44 k256", "b2 m5 n7 k128"], &["nt", "tt"]]),
    );
}

#[test]
fn row_kernels_are_right() {
    // One element, a row longer than the registers, and one more and one less than a subgroup's vectors.
    let families = ["softmax", "rmsnorm"];
    prove_all(Depth::All, &keys(&[&families, &["f32", "f16.f32"], &["r3 c2052", "r5 c60"]]));
    let formats = ["f32", "f16.f32", "bf16.f32", "e4m3.f32"];
    let shapes = ["r1 c1", "r3 c7", "r2 c36", "r1 c10000", "r301 c4"];
    prove_all(Depth::Preferred, &keys(&[&families, &formats, &shapes]));
}

#[test]
fn element_kernels_are_right() {
    prove_all(Depth::All, &keys(&[&["swiglu f32 r13 c500", "rope f16.f32 t5 h3 d16"]]));
    prove_all(Depth::All, &keys(&[&["gather f16 r37 c132 v11"]]));
    let formats = ["f32", "f16.f32", "bf16.f32", "e4m3.f32"];
    prove_all(Depth::Preferred, &keys(&[&["swiglu"], &formats, &["r1 c1", "r3 c7", "r5 c1000"]]));
    prove_all(Depth::Preferred, &keys(&[&["rope"], &formats, &["t1 h1 d2", "t3 h5 d6", "t7 h2 d64"]]));
    let formats = ["f32", "f16", "bf16"];
    prove_all(Depth::Preferred, &keys(&[&["gather"], &formats, &["r1 c1 v1", "r5 c7 v3", "r67 c64 v1000"]]));
}

#[test]
fn transposing_kernels_are_right() {
    prove_all(Depth::All, &keys(&[&["transpose"], &["f32", "f16"], &["m68 n132", "m4 n260"]]));
    let shapes = ["m1 n1", "m3 n7", "m37 n64", "m4 n4", "m124 n72"];
    prove_all(Depth::Preferred, &keys(&[&["transpose"], &["f32", "f16", "bf16"], &shapes]));
}

#[test]
fn layers_are_right_in_every_part() {
    // Outputs of several formats and lengths, one of which ends inside a word.
    let parts = [
        "gemm f16.f32 m36 n44 k52 nt",
        "attention f16.f32 b1 hq4 hkv2 q1 kv33 d64",
        "gemv f32 m1 n33 k29",
        "swiglu f16.f32 r3 c7",
        "launch i32 d3",
    ];
    prove_all(Depth::All, &keys(&[&[&format!("layer {}", parts.join(" + "))]]));
}

#[test]
fn chains_of_loads_and_of_dispatches_are_right() {
    // The longer chain needs three dispatches.
    prove_all(Depth::All, &keys(&[&["latency i32"], &["n1 s1024", "n256 s1024", "n2048 s263168"]]));
    prove_all(Depth::All, &keys(&[&["launch i32"], &["d1", "d2", "d64"]]));
}

#[test]
fn kernels_of_experts_are_right() {
    prove_all(Depth::All, &keys(&[&["moe f32 e5 k2 t23 n132 d72"], &["uniform", "balanced", "skewed"]]));
    // One row, experts without rows, ends inside a word, and weights with scales.
    let shapes = ["e1 k1 t1 n1 d128", "e7 k1 t3 n36 d256", "e4 k3 t9 n7 d128", "e3 k2 t70 n68 d128"];
    let formats = ["f32", "f16.f32", "bf16.f32", "f16xq4_0.f32", "f32xq8_0"];
    prove_all(Depth::Preferred, &keys(&[&["moe"], &formats, &shapes, &["skewed"]]));
}

#[test]
fn packed_dot_products_are_right() {
    prove_all(Depth::All, &keys(&[&["gemm i8.i32"], &["m132 n136 k96 nt"]]));
    let shapes = ["m1 n1 k4", "m64 n64 k64", "m127 n129 k68", "m97 n31 k260", "b3 m33 n17 k36"];
    prove_all(Depth::Preferred, &keys(&[&["gemm i8.i32"], &shapes, &["nt"]]));
}

#[test]
fn every_gemv_variant_is_right() {
    let shapes = ["m1 n64 k288", "m5 n129 k256"];
    let formats = ["f32", "f16.f32", "i8.i32", "f16xq8_0.f32", "f16xq4_0.f32"];
    prove_all(Depth::All, &keys(&[&["gemv"], &formats, &shapes]));
}

#[test]
fn gemv_kernels_are_right_in_every_format_and_on_ragged_shapes() {
    let formats = ["f32", "f16.f32", "f16", "bf16.f32", "e4m3.f32", "i8.i32", "f16xe4m3.f32", "e4m3xf32.f32"];
    let shapes = ["m1 n1 k1", "m1 n33 k32", "m3 n64 k129", "m8 n129 k68", "m2 n34 k66"];
    prove_all(Depth::Preferred, &keys(&[&["gemv"], &formats, &shapes]));
    let formats =
        ["f32xq8_0", "f16xq4_0.f32", "f16xq4_0", "bf16xint4g64.f32", "f16xint4g128.f32", "e4m3xq8_0.f32"];
    prove_all(
        Depth::Preferred,
        &keys(&[&["gemv"], &formats, &["m1 n33 k128", "m8 n64 k384", "m2 n129 k256"]]),
    );
}

#[test]
fn every_matrix_unit_variant_is_right() {
    let Some((mut executor, devices)) = start() else { return };
    // All layouts; whole tiles and ragged ones; formats that are staged as f16; both accumulators.
    let keys = [
        "gemm f16.f32 m64 n128 k64 nn",
        "gemm f16.f32 m127 n65 k33 nt",
        "gemm f16 m128 n128 k64 tt",
        "gemm e4m3.f32 b2 m36 n20 k28 tn",
        "gemm f16xq4_0.f32 m65 n44 k64 nt",
    ];
    for device in &devices {
        let mut count = 0;
        for (number, case) in keys.map(case).into_iter().enumerate() {
            // A device without f16 has no variants at all.
            let mut list = variants(&case, device, Depth::All).unwrap_or_default();
            list.retain(|(_, variant)| variant.path == portamark_model::variant::Path::Coopmat);
            // All variants for the first case, and of the others every third in turn.
            let third = |place: usize| number == 0 || (place + number).is_multiple_of(3);
            let list = list.into_iter().enumerate().filter(|(place, _)| third(*place));
            for (_, (kernel, variant)) in list {
                let plan = (kernel.plan)(&case, device, &variant, &KernelSource::embedded()).unwrap();
                let proof = proven(&mut executor, device, &case, plan);
                proof.unwrap_or_else(|reason| panic!("{case} {variant}: {reason}"));
                count += 1;
            }
        }
        let able = !device.matrix_shapes.is_empty() && device.fixed_subgroup().is_some();
        assert_eq!(count > 0, able, "{count} variants on {}", device.id);
        eprintln!("{count} variants proven on {}", device.id);
    }
}

/// The first variant of each kernel for GPUs with each setting of `knobs`, of all that tuning may try.
fn settings(
    case: &Case,
    device: &Capabilities,
    knobs: &[&str],
    wanted: fn(&Variant) -> bool,
) -> Vec<(&'static Kernel, Variant)> {
    let Some(gpu) = as_gpu(device) else { return Vec::new() };
    let mut seen = HashSet::new();
    let mut found = space(case, &gpu).unwrap_or_default();
    found.retain(|(kernel, variant)| {
        let setting: Option<Vec<u32>> = knobs.iter().map(|knob| variant.knobs.get(*knob).copied()).collect();
        setting.is_some_and(|setting| wanted(variant) && seen.insert((kernel.name, setting)))
    });
    let (shares, mut kernels) = (Shares::of_this_run(), HashSet::new());
    found.retain(|(kernel, variant)| kernels.insert(kernel.name) || shares.has(case, device, variant));
    found
}

/// Proves one variant of each kernel for GPUs with each setting of `knobs`.
fn prove_settings(keys: &[&str], knobs: &[&str], wanted: fn(&Variant) -> bool) {
    let Some((mut executor, devices)) = start() else { return };
    let mut failures = Vec::new();
    for device in &devices {
        let mut count = 0;
        for case in keys.iter().map(|key| case(key)) {
            for (kernel, variant) in settings(&case, device, knobs, wanted) {
                let plan = (kernel.plan)(&case, device, &variant, &KernelSource::embedded()).unwrap();
                let proof = proven(&mut executor, device, &case, plan);
                failures.extend(proof.err().map(|reason| format!("{case} {variant}: {reason}")));
                count += 1;
            }
        }
        assert!(count > 0 || as_gpu(device).is_none(), "nothing was proven on {}", device.id);
        eprintln!("{count} variants proven on {}", device.id);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn products_whose_long_sums_are_split_are_right() {
    // All layouts; parts that are whole tiles and a last one that is shorter; partial sums of f32 and
    // of i32, as vec4s and one by one; matrices that go to the partial sums as they are.
    let keys = [
        "gemm f32 m16 n64 k4096 nn",
        "gemm f32 m7 n33 k2050 nt",
        "gemm f32 b2 m7 n33 k2050 tn",
        "gemm f16.f32 m7 n36 k2050 tt",
        "gemm f16.f32 m64 n128 k2048 nt",
        "gemm f16xq4_0.f32 m16 n64 k4096 nt",
        "gemm f16 b3 m5 n12 k768 nn",
        "gemm i8.i32 m7 n36 k2052 nn",
    ];
    prove_settings(&keys, &["split"], |variant| variant.knob("split") > 1);
}

#[test]
fn products_are_right_with_and_without_prefetching_in_every_order_of_tiles() {
    // More than one band of rows, the last of them short, for small tiles.
    let keys = ["gemm f32 m300 n330 k40 nn", "gemm f16.f32 m165 n172 k33 tt", "gemm f32 b2 m84 n90 k20 tn"];
    prove_settings(&keys, &["prefetch", "order"], |_| true);
}

#[test]
fn every_prefill_variant_is_right() {
    let shapes = ["b1 hq4 hkv2 q70 kv70 d64 causal", "b1 hq2 hkv2 q40 kv40 d128"];
    prove_all(Depth::All, &keys(&[&["attention f32"], &shapes]));
    prove_all(Depth::Preferred, &keys(&[&["attention f16.f32"], &shapes]));
}

#[test]
fn prefill_kernels_are_right_on_ragged_shapes() {
    let shapes =
        ["b2 hq4 hkv2 q33 kv50 d64 causal", "b1 hq4 hkv1 q17 kv70 d64", "b1 hq3 hkv3 q129 kv129 d64 causal"];
    prove_all(Depth::Preferred, &keys(&[&["attention f32"], &shapes]));
}

#[test]
fn prefill_kernels_are_right_for_every_head_dimension() {
    let part = "attention f32 b1 hq3 hkv1 q19 kv35";
    prove_all(Depth::All, &keys(&[&[part], &["d96 causal"]]));
    let depth = if Shares::of_this_run().is_first() { Depth::All } else { Depth::Preferred };
    prove_all(depth, &keys(&[&[part], &["d192 dv128", "d256 causal"]]));
}

#[test]
fn prefill_kernels_are_right_in_every_window() {
    // One key, fewer than a block, more than there are; GQA of 3 with rows over the heads' borders.
    let windows = ["causal w1", "causal w7", "w7", "causal w40", "causal w1000"];
    let part = "attention f32 b1 hq6 hkv2 q37 kv71 d64";
    prove_all(Depth::Preferred, &keys(&[&[part], &windows]));
    prove_all(Depth::All, &keys(&[&[part], &["causal w7"]]));
}

#[test]
fn prefill_kernels_are_right_in_every_format() {
    let formats = ["f16.f32", "bf16.f32", "f16xq8_0.f32", "bf16xe4m3.f32"];
    prove_all(Depth::Preferred, &keys(&[&["attention"], &formats, &["b1 hq6 hkv2 q33 kv50 d64 causal"]]));
}

/// What only the plain kernel computes, and what falls back to it.
#[test]
fn the_plain_attention_kernel_computes_every_case() {
    let cases = [
        "f32 b2 hq6 hkv2 q5 kv50 d64 page16 causal",
        "f16.f32 b2 hq4 hkv1 q1 kv50 d576 dv512 page16 latent",
        "bf16.f32 b1 hq4 hkv1 q3 kv21 d36 dv20 latent causal w9",
        "f16xint4g64.f32 b2 hq4 hkv2 q3 kv50 d64 page7 w20",
        "f16xq4_0.f32 b1 hq4 hkv4 q1 kv77 d64",
        "e4m3.f32 b1 hq2 hkv2 q9 kv50 d20 dv4",
        "f16 b1 hq2 hkv2 q9 kv30 d64",
    ];
    prove_all(Depth::Preferred, &keys(&[&["attention"], &cases]));
}

#[test]
fn decode_kernels_are_right() {
    let shapes = ["f32 b1 hq8 hkv2 q1 kv1000 d128", "f16.f32 b2 hq4 hkv1 q1 kv515 d64"];
    prove_all(Depth::All, &keys(&[&["attention"], &shapes]));
    let shapes = [
        "b1 hq8 hkv8 q1 kv1 d64",
        "b3 hq4 hkv4 q1 kv65 d64",
        "b1 hq32 hkv8 q1 kv2048 d128 causal",
        // Rows that fill no power of two, and few queries at once.
        "b2 hq6 hkv2 q1 kv63 d36",
        "b1 hq6 hkv2 q3 kv515 d64 causal w100",
    ];
    prove_all(Depth::Preferred, &keys(&[&["attention"], &["f32", "f16.f32"], &shapes]));
}

#[test]
fn decode_kernels_are_right_with_windows_pages_and_every_cache() {
    let shapes = ["kv515 d64 page16", "kv515 d64 page64", "kv515 d64 w100 page16", "kv65 d128 w33"];
    prove_all(Depth::Preferred, &keys(&[&["attention f32 b2 hq8 hkv2 q1"], &shapes]));
    let formats = ["f32xf16", "f32xbf16", "f32xq8_0", "f32xe4m3", "f16xq8_0.f32", "bf16.f32"];
    let shapes = ["b2 hq4 hkv2 q1 kv77 d64 page16", "b1 hq8 hkv1 q1 kv300 d128"];
    prove_all(Depth::Preferred, &keys(&[&["attention"], &formats, &shapes]));
}

#[test]
fn decode_kernels_are_right_for_latent_caches_and_one_kv_head() {
    let shapes = [
        "f32 b2 hq16 hkv1 q1 kv33 d576 dv512 latent page16",
        "f16.f32 b1 hq16 hkv1 q1 kv33 d576 dv512 latent",
        "f32xf16 b1 hq20 hkv1 q1 kv300 d576 dv512 latent",
        "f32 b1 hq64 hkv1 q1 kv65 d256",
    ];
    prove_all(Depth::Preferred, &keys(&[&["attention"], &shapes]));
}

#[test]
fn decode_kernels_of_gpus_are_right_with_every_cache() {
    // Queries in registers and in workgroup memory, as they are and as pairs of f16; rows of K that are whole turns of
    // the lanes and that are not; pages of one turn and of several.
    let keys = [
        "attention f16.f32 b1 hq20 hkv1 q1 kv300 d576 dv512 latent page16",
        "attention f32 b1 hq16 hkv1 q1 kv130 d576 dv512 latent",
        "attention f16.f32 b2 hq16 hkv1 q1 kv333 d128 page64",
        "attention f16xq8_0.f32 b1 hq8 hkv2 q1 kv200 d128 w100",
        "attention bf16.f32 b1 hq6 hkv2 q3 kv200 d64 causal page128",
        "attention f16.f32 b1 hq12 hkv1 q1 kv150 d144",
        "attention f16.f32 b1 hq6 hkv1 q1 kv77 d36",
        "attention f32xe4m3 b1 hq32 hkv2 q1 kv99 d256",
    ];
    prove_settings(&keys, &["threads", "pack"], |variant| variant.kernel == "split");
}

#[test]
fn gemv_kernels_of_gpus_are_right_in_every_format() {
    let keys = [
        "gemv f16xq4_0.f32 m8 n66 k2048",
        "gemv f16xint4g128.f32 m1 n33 k4096",
        "gemv f32xq8_0 m3 n33 k1056",
        "gemv bf16.f32 m8 n34 k1048",
        "gemv e4m3.f32 m4 n33 k1040",
        "gemv e4m3xq8_0.f32 m2 n18 k1024",
    ];
    prove_settings(&keys, &["rows", "unroll", "words"], |variant| variant.kernel == "lanes");
}

#[test]
fn formats_that_a_device_lacks_are_unsupported_by_name() {
    let Some((_, devices)) = start() else { return };
    for device in devices.iter().filter(|d| !d.has(Feature::ShaderF16)) {
        let error = default_plan(&case("gemm f16 m64 n64 k64 nn"), device, &KernelSource::embedded());
        assert_eq!(error.unwrap_err().to_string(), "needs shader-f16, which this device does not offer");
    }
}

/// The default plan of a plain copy, for tests that break it.
fn copy_plan(device: &Capabilities) -> (Case, Plan) {
    let case = case("stream f32 copy n65536");
    let plan = default_plan(&case, device, &KernelSource::embedded()).unwrap();
    (case, plan)
}

#[test]
fn a_kernel_that_is_wrong_by_one_token_is_found_out() {
    let Some((mut executor, devices)) = start() else { return };
    for device in &devices {
        let (case, mut plan) = copy_plan(device);
        let text = plan.steps[0].wgsl.replace("y[i] = a[i]", "y[i] = a[i ^ 1u]");
        assert_ne!(text, plan.steps[0].wgsl);
        plan.steps[0].wgsl = text;
        let verdict = prove(&mut executor, device, &case, plan).unwrap();
        assert!(!verdict.passed());
        assert_eq!(verdict.unwritten, 0);
    }
}

#[test]
fn a_grid_that_misses_the_end_leaves_poison_behind() {
    let Some((mut executor, devices)) = start() else { return };
    for device in &devices {
        let (case, mut plan) = copy_plan(device);
        plan.steps[0].workgroups[0] -= 1;
        let verdict = prove(&mut executor, device, &case, plan).unwrap();
        assert!(!verdict.passed());
        assert!(verdict.unwritten > 0, "{verdict:?}");
    }
}

#[test]
fn text_that_does_not_compile_is_an_error_in_words_and_the_executor_goes_on() {
    let Some((mut executor, devices)) = start() else { return };
    for device in &devices {
        let (case, mut plan) = copy_plan(device);
        plan.steps[0].wgsl = "this is no shader".into();
        let fault = prove(&mut executor, device, &case, plan).unwrap_err();
        assert!(!fault.is_fatal(), "{fault}");
        assert!(fault.reason.contains("compiling step 0"), "{fault}");
        let (case, plan) = copy_plan(device);
        assert!(prove(&mut executor, device, &case, plan).unwrap().passed());
    }
    assert_eq!(executor.starts(), 1);
}

#[test]
fn a_loop_without_end_is_ended_at_its_deadline_and_the_next_case_runs() {
    let Some((mut executor, devices)) = start() else { return };
    let device = &devices[0];
    // Large, since stock lavapipe ends a loop after 65536 turns: every element costs that much.
    let case = case("stream f32 copy n33554432");
    let mut plan = default_plan(&case, device, &KernelSource::embedded()).unwrap();
    let text = &mut plan.steps[0].wgsl;
    *text = text.replace(
        "y[i] = a[i];",
        "var x = a[i]; while x.x < 2.0 { x = min(x + a[i] * 0.0, vec4<f32>(1.0)); } y[i] = x;",
    );
    plan.variant.checks = false;
    let prepare = Prepare::new(device, &case, Some(plan)).but(|it| {
        it.seed = 7;
        it.memory_limit = 1 << 30;
    });
    let handle = executor.prepare(prepare, DEADLINE).unwrap().handle;
    let fault = executor.sample(handle, 1, 0, Duration::from_secs(2)).unwrap_err();
    assert!(fault.reason.contains("no answer within 2.00 s"), "{fault}");
    let (case, plan) = copy_plan(device);
    assert!(prove(&mut executor, device, &case, plan).unwrap().passed());
    assert_eq!(executor.starts(), 2);
}

#[test]
fn a_case_larger_than_its_memory_limit_is_out_of_memory() {
    let Some((mut executor, devices)) = start() else { return };
    let (case, plan) = copy_plan(&devices[0]);
    let prepare = Prepare::new(&devices[0], &case, Some(plan)).but(|it| {
        it.seed = 7;
        it.sets = 4;
        it.memory_limit = 1 << 20;
    });
    let fault = executor.prepare(prepare, DEADLINE).unwrap_err();
    assert_eq!(fault.kind, portamark_executors::FaultKind::OutOfMemory);
    assert_eq!(fault.reason, "needs 2.62 MB for 4 buffer sets, the limit is 1.05 MB");
}
