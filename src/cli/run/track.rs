//! One device during a run: its executor, its file, its budget.

use super::super::note;
use super::super::places::Place;
use super::choosing::Chooser;
use super::conditions::Conditions;
use super::done::Done;
use super::sensors::Sensors;
use super::session::Command;
use crate::error::{Error, Result};
use crate::executor::{Executor, Fault};
use crate::kernel::{Capabilities, KernelSource};
use crate::measure::{
    Budget, Config, METHOD, Predictor, TimerChoice, TimerReport, prepare_fixed_work, self_test,
};
use crate::record::{self, AbSide, Earlier, Header, Row, RunFile, RunWriter, SCHEMA_VERSION, find_earlier};
use crate::suite::Suite;
use crate::workload::Case;
use std::collections::BTreeMap;

/// What all devices of a run share.
pub(super) struct Setup {
    /// Where kernel texts come from.
    pub(super) source: KernelSource,
    /// The user's words.
    pub(super) labels: BTreeMap<String, String>,
    /// Identifier of the run.
    pub(super) run_id: String,
    /// The side of a comparison, if it is one.
    pub(super) ab: Option<AbSide>,
    /// Ids of all devices that are there, chosen or not.
    pub(super) present: Vec<String>,
}

/// One device during a run.
pub(super) struct Track {
    pub(super) device: Capabilities,
    pub(super) executor: Box<dyn Executor>,
    pub(super) writer: RunWriter,
    pub(super) timer: TimerReport,
    pub(super) conditions: Conditions,
    pub(super) sensors: Sensors,
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
    pub(super) fn open(command: &Command, suite: &Suite, setup: &Setup, place: &Place) -> Result<Self> {
        let mut device = place.device.clone();
        // Where the card is in someone's machine is no one's business.
        let slot = device.pci_bus_id.take();
        let arguments = &command.arguments;
        let mut config = arguments.config(&device);
        let chooser = command.choosing.chooser(&device, &arguments.output, &setup.source)?;
        let budget = arguments.budget(suite);
        let mut executor = place.start();
        let timer = test_timer(&mut *executor, &device, &config, &setup.source);
        let timer = timer.unwrap_or_else(|fault| {
            TimerReport::untested(format!("the self-test failed: {}", record::redact(&fault.reason)))
        });
        for line in timer_talk(&device, &timer) {
            note(&line);
        }
        let mut header = Header {
            schema: SCHEMA_VERSION,
            method: METHOD,
            portamark: env!("CARGO_PKG_VERSION").into(),
            run: setup.run_id.clone(),
            started: record::now(),
            suite: suite.name.clone(),
            seed: arguments.subject.seed,
            device: device.clone(),
            platform: record::platform(),
            executor: place.executor.clone(),
            timer: timer.clone(),
            sensors: None,
            cache: None,
            sentinels: None,
            settled: None,
            labels: setup.labels.clone(),
            options: BTreeMap::from([
                ("budget_s".to_string(), budget.map_or("none".to_string(), |b| b.as_secs_f64().to_string())),
                ("max_noise".to_string(), arguments.max_noise.to_string()),
                ("cache".to_string(), if config.rotate { "rotated" } else { "warm" }.to_string()),
                ("dist".to_string(), config.dist.to_string()),
                ("memory_bytes".to_string(), config.memory_limit.to_string()),
                ("isolate".to_string(), command.isolation.isolate.name().to_string()),
                ("tuning_tables".to_string(), chooser.tables().to_string()),
                ("repeats".to_string(), arguments.repeats().to_string()),
            ]),
            ab: setup.ab.clone(),
        };
        let earlier = reopen_file(command, setup, &header)?;
        let conditions = Conditions::find(
            &mut *executor,
            &device,
            &timer,
            &mut config,
            &setup.source,
            arguments.settle,
            earlier.as_ref().map(|(_, file)| &file.header),
        );
        let sensors = Sensors::of(&device, slot.as_deref());
        let (writer, earlier) = match earlier {
            Some((writer, earlier)) => (writer, Some(earlier)),
            None => {
                header.sensors = Some(sensors.describe());
                header.cache = conditions.cache.clone();
                header.sentinels = conditions.sentinel_start.clone();
                header.settled = conditions.settled;
                (RunWriter::create(&arguments.output, header)?, None)
            }
        };
        let mut predictor = Predictor::default();
        learn(&mut predictor, earlier.as_ref().map_or(&[], |file| &file.rows));
        let rows = earlier.as_ref().map_or(&[][..], |file| &file.rows);
        let spent: f64 = rows.iter().map(|row| row.spent.warmup_s + row.spent.sample_s).sum();
        let done = Done::from_rows(rows, command.isolation.retry.is_some());
        let left = budget.map(|b| (b.as_secs_f64() - spent).max(1.0));
        let rows = |case: &Case| {
            let jobs = chooser.jobs(case, &device);
            let left =
                |repeat| jobs.iter().filter(|job| !done.is_done(case, job, jobs.len(), repeat)).count();
            (1..=arguments.repeats()).map(left).sum::<usize>()
        };
        let to_do = suite.cases.iter().map(rows).sum();
        Ok(Track {
            earlier_s: earlier.as_ref().map_or(0.0, |file| file.wall_s()),
            device,
            executor,
            writer,
            timer,
            conditions,
            sensors,
            config,
            predictor,
            budget: Budget::new(left, to_do),
            chooser,
            done,
        })
    }
}

/// The file of an earlier run to go on with, where that is asked for and there is one.
fn reopen_file(command: &Command, setup: &Setup, header: &Header) -> Result<Option<(RunWriter, RunFile)>> {
    let (arguments, retry) = (&command.arguments, command.isolation.retry.is_some());
    if !arguments.resume && !retry {
        return Ok(None);
    }
    let wanted = Earlier { header, finished: retry, present: &setup.present };
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
        return Ok(None);
    };
    let (writer, earlier) = RunWriter::resume(&path)?;
    note(&format!("resuming {} after {} rows", path.display(), earlier.rows.len()));
    for problem in &earlier.problems {
        note(&format!("note: {problem}"));
    }
    Ok(Some((writer, earlier)))
}

/// Lets a predictor know what earlier rows took.
pub(super) fn learn(predictor: &mut Predictor, rows: &[Row]) {
    for row in rows {
        if let (Some(seconds), Ok(case)) = (row.seconds(), row.case.parse::<Case>()) {
            predictor.note(&case, seconds);
        }
    }
}

/// Tests the timer of `device` on some real work.
pub(in crate::cli) fn test_timer(
    executor: &mut dyn Executor,
    device: &Capabilities,
    config: &Config,
    source: &KernelSource,
) -> std::result::Result<TimerReport, Fault> {
    let handle = prepare_fixed_work(executor, device, config, source, "stream f32 scale n262144")?;
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
