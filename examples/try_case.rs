//! Proves and roughly times every kernel variant of one case on one device. For whoever writes
//! kernels: `cargo run --release --example try_case -- "gemm f32 m512 n512 k512 nn" [variant part]`.
//! With `--space` first, the variants for tuning are tried too; with `--gpu` after it, those meant for
//! GPUs instead of those for software drivers.
//! Kernels are read from the folder `kernels` of the working directory.

use portamark_executors::protocol::{Prepare, Prepared};
use portamark_executors::{ChildExecutor, Executor, Program};
use portamark_kernels::{KernelSource, candidates, space};
use portamark_measure::Oracle;
use portamark_model::device::DeviceType;
use portamark_model::units;
use portamark_model::workload::{Case, Inputs};
use std::time::{Duration, Instant};

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    let whole_space = arguments.next_if(|word| word == "--space").is_some();
    let passes_for_gpu = arguments.next_if(|word| word == "--gpu").is_some();
    let key = arguments.next().expect("a case key");
    let part = arguments.next().unwrap_or_default();
    let case: Case = key.parse().unwrap_or_else(|e| panic!("{e}"));
    // An example lies in target/<profile>/examples, the program beside that folder.
    let here = std::env::current_exe().expect("own path");
    let program = here.parent().and_then(|p| p.parent()).expect("target folder").join("portamark");
    let program = Program::new(program, vec!["executor".into(), "wgpu".into()]);
    let mut executor = ChildExecutor::new(program);
    let deadline = Duration::from_secs(120);
    let (_, devices) = executor.hello(deadline).unwrap_or_else(|e| panic!("{e}"));
    let source = KernelSource::folder("kernels").trusted();
    for device in &devices {
        println!(
            "{} {:?} subgroup {}..{}",
            device.id, device.features, device.subgroup_min, device.subgroup_max
        );
        let device_type = if passes_for_gpu { DeviceType::Discrete } else { device.device_type };
        let device = &device.clone().but(|it| it.device_type = device_type);
        let list = if whole_space { space(&case, device) } else { candidates(&case, device) };
        let list = match list {
            Ok(list) => list,
            Err(error) => {
                println!("  {error}");
                continue;
            }
        };
        for (kernel, variant) in list.iter().filter(|(_, v)| v.to_string().contains(&part)) {
            let plan = match (kernel.plan)(&case, device, variant, &source) {
                Ok(plan) => plan,
                Err(error) => {
                    println!("  {variant}: {error}");
                    continue;
                }
            };
            let tile = plan.tile;
            let prepare = Prepare::new(device, &case, Some(plan)).but(|it| it.memory_limit = 8 << 30);
            let started = Instant::now();
            let Prepared { handle, compile_ns, .. } = match executor.prepare(prepare, deadline) {
                Ok(prepared) => prepared,
                Err(fault) => {
                    println!("  {variant}: {fault}");
                    continue;
                }
            };
            let prepared = started.elapsed();
            let run = executor.sample(handle, 1, 0, deadline);
            let oracle = Oracle::new(&case, Inputs::new(1, 0), tile);
            let verdict = run.and_then(|_| oracle.check(&mut executor, handle, deadline));
            let verdict = match verdict {
                Ok(verdict) => verdict,
                Err(fault) => {
                    println!("  {variant}: {fault}");
                    continue;
                }
            };
            let mut best = f64::INFINITY;
            let mut times = Vec::new();
            let until = Instant::now() + Duration::from_millis(1500);
            while times.len() < 5 || (Instant::now() < until && times.len() < 50) {
                let Ok(sampled) = executor.sample(handle, 1, 0, deadline) else { break };
                let seconds = sampled.device_ns.unwrap_or(sampled.host_ns) as f64 * 1e-9;
                best = best.min(seconds);
                times.push(seconds);
            }
            times.sort_by(f64::total_cmp);
            let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
            println!(
                "  {variant}: {} ratio {:.3} | median {} best {} | {} {} | compile {} prepare {:?}",
                if verdict.passed() { "ok" } else { "WRONG" },
                verdict.worst_ratio,
                units::seconds(median),
                units::seconds(best),
                units::flop_rate(case.flop() as f64 / best),
                units::byte_rate(case.bytes() as f64 / best),
                units::seconds(compile_ns as f64 * 1e-9),
                prepared,
            );
            if let Some(reason) = verdict.reason() {
                println!("      {reason}");
            }
            let _ = executor.release(handle, deadline);
        }
    }
}
