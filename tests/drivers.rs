//! Kernels on real drivers: every variant of every kernel against the oracle, and the refusals.
//!
//! `./test` runs this once for each software driver, chosen by the Vulkan loader's own variable.
//! Without any device the tests pass with a note, unless PORTAMARK_REQUIRE_DEVICE is set.

use portamark::executor::protocol::Prepare;
use portamark::executor::{ChildExecutor, Executor, Fault, Program};
use portamark::kernel::{
    Capabilities, DeviceType, Feature, Kernel, KernelSource, Plan, PlanError, Variant, candidates,
    default_plan,
};
use portamark::measure::{self, Config, Verdict};
use portamark::workload::Case;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(180);

fn start() -> Option<(ChildExecutor, Vec<Capabilities>)> {
    let program = Program {
        program: env!("CARGO_BIN_EXE_portamark").into(),
        arguments: vec!["executor".into(), "wgpu".into()],
        environment: Vec::new(),
    };
    let mut executor = ChildExecutor::new(program);
    let (_, devices) = executor.hello(DEADLINE).expect("the executor answers");
    if devices.is_empty() {
        assert!(std::env::var_os("PORTAMARK_REQUIRE_DEVICE").is_none(), "no device, but one is required");
        eprintln!("no device: nothing to prove here");
        return None;
    }
    Some((executor, devices))
}

fn case(key: &str) -> Case {
    key.parse().unwrap_or_else(|e| panic!("{e}"))
}

fn config() -> Config {
    Config { seed: 7, timeout: DEADLINE, memory_limit: 2 << 30, ..Config::default() }
}

fn prove(
    executor: &mut dyn Executor,
    device: &Capabilities,
    case: &Case,
    plan: Plan,
) -> Result<Verdict, Fault> {
    measure::prove(executor, device, &config(), case, Some(plan)).map(|(verdict, _)| verdict)
}

/// How many variants of each kernel are proven.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    All,
    /// The preferred one: drivers compile for seconds, and shapes are many.
    Preferred,
}

/// The variants to prove on `device`. Kernels meant for GPUs must be right on every driver too,
/// however slow they are there, so at full depth the device also passes for one.
fn variants(
    case: &Case,
    device: &Capabilities,
    depth: Depth,
) -> Result<Vec<(&'static Kernel, Variant)>, PlanError> {
    let mut found = candidates(case, device)?;
    if depth == Depth::All {
        let gpu = Capabilities { device_type: DeviceType::Discrete, ..device.clone() };
        for candidate in candidates(case, &gpu)? {
            if !found.iter().any(|(_, variant)| *variant == candidate.1) {
                found.push(candidate);
            }
        }
    } else {
        let mut kernels = HashSet::new();
        found.retain(|(kernel, _)| kernels.insert(kernel.name));
    }
    Ok(found)
}

/// Proves `keys` on all devices; cases that need a missing feature must say so.
fn prove_all(depth: Depth, keys: &[String]) {
    let Some((mut executor, devices)) = start() else { return };
    let source = KernelSource::embedded();
    let mut failures = Vec::new();
    let mut proven = 0;
    for device in &devices {
        for key in keys {
            let case = case(key);
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
                match prove(&mut executor, device, &case, plan) {
                    Ok(verdict) if verdict.passed() => proven += 1,
                    Ok(verdict) => failures.push(format!("{key} {variant}: {}", verdict.reason().unwrap())),
                    Err(fault) => failures.push(format!("{key} {variant}: {fault}")),
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
    assert!(proven > 0 || needless, "nothing was proven");
    eprintln!("{proven} variants proven");
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
fn every_matrix_unit_variant_is_right() {
    let Some((mut executor, devices)) = start() else { return };
    let source = KernelSource::embedded();
    // All layouts; whole tiles and ragged ones; formats that are staged as f16; both accumulators.
    let keys = [
        "gemm f16.f32 m64 n128 k64 nn",
        "gemm f16.f32 m127 n65 k33 nt",
        "gemm f16 m72 n136 k72 tn",
        "gemm f16 m128 n128 k64 tt",
        "gemm f16.f32 m1 n1 k1 nt",
        "gemm e4m3.f32 b2 m36 n20 k28 tn",
        "gemm f16xq4_0.f32 m65 n44 k64 nt",
    ];
    for device in &devices {
        let gpu = Capabilities { device_type: DeviceType::Discrete, ..device.clone() };
        let mut proven = 0;
        for key in keys {
            let case = case(key);
            let mut list = Vec::new();
            for device in [device, &gpu] {
                // A device without f16 has no variants at all.
                list.extend(candidates(&case, device).unwrap_or_default());
            }
            list.retain(|(_, variant)| variant.path == portamark::kernel::Path::Coopmat);
            list.dedup_by_key(|(_, variant)| variant.to_string());
            for (kernel, variant) in list {
                let plan = (kernel.plan)(&case, device, &variant, &source).unwrap();
                let verdict = prove(&mut executor, device, &case, plan).unwrap();
                assert!(verdict.passed(), "{key} {variant}: {}", verdict.reason().unwrap());
                proven += 1;
            }
        }
        let able = device.has(Feature::CooperativeMatrix) && device.fixed_subgroup().is_some();
        assert_eq!(proven > 0, able, "{proven} variants on {}", device.id);
    }
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
fn decode_kernels_are_right() {
    let shapes = ["f32 b1 hq8 hkv2 q1 kv1000 d128", "f16.f32 b2 hq4 hkv1 q1 kv515 d64"];
    prove_all(Depth::All, &keys(&[&["attention"], &shapes]));
    let shapes = ["b1 hq8 hkv8 q1 kv1 d64", "b3 hq4 hkv4 q1 kv65 d64", "b1 hq32 hkv8 q1 kv2048 d128 causal"];
    prove_all(Depth::Preferred, &keys(&[&["attention"], &["f32", "f16.f32"], &shapes]));
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
    let prepare = Prepare {
        device: device.id.clone(),
        case: case.key(),
        plan: Some(plan),
        seed: 7,
        sets: 1,
        memory_limit: 1 << 30,
    };
    let (handle, ..) = executor.prepare(prepare, DEADLINE).unwrap();
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
    let prepare = Prepare {
        device: devices[0].id.clone(),
        case: case.key(),
        plan: Some(plan),
        seed: 7,
        sets: 4,
        memory_limit: 1 << 20,
    };
    let fault = executor.prepare(prepare, DEADLINE).unwrap_err();
    assert_eq!(fault.kind, portamark::executor::FaultKind::OutOfMemory);
    assert_eq!(fault.reason, "needs 2.10 MB for 4 buffer sets, the limit is 1.05 MB");
}

/// Copies a folder of text files.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_run_with_an_edited_kernel_records_it_as_wrong_and_the_others_as_ok() {
    if start().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let kernels = folder.path().join("kernels");
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels"), &kernels);
    let file = kernels.join("stream/stream.wgsl");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("y[i] = a[i] + b[i];"));
    fs::write(&file, text.replace("y[i] = a[i] + b[i];", "y[i] = a[i] - b[i];")).unwrap();
    let suite = "[[case]]\nkey = 'stream f32 copy n65536'\n[[case]]\nkey = 'stream f32 add n65536'\n";
    fs::write(folder.path().join("two.toml"), suite).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_portamark"))
        .current_dir(folder.path())
        .args(["run", "two.toml", "-d", "0", "--kernels", "kernels", "-o", "results"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let runs = portamark::record::load_all(&[folder.path().join("results")]).unwrap();
    let rows = &runs[0].rows;
    let statuses: Vec<_> = rows.iter().map(|row| row.status.to_string()).collect();
    assert_eq!(statuses, ["ok", "wrong"]);
    assert!(rows[0].byte_rate().is_some());
    assert!(rows[1].byte_rate().is_none() && rows[1].timing.is_none());
}
