//! `portamark run`: cases × devices → rows on disk.

use super::devices;
use crate::error::{Error, Result};
use crate::executor::protocol::Prepare;
use crate::executor::{ChildExecutor, Executor, Fault, FaultKind, Program};
use crate::kernel::{Capabilities, KernelSource, Plan, Takes, default_plan};
use crate::measure::{
    Budget, Config, Ended, METHOD, Measurement, Predictor, Session, TimerReport, last_level_cache, measure,
    self_test,
};
use crate::record::{
    self, End, Header, KernelUsed, Outcome, Row, RunWriter, SCHEMA_VERSION, Status, find_resumable,
};
use crate::suite::{Pattern, Suite, parse_list};
use crate::units;
use crate::workload::Case;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Measures a suite on devices and records it, row by row.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Suite: quick, standard, full, or a TOML file.
    #[arg(default_value = "quick")]
    suite: String,
    /// Device: its number, part of its name, or `all`; may be given several times.
    #[arg(short, long, value_name = "DEVICE", default_value = "0")]
    device: Vec<String>,
    /// Only cases whose key matches: text, a glob with `*`, or a regular expression `/…/`.
    #[arg(short = 'k', long, value_name = "PATTERN")]
    filter: Vec<String>,
    /// Replace m of matrix products: a list `256,512` or a range `256:4096:*2`.
    #[arg(long, value_name = "LIST")]
    m: Option<String>,
    /// Replace n of matrix products.
    #[arg(long, value_name = "LIST")]
    n: Option<String>,
    /// Replace k of matrix products.
    #[arg(long, value_name = "LIST")]
    k: Option<String>,
    /// Measuring time for each device, e.g. 90s or 5m. `quick` has 90s unless told otherwise.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    budget: Option<Duration>,
    /// Deadline of one message to the executor.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    timeout: Duration,
    /// Longest sampling of one case.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "5s")]
    min_time: Duration,
    /// Stop sampling when the median is known within this fraction.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.005)]
    max_noise: f64,
    /// Seed of inputs and of the elements that are verified.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Words of your own about this run, kept in the file.
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Print the cases and, where rows of an earlier run tell, the predicted time; run nothing.
    #[arg(long)]
    dry_run: bool,
    /// Go on with the newest interrupted run of this suite on this device.
    #[arg(long)]
    resume: bool,
    /// Folder of result files.
    #[arg(short, long, value_name = "DIR", default_value = "results/local")]
    output: PathBuf,
    /// Draw a report into this folder afterwards.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Read kernel texts from this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    kernels: Option<PathBuf>,
    /// Command of an external executor, instead of the built-in one.
    #[arg(long, value_name = "COMMAND")]
    executor: Option<String>,
}

/// Reads `90s`, `1.5m`, `200ms` or plain seconds.
fn parse_time(text: &str) -> std::result::Result<Duration, String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is not a unit of time; use ms, s, m or h")),
    };
    let seconds: f64 = number.parse().map_err(|_| format!("`{text}` is not a time"))?;
    if seconds > 0.0 {
        Ok(Duration::from_secs_f64(seconds * factor))
    } else {
        Err("a time is above zero".into())
    }
}

/// One device during a run.
struct Track {
    device: Capabilities,
    executor: ChildExecutor,
    writer: RunWriter,
    timer: TimerReport,
    sentinel: Option<u32>,
    /// Generation of the child that the sentinel belongs to.
    sentinel_of: u32,
    config: Config,
    predictor: Predictor,
    budget: Budget,
    done: BTreeMap<String, Status>,
    earlier_s: f64,
}

/// Measures what the arguments say.
pub fn run(arguments: &Arguments) -> Result<()> {
    let suite = resolve(arguments)?;
    let source = arguments.kernels.as_ref().map_or_else(KernelSource::embedded, KernelSource::folder);
    let labels = labels(&arguments.label)?;
    let program = devices::program(arguments.executor.as_deref())?;
    let (executor_name, found) = devices::discover(&program)?;
    let chosen = devices::choose(&found, &arguments.device)?;
    if arguments.dry_run {
        return dry_run(&suite, &chosen, &source);
    }
    let stop = interrupt_flag();
    let run_id = record::run_id();
    let mut tracks = Vec::new();
    for device in chosen {
        tracks.push(open(arguments, &suite, &program, &executor_name, device, &labels, &run_id, &source)?);
    }
    let started = Instant::now();
    let progress = Progress::new(suite.cases.len() * tracks.len());
    let mut interrupted = false;
    'cases: for (number, case) in suite.cases.iter().enumerate() {
        // A B, then B A: devices that share a machine see the same disturbances.
        let order: Vec<usize> =
            if number % 2 == 0 { (0..tracks.len()).collect() } else { (0..tracks.len()).rev().collect() };
        for at in order {
            if stop.load(Ordering::SeqCst) {
                interrupted = true;
                break 'cases;
            }
            let track = &mut tracks[at];
            if track.done.contains_key(&case.key()) {
                progress.step();
                continue;
            }
            progress.begin(&track.device.name, case);
            let row = run_case(track, case, &source);
            track.writer.append(&row)?;
            track.done.insert(row.case.clone(), row.status);
            progress.end(&track.device, &row);
        }
    }
    progress.finish();
    let wall_s = started.elapsed().as_secs_f64();
    let mut paths = Vec::new();
    let mut defects = 0;
    for track in tracks {
        paths.push(track.writer.path().to_path_buf());
        defects += track.done.values().filter(|status| status.is_defect()).count();
        track.writer.finish(End {
            rows: track.done.len() as u64,
            wall_s: track.earlier_s + wall_s,
            outcome: if interrupted { Outcome::Interrupted } else { Outcome::Done },
        })?;
    }
    let runs = record::load_all(&paths)?;
    let width = std::io::stdout().is_terminal().then(terminal_width);
    super::print(&crate::report::terminal(&runs, width));
    for path in &paths {
        super::print(&format!("{}\n", path.display()));
    }
    if let Some(folder) = &arguments.report {
        super::report::write(&paths, folder)?;
    }
    if interrupted {
        return Err(Error::Interrupted("what was measured is saved; --resume continues".into()));
    }
    if defects > 0 {
        return Err(Error::Gate(format!("{defects} cases did not end well; their rows say why")));
    }
    Ok(())
}

fn terminal_width() -> u16 {
    terminal_size::terminal_size().map_or(100, |(width, _)| width.0)
}

fn resolve(arguments: &Arguments) -> Result<Suite> {
    let mut suite = Suite::resolve(&arguments.suite)?;
    let mut sizes = Vec::new();
    for (name, list) in [("m", &arguments.m), ("n", &arguments.n), ("k", &arguments.k)] {
        if let Some(list) = list {
            sizes.push((name, parse_list(list)?));
        }
    }
    if !sizes.is_empty() {
        suite = suite.with_sizes(&sizes)?;
    }
    let patterns = arguments.filter.iter().map(|p| Pattern::parse(p)).collect::<Result<Vec<_>>>()?;
    if patterns.is_empty() { Ok(suite) } else { suite.filtered(&patterns) }
}

fn labels(words: &[String]) -> Result<BTreeMap<String, String>> {
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_string(), value.to_string())),
            _ => Err(Error::usage(format!("--label {word}: expected KEY=VALUE"))),
        })
        .collect()
}

fn dry_run(suite: &Suite, devices: &[Capabilities], source: &KernelSource) -> Result<()> {
    let mut text = String::new();
    for device in devices {
        text.push_str(&format!("{}\n", device.id));
        for case in &suite.cases {
            let kernel = match default_plan(case, device, source) {
                Ok(plan) => plan.variant.to_string(),
                Err(error) => error.to_string(),
            };
            text.push_str(&format!(
                "  {:<52} {:>12} {:>10}  {kernel}\n",
                case.key(),
                units::prefixed(case.flop() as f64, "FLOP"),
                units::bytes(case.bytes())
            ));
        }
    }
    super::print(&text);
    Ok(())
}

/// Set by Ctrl-C; a second one ends the program at once.
fn interrupt_flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&flag);
    let _ = ctrlc::set_handler(move || {
        if shared.swap(true, Ordering::SeqCst) {
            std::process::exit(crate::error::Exit::Interrupted as i32);
        }
        eprintln!("\nfinishing the case that runs; press again to stop at once");
    });
    flag
}

#[allow(clippy::too_many_arguments)]
fn open(
    arguments: &Arguments,
    suite: &Suite,
    program: &Program,
    executor_name: &str,
    device: Capabilities,
    labels: &BTreeMap<String, String>,
    run_id: &str,
    source: &KernelSource,
) -> Result<Track> {
    let config = Config {
        seed: arguments.seed,
        timeout: arguments.timeout,
        time_limit: arguments.min_time,
        cache_bytes: last_level_cache(&device),
        stopping: crate::stats::StoppingConfig {
            relative_half_width: arguments.max_noise,
            ..Default::default()
        },
        ..Config::default()
    };
    let budget = arguments.budget.or((suite.name == "quick").then_some(Duration::from_secs(90)));
    let mut executor = ChildExecutor::new(program.clone());
    let timer = test_timer(&mut executor, &device, &config, source);
    let timer = timer.unwrap_or_else(|fault| TimerReport {
        chosen: crate::measure::TimerChoice::Host,
        findings: vec![format!("the self-test failed: {}", record::redact(&fault.reason))],
        tick_ns: None,
        empty_host_s: 0.0,
        empty_device_s: None,
    });
    let header = Header {
        schema: SCHEMA_VERSION,
        method: METHOD,
        portamark: env!("CARGO_PKG_VERSION").into(),
        run: run_id.into(),
        started: record::now(),
        suite: suite.name.clone(),
        seed: arguments.seed,
        device: device.clone(),
        platform: record::platform(),
        executor: executor_name.into(),
        timer: timer.clone(),
        labels: labels.clone(),
        options: BTreeMap::from([
            ("budget_s".to_string(), budget.map_or("none".to_string(), |b| b.as_secs_f64().to_string())),
            ("max_noise".to_string(), arguments.max_noise.to_string()),
            ("cache_bytes".to_string(), config.cache_bytes.to_string()),
        ]),
    };
    let resumable = arguments
        .resume
        .then(|| find_resumable(&arguments.output, &device.id, &suite.name, METHOD, Some(arguments.seed)))
        .flatten();
    let (writer, earlier) = match resumable {
        Some(path) => {
            let (writer, earlier) = RunWriter::resume(&path)?;
            eprintln!("resuming {} after {} rows", path.display(), earlier.rows.len());
            for problem in &earlier.problems {
                eprintln!("note: {problem}");
            }
            (writer, Some(earlier))
        }
        None => (RunWriter::create(&arguments.output, header)?, None),
    };
    let mut predictor = Predictor::default();
    let mut done = BTreeMap::new();
    let mut spent = 0.0;
    for row in earlier.iter().flat_map(|file| &file.rows) {
        if let (Some(seconds), Ok(case)) = (row.seconds(), row.case.parse::<Case>()) {
            predictor.note(&case, seconds);
        }
        spent += row.spent.warmup_s + row.spent.sample_s;
        done.insert(row.case.clone(), row.status);
    }
    let left = budget.map(|b| (b.as_secs_f64() - spent).max(1.0));
    let to_do = suite.cases.iter().filter(|case| !done.contains_key(&case.key())).count();
    Ok(Track {
        earlier_s: earlier.as_ref().map_or(0.0, |file| file.wall_s()),
        device,
        executor,
        writer,
        timer,
        sentinel: None,
        sentinel_of: 0,
        config,
        predictor,
        budget: Budget::new(left, to_do),
        done,
    })
}

/// A fixed piece of work: for the timer's self-test, and as the sentinel between samples.
fn fixed_work(
    executor: &mut ChildExecutor,
    device: &Capabilities,
    config: &Config,
    source: &KernelSource,
    key: &str,
) -> std::result::Result<u32, Fault> {
    let case: Case = key.parse().expect("a valid key");
    let plan = match device.takes {
        Takes::Cases => None,
        Takes::Plans => Some(
            default_plan(&case, device, source)
                .map_err(|error| Fault::new(FaultKind::Unsupported, error.to_string()))?,
        ),
    };
    let prepare = Prepare {
        device: device.id.clone(),
        case: case.key(),
        plan,
        seed: config.seed,
        sets: 1,
        memory_limit: config.memory_limit,
    };
    executor.prepare(prepare, config.timeout).map(|(handle, ..)| handle)
}

fn test_timer(
    executor: &mut ChildExecutor,
    device: &Capabilities,
    config: &Config,
    source: &KernelSource,
) -> std::result::Result<TimerReport, Fault> {
    let handle = fixed_work(executor, device, config, source, "stream f32 scale n262144")?;
    let report = self_test(executor, device, handle, config.timeout)?;
    executor.release(handle, config.timeout)?;
    Ok(report)
}

/// Runs one case and writes down what happened, whatever happens.
fn run_case(track: &mut Track, case: &Case, source: &KernelSource) -> Row {
    let mut row = Row {
        case: case.key(),
        status: Status::Ok,
        reason: None,
        flop: case.flop(),
        bytes: case.bytes(),
        started: record::now(),
        spent: Default::default(),
        kernel: None,
        verification: None,
        timing: None,
        predicted_s: track.predictor.predict(case),
        tags: Vec::new(),
    };
    let started = Instant::now();
    let planned = plan_for(track, case, source);
    let share_s = track.budget.share_s();
    let mut used_s = 0.0;
    match planned.and_then(|plan| affordable(track, &row, share_s).map(|()| plan)) {
        Err((status, reason)) => {
            row.status = status;
            row.reason = Some(record::redact(&reason));
        }
        Ok(plan) => {
            ready_sentinel(track, source);
            let sentinel = track.sentinel;
            let mut session = Session {
                executor: &mut track.executor,
                device: &track.device,
                timer: &track.timer,
                sentinel,
            };
            let measured = measure(&mut session, &track.config, case, plan.as_ref(), share_s);
            used_s = measured.spent.warmup_s + measured.spent.sample_s;
            if let (Ended::Ok | Ended::TooSlow(_), Some(seconds)) = (&measured.ended, measured.first_s) {
                let seconds = measured.timing.as_ref().map_or(seconds, |timing| timing.summary.median);
                track.predictor.note(case, seconds);
            }
            fill(&mut row, measured, plan.as_ref());
        }
    }
    track.budget.spend(used_s);
    row.spent.total_s = started.elapsed().as_secs_f64();
    row
}

type Refusal = (Status, String);

fn plan_for(track: &Track, case: &Case, source: &KernelSource) -> std::result::Result<Option<Plan>, Refusal> {
    if let Some(reason) = case.too_large() {
        return Err((Status::Unsupported, reason));
    }
    if track.device.takes == Takes::Cases {
        return Ok(None);
    }
    let plan = default_plan(case, &track.device, source).map_err(|error| match error {
        crate::kernel::PlanError::Template(_) => (Status::Failed, error.to_string()),
        _ => (Status::Unsupported, error.to_string()),
    })?;
    let limits = &track.device.limits;
    let largest = plan.buffers.iter().max_by_key(|b| b.bytes()).expect("a plan has buffers");
    let most = limits.binding_bytes.min(limits.buffer_bytes);
    if largest.bytes() > most {
        let (name, size) = (&largest.name, units::bytes(largest.bytes()));
        let reason =
            format!("buffer {name} takes {size}; one binding of this device holds {}", units::bytes(most));
        return Err((Status::Unsupported, reason));
    }
    if plan.bytes() > track.config.memory_limit {
        let (size, limit) = (units::bytes(plan.bytes()), units::bytes(track.config.memory_limit));
        return Err((Status::Skipped, format!("needs {size}; the memory limit is {limit}")));
    }
    Ok(Some(plan))
}

/// Refuses a case that is predicted to take more than its share.
fn affordable(track: &Track, row: &Row, share_s: Option<f64>) -> std::result::Result<(), Refusal> {
    let (Some(predicted_s), Some(share_s)) = (row.predicted_s, share_s) else { return Ok(()) };
    let executions = (3 + track.config.stopping.min_samples) as f64;
    if predicted_s * executions <= share_s {
        return Ok(());
    }
    let reason = format!(
        "predicted {} for one execution, {} with all samples; its share of the budget is {}",
        units::seconds(predicted_s),
        units::seconds(predicted_s * executions),
        units::seconds(share_s)
    );
    Err((Status::Skipped, reason))
}

/// Makes the sentinel anew when there is none in the present child.
fn ready_sentinel(track: &mut Track, source: &KernelSource) {
    if track.sentinel.is_some() && track.sentinel_of == track.executor.generation() {
        return;
    }
    let key = "peak f32 fma c16384 s256";
    track.sentinel = fixed_work(&mut track.executor, &track.device, &track.config, source, key).ok();
    track.sentinel_of = track.executor.generation();
}

fn fill(row: &mut Row, measured: Measurement, plan: Option<&Plan>) {
    (row.status, row.reason) = match measured.ended {
        Ended::Ok => (Status::Ok, None),
        Ended::Wrong(reason) => (Status::Wrong, Some(reason)),
        Ended::TooSlow(reason) => (Status::Skipped, Some(reason)),
        Ended::Fault(fault) => {
            let status = match fault.kind {
                FaultKind::Unsupported => Status::Unsupported,
                FaultKind::OutOfMemory => Status::OutOfMemory,
                FaultKind::Failed => Status::Failed,
                FaultKind::Timeout => Status::Timeout,
                FaultKind::Crashed => Status::Crashed,
            };
            (status, Some(record::redact(&fault.reason)))
        }
    };
    row.spent = measured.spent;
    row.verification = measured.verification;
    row.timing = measured.timing;
    row.tags = measured.tags;
    row.kernel = plan.map(|plan| KernelUsed {
        variant: plan.variant.clone(),
        sha256: plan.hash(),
        steps: plan.steps.len() as u32,
        held_bytes: measured.held_bytes,
        tuned: false,
    });
}

/// A bar on a terminal, plain lines otherwise; always on stderr.
struct Progress {
    bar: Option<indicatif::ProgressBar>,
    total: usize,
    at: std::cell::Cell<usize>,
}

impl Progress {
    fn new(total: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = indicatif::ProgressBar::new(total as u64);
            let style = indicatif::ProgressStyle::with_template("{bar:24} {pos}/{len} {eta} left  {msg}");
            bar.set_style(style.expect("a valid template"));
            bar
        });
        Progress { bar, total, at: std::cell::Cell::new(0) }
    }

    fn begin(&self, device: &str, case: &Case) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{case} on {device}"));
        }
    }

    fn step(&self) {
        self.at.set(self.at.get() + 1);
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    fn end(&self, device: &Capabilities, row: &Row) {
        self.step();
        let what = match (row.status, row.seconds()) {
            (Status::Ok, Some(seconds)) => match row.flop_rate() {
                Some(rate) if !row.case.starts_with("stream") => {
                    format!("{}, {}", units::seconds(seconds), units::flop_rate(rate))
                }
                _ => format!(
                    "{}, {}",
                    units::seconds(seconds),
                    units::byte_rate(row.byte_rate().unwrap_or(f64::NAN))
                ),
            },
            (status, _) => format!("{status}: {}", row.reason.as_deref().unwrap_or("no reason given")),
        };
        let line = format!("[{}/{}] {}: {}: {what}", self.at.get(), self.total, device.name, row.case);
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(parse_time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("200ms"), Ok(Duration::from_millis(200)));
        assert!(parse_time("5 parsecs").is_err());
        assert!(parse_time("0s").is_err());
        assert!(parse_time("").is_err());
    }

    #[test]
    fn a_label_needs_a_key() {
        assert_eq!(labels(&["card=H20".into()]).unwrap()["card"], "H20");
        assert!(labels(&["H20".into()]).is_err());
        assert!(labels(&["=H20".into()]).is_err());
    }
}
