//! Kernels on real drivers: every variant of every kernel against the oracle, and the refusals.
//!
//! `./test` runs this once for each software driver, chosen by the Vulkan loader's own variable.
//! Without any device the tests pass with a note, unless PORTAMARK_REQUIRE_DEVICE is set.

use portamark::executor::protocol::Prepare;
use portamark::executor::{ChildExecutor, Executor, Fault, Program};
use portamark::kernel::{Capabilities, Feature, KernelSource, Plan, candidates, default_plan};
use portamark::measure::{Oracle, Verdict};
use portamark::workload::{Case, Inputs};
use std::time::Duration;

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

/// Runs `plan` once on poisoned output and compares every chosen element.
fn prove(
    executor: &mut dyn Executor,
    device: &Capabilities,
    case: &Case,
    plan: Plan,
) -> Result<Verdict, Fault> {
    let tile = plan.tile;
    let prepare = Prepare {
        device: device.id.clone(),
        case: case.key(),
        plan: Some(plan),
        seed: 7,
        sets: 2,
        memory_limit: 2 << 30,
    };
    let (handle, ..) = executor.prepare(prepare, DEADLINE)?;
    // The second set, so that a kernel cannot get by with the first one's inputs.
    executor.sample(handle, 1, 1, DEADLINE)?;
    let verdict = Oracle::new(case, Inputs { seed: 7, set: 1 }, tile).check(executor, handle, DEADLINE)?;
    executor.release(handle, DEADLINE)?;
    Ok(verdict)
}

/// Proves all variants of `keys` on all devices; cases that need a missing feature must say so.
fn prove_all(keys: &[&str]) {
    let Some((mut executor, devices)) = start() else { return };
    let source = KernelSource::embedded();
    let mut failures = Vec::new();
    let mut proven = 0;
    for device in &devices {
        for key in keys {
            let case = case(key);
            let list = match candidates(&case, device) {
                Ok(list) => list,
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("needs") || text.contains("no kernel"), "{key}: {text}");
                    eprintln!("{key} on {}: {text}", device.id);
                    continue;
                }
            };
            for (kernel, variant) in list {
                let plan =
                    (kernel.plan)(&case, device, &variant, &source).unwrap_or_else(|e| panic!("{key}: {e}"));
                match prove(&mut executor, device, &case, plan) {
                    Ok(verdict) if verdict.passed() => proven += 1,
                    Ok(verdict) => failures.push(format!("{key} {variant}: {}", verdict.reason().unwrap())),
                    Err(fault) => failures.push(format!("{key} {variant}: {fault}")),
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(proven > 0, "nothing was proven");
    eprintln!("{proven} variants proven");
}

#[test]
fn stream_kernels_are_right() {
    let mut keys = Vec::new();
    for op in ["copy", "scale", "add", "triad", "read", "write"] {
        for n in [1024, 33 * 1024, 1_048_576] {
            keys.push(format!("stream f32 {op} n{n}"));
        }
    }
    prove_all(&keys.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn peak_kernels_are_right() {
    prove_all(&[
        "peak f32 fma c4096 s64",
        "peak f32 fma c64 s4096",
        "peak f16 fma c4096 s256",
        "peak f16.f32 matrix e8 t16 s64",
        "peak f16.f32 matrix e16 t16 s64",
    ]);
}

#[test]
fn gemm_kernels_are_right() {
    let mut keys = Vec::new();
    for precision in ["f32", "f16.f32"] {
        for layout in ["nn", "nt", "tn"] {
            // One, primes, and one more and one less than what tiles are made of.
            for (m, n, k) in
                [(1, 1, 1), (64, 64, 64), (128, 132, 72), (127, 129, 65), (97, 31, 257), (1, 512, 96)]
            {
                keys.push(format!("gemm {precision} m{m} n{n} k{k} {layout}"));
            }
        }
    }
    prove_all(&keys.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn formats_that_a_device_lacks_are_unsupported_by_name() {
    let Some((_, devices)) = start() else { return };
    for device in devices.iter().filter(|d| !d.has(Feature::ShaderF16)) {
        let error = default_plan(&case("gemm f16.f32 m64 n64 k64 nn"), device, &KernelSource::embedded());
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
