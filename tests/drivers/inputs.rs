//! Inputs of every distribution on real drivers: the device makes the bits that the oracle has, every
//! kernel is proven with them, and zeros hide nothing.
//!
//! As for `tests/drivers/every_variant.rs`, `./test` runs this once for each software driver.

use crate::device::{DEADLINE, case, start};
use crate::shares::Shares;
use portamark_executors::Executor;
use portamark_executors::protocol::Prepare;
use portamark_kernels::{KernelSource, default_plan};
use portamark_measure::{Config, prove};
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::workload::{Distribution, Inputs};

fn config(dist: Distribution) -> Config {
    Config { seed: 7, dist, timeout: DEADLINE, ..Config::default() }
}

/// The preferred plan of `key`, or none with a note where the device lacks something.
fn plan(key: &str, device: &Capabilities) -> Option<Plan> {
    match default_plan(&case(key), device, &KernelSource::embedded()) {
        Ok(plan) => Some(plan),
        Err(error) => {
            eprintln!("{key} on {}: {error}", device.id);
            None
        }
    }
}

#[test]
fn kernels_of_every_format_are_right_with_inputs_of_every_distribution() {
    let Some((mut executor, devices)) = start() else { return };
    let keys = [
        "stream f32 copy n33792",
        "gemm f32 m33 n17 k29 nn",
        "gemm f16.f32 m64 n32 k64 nn",
        "gemm bf16.f32 m33 n17 k30 nt",
        "gemm e4m3.f32 m33 n17 k32 nt",
        "gemm i8.i32 m33 n17 k32 nt",
        "gemm f16xq8_0.f32 m16 n64 k128 nt",
        "gemm f16xq4_0.f32 m16 n64 k128 nt",
        "attention f32 b1 hq2 hkv1 q9 kv17 d32",
        "softmax f32 r7 c100",
        "rmsnorm f32 r7 c100",
    ];
    // What inputs do to a kernel is arithmetic: one driver shows it for all formats.
    let keys = if Shares::of_this_run().is_first() { &keys[..] } else { &keys[..2] };
    let mut proven = 0;
    for device in &devices {
        for &key in keys {
            let Some(plan) = plan(key, device) else { continue };
            for dist in Distribution::ALL {
                let config = config(dist);
                let (verdict, _) =
                    prove(&mut executor, device, &config, &case(key), Some(plan.clone())).unwrap();
                assert!(verdict.passed(), "{key} of {dist} on {}: {:?}", device.id, verdict.reason());
                proven += 1;
            }
        }
    }
    assert!(proven >= 2 * 4, "only {proven} were proven");
}

#[test]
fn a_device_makes_the_bits_of_the_oracle() {
    let Some((mut executor, devices)) = start() else { return };
    let case = case("stream f32 copy n4096");
    let device = &devices[0];
    for dist in Distribution::ALL {
        let prepare = Prepare::new(device, &case, plan(&case.key(), device)).but(|it| {
            it.seed = 7;
            it.dist = dist;
            it.memory_limit = 1 << 30;
        });
        let handle = executor.prepare(prepare, DEADLINE).unwrap().handle;
        executor.sample(handle, 1, 0, DEADLINE).unwrap();
        let all: Vec<u64> = (0..4096).collect();
        let (values, unwritten) = executor.read(handle, 0, &all, DEADLINE).unwrap();
        let exact = Inputs::new(7, 0).of(dist).reader(&case.tensors()[0]);
        assert_eq!(values, all.iter().map(|i| exact(*i)).collect::<Vec<_>>(), "{dist}");
        assert_eq!(unwritten, 0, "{dist}");
        let zeros = |values: &[f64]| values.iter().filter(|value| **value == 0.0).count();
        match dist {
            Distribution::Zeros => assert_eq!(zeros(&values), 4096),
            // A kept element is zero once in 2²⁴.
            Distribution::Sparse => assert!(values.chunks(4).all(|four| zeros(four) == 2)),
            Distribution::Uniform | Distribution::Normal => assert!(zeros(&values) < 64, "{dist}"),
        }
        executor.release(handle, DEADLINE).unwrap();
    }
}

#[test]
fn zeros_do_not_hide_what_a_kernel_leaves_unwritten() {
    let Some((mut executor, devices)) = start() else { return };
    let case = case("stream f32 copy n4096");
    let Some(mut plan) = plan(&case.key(), &devices[0]) else { panic!("every device copies") };
    let text = &mut plan.steps[0].wgsl;
    let cut = text.replace("y[i] = a[i];", "if i != 3u { y[i] = a[i]; }");
    assert_ne!(*text, cut, "the kernel has another text");
    *text = cut;
    let config = config(Distribution::Zeros);
    let (verdict, _) = prove(&mut executor, &devices[0], &config, &case, Some(plan)).unwrap();
    assert!(!verdict.passed());
    assert!(verdict.reason().unwrap().contains("were not written"), "{:?}", verdict.reason());
}

#[test]
fn the_clock_of_the_driver_passes_its_self_test() {
    let Some((mut executor, devices)) = start() else { return };
    for device in &devices {
        let key = "stream f32 scale n262144";
        let prepare = Prepare::new(device, &key.parse().unwrap(), plan(key, device)).but(|it| {
            it.seed = 7;
            it.memory_limit = 1 << 30;
        });
        let handle = executor.prepare(prepare, DEADLINE).unwrap().handle;
        // A machine that does other work can disturb one test, and hardly three.
        let mut reports = Vec::new();
        for _ in 0..3 {
            let report = portamark_measure::self_test(&mut executor, device, handle, DEADLINE).unwrap();
            if report.faults.iter().all(|fault| !fault.forfeits()) {
                reports.clear();
                break;
            }
            reports.push(report);
        }
        assert!(reports.is_empty(), "{}: {reports:?}", device.id);
    }
}
