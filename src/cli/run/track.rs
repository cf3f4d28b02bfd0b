//! One device during a run: its executor, its file, its budget.

use super::super::note;
use super::choosing::Chooser;
use super::done::Done;
use super::session::Command;
use crate::error::{Error, Result};
use crate::executor::protocol::Prepare;
use crate::executor::{ChildExecutor, Executor, Fault, FaultKind, Program};
use crate::kernel::{Capabilities, KernelSource, Takes, default_plan};
use crate::measure::{Budget, Config, METHOD, Predictor, TimerChoice, TimerReport, self_test};
use crate::record::{self, Earlier, Header, Row, RunFile, RunWriter, SCHEMA_VERSION, find_earlier};
use crate::stats::median_of_unsorted;
use crate::suite::Suite;
use crate::workload::Case;
use std::collections::BTreeMap;

/// What all devices of a run share.
pub(super) struct Setup {
    /// How the executor is started.
    pub(super) program: Program,
    /// Its name and version.
    pub(super) executor_name: String,
    /// Where kernel texts come from.
    pub(super) source: KernelSource,
    /// The user's words.
    pub(super) labels: BTreeMap<String, String>,
    /// Identifier of the run.
    pub(super) run_id: String,
    /// Ids of all devices that are there, chosen or not.
    pub(super) present: Vec<String>,
}

/// One device during a run.
pub(super) struct Track {
    pub(super) device: Capabilities,
    pub(super) executor: ChildExecutor,
    pub(super) writer: RunWriter,
    pub(super) timer: TimerReport,
    pub(super) sentinel: Option<u32>,
    /// Generation of the child that the sentinel belongs to.
    pub(super) sentinel_of: u32,
    /// Seconds that the sentinel took during the first rows.
    pub(super) sentinel_start_s: Option<f64>,
    pub(super) config: Config,
    pub(super) predictor: Predictor,
    pub(super) budget: Budget,
    pub(super) chooser: Chooser,
    /// The rows that there are.
    pub(super) done: Done,
    pub(super) earlier_s: f64,
}

impl Track {
    /// Starts an executor for `device`, tests its timer, and makes or reopens its file.
    pub(super) fn open(
        command: &Command,
        suite: &Suite,
        setup: &Setup,
        device: Capabilities,
    ) -> Result<Self> {
        let arguments = &command.arguments;
        let config = arguments.config(&device);
        let chooser = command.choosing.chooser(&device, &arguments.output, &setup.source)?;
        let budget = arguments.budget(suite);
        let mut executor = ChildExecutor::new(setup.program.clone());
        let timer = test_timer(&mut executor, &device, &config, &setup.source);
        let timer = timer.unwrap_or_else(|fault| {
            TimerReport::untested(format!("the self-test failed: {}", record::redact(&fault.reason)))
        });
        for line in timer_talk(&device, &timer) {
            note(&line);
        }
        let header = Header {
            schema: SCHEMA_VERSION,
            method: METHOD,
            portamark: env!("CARGO_PKG_VERSION").into(),
            run: setup.run_id.clone(),
            started: record::now(),
            suite: suite.name.clone(),
            seed: arguments.seed,
            device: device.clone(),
            platform: record::platform(),
            executor: setup.executor_name.clone(),
            timer: timer.clone(),
            labels: setup.labels.clone(),
            options: BTreeMap::from([
                ("budget_s".to_string(), budget.map_or("none".to_string(), |b| b.as_secs_f64().to_string())),
                ("max_noise".to_string(), arguments.max_noise.to_string()),
                ("cache_bytes".to_string(), config.cache_bytes.to_string()),
                ("isolate".to_string(), command.isolation.isolate.name().to_string()),
                ("tuning_tables".to_string(), chooser.tables().to_string()),
            ]),
        };
        let (writer, earlier) = open_file(command, setup, header)?;
        let mut predictor = Predictor::default();
        learn(&mut predictor, earlier.as_ref().map_or(&[], |file| &file.rows));
        let rows = earlier.as_ref().map_or(&[][..], |file| &file.rows);
        let spent: f64 = rows.iter().map(|row| row.spent.warmup_s + row.spent.sample_s).sum();
        let done = Done::from_rows(rows, command.isolation.retry.is_some());
        let left = budget.map(|b| (b.as_secs_f64() - spent).max(1.0));
        let rows = |case: &Case| {
            let jobs = chooser.jobs(case, &device);
            jobs.iter().filter(|job| !done.is_done(case, job, jobs.len())).count()
        };
        let to_do = suite.cases.iter().map(rows).sum();
        Ok(Track {
            earlier_s: earlier.as_ref().map_or(0.0, |file| file.wall_s()),
            device,
            executor,
            writer,
            timer,
            sentinel: None,
            sentinel_of: 0,
            sentinel_start_s: None,
            config,
            predictor,
            budget: Budget::new(left, to_do),
            chooser,
            done,
        })
    }

    /// Takes the sentinel's time of the first row that has one as that of an unthrottled clock.
    pub(super) fn note_sentinel(&mut self, row: &Row) {
        if self.sentinel_start_s.is_none() {
            let times = row.timing.as_ref().map(|timing| timing.sentinel_s.clone());
            self.sentinel_start_s = times.and_then(|mut times| median_of_unsorted(&mut times));
        }
    }

    /// Makes the sentinel anew when there is none in the present child.
    pub(super) fn ready_sentinel(&mut self, source: &KernelSource) {
        if self.sentinel.is_some() && self.sentinel_of == self.executor.generation() {
            return;
        }
        // A millisecond on a processor: shorter ones measure the driver's launch.
        let key = "peak f32 fma c16384 s2048";
        self.sentinel = fixed_work(&mut self.executor, &self.device, &self.config, source, key).ok();
        self.sentinel_of = self.executor.generation();
    }
}

/// The file of an earlier run to go on with, where that is asked for and there is one, or a new one.
fn open_file(command: &Command, setup: &Setup, header: Header) -> Result<(RunWriter, Option<RunFile>)> {
    let (arguments, retry) = (&command.arguments, command.isolation.retry.is_some());
    if !arguments.resume && !retry {
        return Ok((RunWriter::create(&arguments.output, header)?, None));
    }
    let wanted = Earlier { header: &header, finished: retry, present: &setup.present };
    let Some(path) = find_earlier(&arguments.output, wanted)? else {
        if retry {
            let (suite, device) = (&header.suite, &header.device.id);
            return Err(Error::usage_hint(
                format!(
                    "no run of suite {suite} on {device} in {}: nothing to retry",
                    arguments.output.display()
                ),
                "name the folder of its file with -o, or begin a new run without --retry",
            ));
        }
        return Ok((RunWriter::create(&arguments.output, header)?, None));
    };
    let (writer, earlier) = RunWriter::resume(&path)?;
    note(&format!("resuming {} after {} rows", path.display(), earlier.rows.len()));
    for problem in &earlier.problems {
        note(&format!("note: {problem}"));
    }
    Ok((writer, Some(earlier)))
}

/// Lets a predictor know what earlier rows took.
pub(super) fn learn(predictor: &mut Predictor, rows: &[Row]) {
    for row in rows {
        if let (Some(seconds), Ok(case)) = (row.seconds(), row.case.parse::<Case>()) {
            predictor.note(&case, seconds);
        }
    }
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

/// Tests the timer of `device` on some real work.
pub(in crate::cli) fn test_timer(
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

/// What to say of a timer before a run, a line for each finding; nothing of one without fault.
fn timer_talk(device: &Capabilities, timer: &TimerReport) -> Vec<String> {
    let clock = match timer.chosen {
        TimerChoice::Device => "its clock is used all the same",
        TimerChoice::Host => "the host's clock is used",
    };
    timer.findings.iter().map(|finding| format!("note: {}: {finding}; {clock}", device.id)).collect()
}
