//! Kernel times by three methods: portamark's (the device's clock, the slope over batches of several
//! sizes), the host's time of one long batch, and criterion's `iter_custom` on the same kernel.
//!
//! ```sh
//! cargo run --release --example agreement                              # every device, its own cases
//! cargo run --release --example agreement -- "gemm f32 m512 n512 k512 nn"
//! ```
//!
//! The machine should do nothing else: each method takes the best of three rounds. The exit code is 1
//! if one of them differs from portamark's by more than 3 %.

use criterion::Criterion;
use portamark::executor::protocol::Prepare;
use portamark::executor::{ChildExecutor, Executor, Program};
use portamark::kernel::{Capabilities, KernelSource, Plan, default_plan};
use portamark::measure::{Config, Ended, Session, TimerReport, measure, self_test};
use portamark::units;
use portamark::workload::Case;
use std::cell::RefCell;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

/// Each above a millisecond on a software driver of two cores.
const CASES: [&str; 4] = [
    "stream f32 copy n4194304",
    "stream f32 read n8388608",
    "gemm f32 m256 n256 k256 nn",
    "peak f32 fma c16384 s8192",
];
const ROUNDS: usize = 3;
const DEADLINE: Duration = Duration::from_secs(120);
/// Host time of a long batch.
const LONG_S: f64 = 1.0;
/// Methods that differ by more do not agree.
const AGREE: f64 = 0.03;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let keys = if given.is_empty() { CASES.map(String::from).to_vec() } else { given };
    // The executor is the program that this example is built beside.
    let examples = std::env::current_exe()?;
    let folder = examples.parent().and_then(Path::parent).ok_or("this example lies in no folder")?;
    let program = Program {
        program: folder.join("portamark"),
        arguments: vec!["executor".into(), "wgpu".into()],
        environment: Vec::new(),
    };
    let mut executor = ChildExecutor::new(program);
    let (_, devices) = executor.hello(DEADLINE)?;
    let mut worst: f64 = 0.0;
    for device in &devices {
        println!("{}\n", device.id);
        println!("| case | portamark | long batch | criterion | long batch | criterion |");
        println!("| --- | ---: | ---: | ---: | ---: | ---: |");
        let timer = timer(&mut executor, device)?;
        for key in &keys {
            let case: Case = key.parse()?;
            let plan = default_plan(&case, device, &KernelSource::embedded())?;
            let mut best = [f64::INFINITY; 3];
            for _ in 0..ROUNDS {
                let times = round(&mut executor, device, &timer, &case, &plan)?;
                for (best, time) in best.iter_mut().zip(times) {
                    *best = best.min(time);
                }
            }
            let [own, long, criterion] = best;
            let off = [long, criterion].map(|time| time / own - 1.0);
            worst = off.iter().fold(worst, |worst, off| worst.max(off.abs()));
            println!(
                "| `{key}` | {} | {} | {} | {:+.1} % | {:+.1} % |",
                units::seconds(own),
                units::seconds(long),
                units::seconds(criterion),
                100.0 * off[0],
                100.0 * off[1]
            );
        }
        println!();
    }
    if worst > AGREE {
        eprintln!("the methods differ by {:.1} %; is the machine doing something else?", 100.0 * worst);
        std::process::exit(1);
    }
    Ok(())
}

fn timer(executor: &mut ChildExecutor, device: &Capabilities) -> Result<TimerReport> {
    let case: Case = "stream f32 scale n262144".parse()?;
    let plan = default_plan(&case, device, &KernelSource::embedded())?;
    let handle = prepared(executor, device, &case, &plan, 1)?;
    let report = self_test(executor, device, handle, DEADLINE)?;
    executor.release(handle, DEADLINE)?;
    Ok(report)
}

fn prepared(
    executor: &mut ChildExecutor,
    device: &Capabilities,
    case: &Case,
    plan: &Plan,
    sets: u32,
) -> Result<u32> {
    let prepare = Prepare {
        device: device.id.clone(),
        case: case.key(),
        plan: Some(plan.clone()),
        seed: 1,
        dist: Default::default(),
        sets,
        memory_limit: 4 << 30,
    };
    Ok(executor.prepare(prepare, DEADLINE)?.0)
}

/// Seconds of one execution by each of the three methods.
fn round(
    executor: &mut ChildExecutor,
    device: &Capabilities,
    timer: &TimerReport,
    case: &Case,
    plan: &Plan,
) -> Result<[f64; 3]> {
    let config = Config { time_limit: Duration::from_secs(4), timeout: DEADLINE, ..Config::default() };
    let mut session =
        Session { executor, device, timer, sentinels: Default::default(), sentinel_start: None };
    let measured = measure(&mut session, &config, case, Some(plan), None);
    if measured.ended != Ended::Ok {
        return Err(format!("{}: {:?}", case.key(), measured.ended).into());
    }
    let timing = measured.timing.ok_or("a proven case has times")?;
    // Where the slope was not taken, a batch is so long that its overhead does not count.
    let own = timing.slope_s.unwrap_or(timing.summary.median);

    let handle = prepared(executor, device, case, plan, timing.sets)?;
    executor.sample(handle, timing.sets, 0, DEADLINE)?;
    let k = ((LONG_S / own).ceil() as u32).clamp(1, 1 << 14);
    let long = executor.sample(handle, k, 0, DEADLINE)?.host_ns as f64 * 1e-9 / f64::from(k);
    let criterion = by_criterion(executor, handle)?;
    executor.release(handle, DEADLINE)?;
    Ok([own, long, criterion])
}

/// Criterion's slope, or its mean where it takes samples of one size. Its clock is around the message
/// to the executor.
fn by_criterion(executor: &mut ChildExecutor, handle: u32) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let executor = RefCell::new(executor);
    Criterion::default()
        .output_directory(folder.path())
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .bench_function("kernel", |bencher| {
            bencher.iter_custom(|k| {
                let started = Instant::now();
                let sampled = executor.borrow_mut().sample(handle, k as u32, 0, DEADLINE);
                sampled.expect("what ran before runs again");
                started.elapsed()
            });
        });
    let estimates = std::fs::read_to_string(folder.path().join("kernel/new/estimates.json"))?;
    let estimates: serde_json::Value = serde_json::from_str(&estimates)?;
    let of = |name: &str| estimates[name]["point_estimate"].as_f64();
    Ok(of("slope").or_else(|| of("mean")).ok_or("criterion has an estimate")? * 1e-9)
}
