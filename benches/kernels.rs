//! A few kernels on the real executor, to see at once whether a change to a kernel, to the plans
//! or to wgpu costs speed: `cargo bench --bench kernels`.
//!
//! Every device is benchmarked; a filter picks one, e.g. `cargo bench --bench kernels -- llvmpipe`.
//! Times are the device's own where it has timestamps. For numbers to publish use `portamark run`,
//! which tests the timer, rotates buffers and keeps samples.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portamark_executors::protocol::{Prepare, Prepared};
use portamark_executors::{ChildExecutor, Executor, Program};
use portamark_kernels::{KernelSource, default_plan};
use portamark_measure::Oracle;
use portamark_model::device::Capabilities;
use portamark_model::workload::{Case, Inputs};
use std::time::Duration;

const CASES: [&str; 9] = [
    "stream f32 copy n1048576",
    "gemm f32 m512 n512 k512 nn",
    "gemm f16.f32 m512 n512 k512 nt",
    "gemm i8.i32 m512 n512 k512 nt",
    "gemv f16.f32 m1 n4096 k4096",
    "gemv f16xq4_0.f32 m1 n4096 k4096",
    "attention f32 b1 hq8 hkv8 q512 kv512 d64 causal",
    "attention f32 b1 hq8 hkv1 q1 kv8192 d128",
    "softmax f32 r1024 c4096",
];

const DEADLINE: Duration = Duration::from_secs(120);
const INPUTS: Inputs = Inputs::new(1, 0);
/// Executions in one message, so that a slow device stays within the deadline.
const BATCH: u64 = 256;

fn kernels(criterion: &mut Criterion) {
    let program = Program::new(env!("CARGO_BIN_EXE_portamark"), vec!["executor".into(), "wgpu".into()]);
    let mut executor = ChildExecutor::new(program);
    let devices = match executor.hello(DEADLINE) {
        Ok((_, devices)) => devices,
        Err(fault) => {
            eprintln!("skipped: {fault}");
            return;
        }
    };
    if devices.is_empty() {
        eprintln!("skipped: no device; `portamark doctor` explains why");
    }
    for device in &devices {
        for key in CASES {
            bench(criterion, &mut executor, device, key);
        }
    }
}

fn bench(criterion: &mut Criterion, executor: &mut ChildExecutor, device: &Capabilities, key: &str) {
    let case: Case = key.parse().expect("a valid key");
    let mut group = criterion.benchmark_group(key);
    group.throughput(if case.is_bandwidth() {
        Throughput::Bytes(case.bytes())
    } else {
        Throughput::Elements(u64::try_from(case.flop()).unwrap_or(u64::MAX))
    });
    // Prepared at the first call, which a filter may leave out.
    let mut prepared = None;
    group.bench_function(BenchmarkId::from_parameter(&device.id), |bencher| {
        bencher.iter_custom(|iterations| {
            let handle = *prepared.get_or_insert_with(|| prepare(executor, device, &case));
            sample(executor, handle, iterations)
        });
    });
    group.finish();
    if let Some(handle) = prepared {
        executor.release(handle, DEADLINE).expect("the executor frees what it holds");
    }
}

/// Makes the case ready and proves its kernel: a wrong kernel has no time.
fn prepare(executor: &mut ChildExecutor, device: &Capabilities, case: &Case) -> u32 {
    let plan =
        default_plan(case, device, &KernelSource::embedded()).unwrap_or_else(|e| panic!("{case}: {e}"));
    let tile = plan.tile;
    let request = Prepare::new(device, case, Some(plan)).but(|it| {
        it.seed = INPUTS.seed;
        it.memory_limit = 1 << 30;
    });
    let proof = executor.prepare(request, DEADLINE).and_then(|Prepared { handle, .. }| {
        executor.sample(handle, 1, 0, DEADLINE)?;
        let verdict = Oracle::new(case, INPUTS, tile).check(executor, handle, DEADLINE)?;
        Ok((handle, verdict))
    });
    let (handle, verdict) = proof.unwrap_or_else(|fault| panic!("{case}: {fault}"));
    assert!(verdict.passed(), "{case}: {}", verdict.reason().unwrap_or_default());
    handle
}

fn sample(executor: &mut ChildExecutor, handle: u32, iterations: u64) -> Duration {
    let mut left = iterations;
    let mut total = 0;
    while left > 0 {
        let k = left.min(BATCH);
        let sampled =
            executor.sample(handle, k as u32, 0, DEADLINE).unwrap_or_else(|fault| panic!("{fault}"));
        total += sampled.device_ns.unwrap_or(sampled.host_ns);
        left -= k;
    }
    Duration::from_nanos(total)
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = kernels
}
criterion_main!(benches);
