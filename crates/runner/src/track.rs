//! State of one device during a run: executor, result file, budget.

use super::choice::Chooser;
use super::conditions::Conditions;
use super::done::Done;
use super::events::Events;
use super::inspection::Asked;
use super::options::{Earlier as EarlierRun, Options};
use super::places::Place;
use super::sensors::Sensors;
use portamark_executors::Executor;
use portamark_measure::{Budget, Config, METHOD, Predictor, test_timer};
use portamark_model::device::Capabilities;
use portamark_model::error::{Error, Hint, Result};
use portamark_model::workload::Case;
use portamark_results::{
    self as results, AbSide, Earlier, Header, Row, RunFile, RunOption, RunWriter, TimerChoice, TimerReport,
    find_earlier,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time between two looks whether a run that is waited for has ended.
const LOOK: Duration = Duration::from_millis(200);

/// Data shared by all devices of a run.
pub(crate) struct Setup<'a> {
    /// Identifier of the run, the same in all of its result files.
    pub(crate) run_id: String,
    /// Side of a comparison; `None` if the run is not a comparison.
    pub(crate) ab: Option<AbSide>,
    /// Ids of all devices that are present, chosen or not.
    pub(crate) present: Vec<String>,
    /// Becomes true when the run is to stop.
    pub(crate) stop: &'a AtomicBool,
}

/// State of one device during a run.
pub(crate) struct Track {
    pub(crate) device: Capabilities,
    pub(crate) executor: Box<dyn Executor>,
    pub(crate) writer: RunWriter,
    pub(crate) timer: TimerReport,
    pub(crate) conditions: Conditions,
    pub(crate) sensors: Sensors,
    pub(crate) config: Config,
    pub(crate) predictor: Predictor,
    pub(crate) budget: Budget,
    pub(crate) chooser: Chooser,
    /// What the compiler made of the plans that ran.
    pub(crate) asked: Asked,
    /// Rows that exist already.
    pub(crate) done: Done,
    pub(crate) earlier_s: f64,
}

impl Track {
    /// Starts the executor of `place`, tests the device's timer, and creates or reopens its result file.
    pub(crate) fn open(
        options: &Options,
        setup: &Setup<'_>,
        place: &Place,
        events: &dyn Events,
    ) -> Result<Self> {
        let mut device = place.device.clone();
        // The PCI slot is private to the user's machine and does not go into the file.
        let slot = device.pci_bus_id.take();
        let mut config = options.settings.config(&device, options.repeats);
        let chooser = options.choice.chooser(&device, &options.output, &options.source, events)?;
        let (suite, budget) = (&options.suite, options.budget);
        let mut executor = place.start();
        let timer = test_timer(&mut *executor, &device, &config, &options.source);
        let timer = timer.unwrap_or_else(|fault| {
            TimerReport::untested(format!("the self-test failed: {}", results::redact(&fault.reason)))
        });
        for line in timer_talk(&device, &timer) {
            events.note(&line);
        }
        let public = device.clone().but(|it| it.own_id = None);
        let mut header = Header::new(METHOD, &setup.run_id, &suite.name, public, timer.clone());
        header.seed = options.settings.seed;
        header.executor = place.executor.clone();
        header.labels = options.labels.clone();
        header.ab = setup.ab.clone();
        header.options = BTreeMap::from([
            (RunOption::Budget, budget.map_or("none".to_string(), |b| b.as_secs_f64().to_string())),
            (RunOption::MaxNoise, options.settings.max_noise.to_string()),
            (RunOption::Cache, if config.rotate { "rotated" } else { "warm" }.to_string()),
            (RunOption::Distribution, config.dist.to_string()),
            (RunOption::Memory, config.memory_limit.to_string()),
            (RunOption::Isolation, options.isolation.name().to_string()),
            (RunOption::TuningTables, chooser.tables().to_string()),
            (RunOption::Repeats, options.repeats.to_string()),
        ]);
        // The default is left out, as in files from before this was an option.
        if config.warmup != Config::default().warmup {
            header.options.insert(RunOption::Warmup, config.warmup.as_secs_f64().to_string());
        }
        let earlier = reopen_file(options, setup, &header, events)?;
        let conditions = Conditions::find(
            &mut *executor,
            &device,
            &timer,
            &mut config,
            &options.source,
            options.settle,
            earlier.as_ref().map(|(_, file)| &file.header),
        );
        if let Some(problem) = &conditions.problem {
            events.note(&format!(
                "{}: the sentinels failed, so throttling cannot be detected: {problem}",
                device.name
            ));
        }
        if let Some(clock) = &conditions.clock {
            events.note(&format!("{}: the clock is {clock}", device.name));
        }
        let sensors = Sensors::of(&device, slot.as_deref());
        let (writer, earlier) = match earlier {
            Some((writer, earlier)) => (writer, Some(earlier)),
            None => {
                header.sensors = Some(sensors.describe());
                header.cache = conditions.cache.clone();
                header.sentinels = conditions.sentinel_start.clone();
                header.settled = conditions.settled;
                (RunWriter::create(&options.output, header)?, None)
            }
        };
        let mut predictor = Predictor::default();
        learn(&mut predictor, earlier.as_ref().map_or(&[], |file| &file.rows));
        let rows = earlier.as_ref().map_or(&[][..], |file| &file.rows);
        let spent: f64 = rows.iter().map(|row| row.spent.warmup_s + row.spent.sample_s).sum();
        let done = Done::from_rows(rows, options.earlier == EarlierRun::RetryFailed);
        let left = budget.map(|b| (b.as_secs_f64() - spent).max(1.0));
        let rows = |case: &Case| {
            let jobs = chooser.jobs(case, &device);
            let left =
                |repeat| jobs.iter().filter(|job| !done.is_done(case, job, jobs.len(), repeat)).count();
            (1..=options.repeats).map(left).sum::<usize>()
        };
        let to_do = suite.cases.iter().map(rows).sum();
        Ok(Track {
            asked: Asked::new(&device),
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

/// Reopens the file of an earlier run to continue; `None` if that is not requested or there is none.
fn reopen_file(
    options: &Options,
    setup: &Setup<'_>,
    header: &Header,
    events: &dyn Events,
) -> Result<Option<(RunWriter, RunFile)>> {
    let retry = options.earlier == EarlierRun::RetryFailed;
    if options.earlier == EarlierRun::Leave {
        return Ok(None);
    }
    let wanted = Earlier { header, finished: retry, present: &setup.present };
    let mut waits = false;
    let found = loop {
        let Some(path) = find_earlier(&options.output, wanted)? else { break None };
        match RunWriter::resume(&path, retry) {
            Ok(Some(reopened)) => break Some((path, reopened)),
            // It ended since it was found.
            Ok(None) => {}
            Err(Error::Busy { path }) if options.wait && !setup.stop.load(Ordering::SeqCst) => {
                if !std::mem::replace(&mut waits, true) {
                    events.note(&format!("waiting until another run has ended: {}", path.display()));
                }
                std::thread::sleep(LOOK);
            }
            Err(error) => return Err(error),
        }
    };
    let Some((path, (writer, earlier))) = found else {
        if retry {
            let (suite, device) = (&header.suite, &header.device.id);
            return Err(Error::refused_hint(
                format!(
                    "no run of suite {suite} on {device} in {}: nothing to retry",
                    options.output.display()
                ),
                Hint::NothingToRetry,
            ));
        }
        return Ok(None);
    };
    events.note(&format!("resuming {} after {} rows", path.display(), earlier.rows.len()));
    for problem in &earlier.problems {
        events.note(&format!("note: {problem}"));
    }
    Ok(Some((writer, earlier)))
}

/// Passes the times of earlier rows to a predictor.
pub(crate) fn learn(predictor: &mut Predictor, rows: &[Row]) {
    for row in rows {
        if let (Some(seconds), Ok(case)) = (row.seconds(), row.case.parse::<Case>()) {
            predictor.note(&case, seconds);
        }
    }
}

/// Returns a line about the timer for each finding of its self-test; none if there are no findings.
fn timer_talk(device: &Capabilities, timer: &TimerReport) -> Vec<String> {
    let clock = match timer.chosen {
        TimerChoice::Device => "the device timer is used anyway",
        _ => "the host clock is used",
    };
    timer.findings.iter().map(|finding| format!("note: {}: {finding}; {clock}", device.id)).collect()
}
