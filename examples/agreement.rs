//! Kernel times by three methods: portamark's (the device's clock, the slope over batches of several
//! sizes), the host's time of one long batch, and criterion's `iter_custom` on the same kernel.
//!
//! ```sh
//! cargo run --release --example agreement                              # every device, its own cases
//! cargo run --release --example agreement -- "gemm f32 m512 n512 k512 nn"
//! ```
//!
//! It takes under a minute for each case. The machine should do nothing else; the differences are
//! medians over eleven rounds. The exit code is 1 if one is above 3 %.

use criterion::{Criterion, PlottingBackend};
use portamark_executors::protocol::Prepare;
use portamark_executors::{ChildExecutor, Executor, Program};
use portamark_kernels::{KernelSource, default_plan};
use portamark_measure::{Config, Ended, Session, measure, self_test};
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::units;
use portamark_model::workload::Case;
use portamark_results::{TimerReport, Timing};
use portamark_stats::median_of_unsorted;
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
const ROUNDS: usize = 11;
const DEADLINE: Duration = Duration::from_secs(120);
/// Host time of a long batch.
const LONG_S: f64 = 0.5;
/// Methods that differ by more do not agree.
const AGREE: f64 = 0.03;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let keys = if given.is_empty() { CASES.map(String::from).to_vec() } else { given };
    // The executor is the program that this example is built beside.
    let examples = std::env::current_exe()?;
    let folder = examples.parent().and_then(Path::parent).ok_or("this example lies in no folder")?;
    let program = Program::new(folder.join("portamark"), vec!["executor".into(), "wgpu".into()]);
    let mut executor = ChildExecutor::new(program);
    let (_, devices) = executor.hello(DEADLINE)?;
    let mut worst: f64 = 0.0;
    // Criterion talks while it measures: the table comes last.
    let mut table = String::new();
    for device in &devices {
        table += &format!(
            "{}\n\n| case | portamark | long batch | criterion | long batch | criterion |\n\
             | --- | ---: | ---: | ---: | ---: | ---: |\n",
            device.id
        );
        let timer = timer(&mut executor, device)?;
        for key in &keys {
            let case: Case = key.parse()?;
            let plan = default_plan(&case, device, &KernelSource::embedded())?;
            let subject = Subject { device, timer: &timer, case: &case, plan: &plan };
            let times = rounds(&mut executor, &subject)?;
            let [own, long, criterion] = [0, 1, 2].map(|method| middle(times.iter().map(|t| t[method])));
            // Of each round, since its methods saw about the same machine.
            let off = [1, 2].map(|method| middle(times.iter().map(|t| t[method] / t[0])) - 1.0);
            worst = off.iter().fold(worst, |worst, off| worst.max(off.abs()));
            table += &format!(
                "| `{key}` | {} | {} | {} | {:+.1} % | {:+.1} % |\n",
                units::seconds(own),
                units::seconds(long),
                units::seconds(criterion),
                100.0 * off[0],
                100.0 * off[1]
            );
        }
        table.push('\n');
    }
    print!("{table}");
    if worst.is_nan() || worst > AGREE {
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
    let prepare = Prepare::new(device, case, Some(plan.clone())).but(|it| {
        it.sets = sets;
        it.memory_limit = 4 << 30;
    });
    Ok(executor.prepare(prepare, DEADLINE)?.handle)
}

/// What is timed.
struct Subject<'a> {
    device: &'a Capabilities,
    timer: &'a TimerReport,
    case: &'a Case,
    plan: &'a Plan,
}

/// Seconds of one execution by each of the three methods, in each round. They follow one another in one
/// order and then in the other, so that a trend of the machine favours none. Each has buffers of its own
/// in each round: how fast memory is depends on the pages that were given, by some percent.
fn rounds(executor: &mut ChildExecutor, subject: &Subject) -> Result<Vec<[f64; 3]>> {
    let first = own(executor, subject)?;
    let (sets, each) = (first.sets, first.summary.median);
    let k = ((LONG_S / each).ceil() as u32).clamp(1, 1 << 14);
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let mut seconds = [0.0; 3];
        let order = if round % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] };
        for method in order {
            seconds[method] = match method {
                0 => {
                    let timing = own(executor, subject)?;
                    // Where the slope was not taken, a batch is so long that its overhead does not count.
                    timing.slope_s.unwrap_or(timing.summary.median)
                }
                _ => {
                    let handle = prepared(executor, subject.device, subject.case, subject.plan, sets)?;
                    executor.sample(handle, sets, 0, DEADLINE)?;
                    let each = match method {
                        1 => executor.sample(handle, k, 0, DEADLINE)?.host_ns as f64 * 1e-9 / f64::from(k),
                        _ => by_criterion(executor, handle)?,
                    };
                    executor.release(handle, DEADLINE)?;
                    each
                }
            };
        }
        times.push(seconds);
    }
    Ok(times)
}

/// What portamark measures.
fn own(executor: &mut ChildExecutor, subject: &Subject) -> Result<Timing> {
    let config = Config {
        time_limit: Duration::from_secs(4),
        max_samples: 40,
        timeout: DEADLINE,
        ..Config::default()
    };
    let mut session = Session {
        executor,
        device: subject.device,
        timer: subject.timer,
        sentinels: Default::default(),
        sentinel_start: None,
    };
    let measured = measure(&mut session, &config, subject.case, Some(subject.plan), None);
    if measured.ended != Ended::Ok {
        return Err(format!("{}: {:?}", subject.case.key(), measured.ended).into());
    }
    measured.timing.ok_or_else(|| "a proven case has times".into())
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    median_of_unsorted(&mut values.collect::<Vec<_>>()).unwrap_or(f64::NAN)
}

/// Criterion's slope, or its mean where it takes samples of one size. Its clock is around the message
/// to the executor.
fn by_criterion(executor: &mut ChildExecutor, handle: u32) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let executor = RefCell::new(executor);
    Criterion::default()
        .output_directory(folder.path())
        .plotting_backend(PlottingBackend::None)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
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
