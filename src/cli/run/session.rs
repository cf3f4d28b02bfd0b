//! The loop of `portamark run`: cases × devices → rows on disk.

use super::super::places::{BROWSER, Place};
use super::super::{note, print, report};
use super::ab;
use super::arguments::Arguments;
use super::case::run_case;
use super::choosing::Choosing;
use super::isolation::{Isolate, Isolation};
use super::order::turns;
use super::progress::Progress;
use super::track::{Setup, Track, learn};
use crate::error::{Error, Result};
use crate::measure::{METHOD, Predictor};
use crate::record::{self, End, Outcome};
use crate::suite::Suite;
use crate::units;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Measures a suite on devices and records it, row by row.
#[derive(Debug, Clone, clap::Args)]
pub struct Command {
    #[command(flatten)]
    pub(super) arguments: Arguments,
    #[command(flatten)]
    pub(super) choosing: Choosing,
    #[command(flatten)]
    pub(super) isolation: Isolation,
}

impl Command {
    /// The same in a browser too, if that is not among its devices.
    pub(in crate::cli) fn in_the_browser(&self) -> Self {
        let mut command = self.clone();
        let devices = &mut command.arguments.subject.device;
        if !devices.iter().any(|device| device == BROWSER) {
            devices.insert(0, BROWSER.into());
        }
        command
    }

    pub(super) fn cases(&self) -> Result<Suite> {
        if self.choosing.has_own() {
            return self.choosing.cases(self.arguments.subject.suite()?, &self.arguments.subject.patterns()?);
        }
        self.arguments.subject.cases()
    }
}

/// Measures what the arguments say.
pub fn run(command: &Command) -> Result<()> {
    let arguments = &command.arguments;
    if !arguments.ab.is_empty() {
        return ab::run(command);
    }
    if let Some(name) = &arguments.save_baseline {
        record::check_baseline_name(name)?;
    }
    let suite = command.cases()?;
    let labels = arguments.labels()?;
    let (chosen, present) = arguments.subject.places()?;
    if arguments.dry_run {
        return dry_run(command, &suite, &chosen);
    }
    let stop = interrupt_flag();
    let setup =
        Setup { source: arguments.subject.source(), labels, run_id: record::run_id(), ab: None, present };
    let mut tracks = Vec::new();
    for place in &chosen {
        tracks.push(Track::open(command, &suite, &setup, place)?);
    }
    let started = Instant::now();
    let jobs = |track: &Track| suite.cases.iter().map(|c| track.chooser.jobs(c, &track.device).len()).sum();
    let rows: Vec<usize> = tracks.iter().map(jobs).collect();
    let progress = Progress::new(
        rows.iter().sum::<usize>() * arguments.repeats() as usize,
        arguments.subject.executors.audience(),
    );
    let mut interrupted = false;
    let repeats = arguments.repeats();
    'cases: for (number, turn) in
        turns(suite.cases.len(), repeats, arguments.subject.seed).into_iter().enumerate()
    {
        let (case, repeat) = (&suite.cases[turn.case], turn.repeat);
        // A B, then B A: devices that share a machine see the same disturbances.
        let order: Vec<usize> =
            if number % 2 == 0 { (0..tracks.len()).collect() } else { (0..tracks.len()).rev().collect() };
        for at in order {
            let track = &mut tracks[at];
            let jobs = track.chooser.jobs(case, &track.device);
            let all_done = jobs.iter().all(|job| track.done.is_done(case, job, jobs.len(), repeat));
            if repeats > 1 && !all_done {
                track.executor.end();
            }
            for job in &jobs {
                if stop.load(Ordering::SeqCst) {
                    interrupted = true;
                    break 'cases;
                }
                if track.done.is_done(case, job, jobs.len(), repeat) {
                    progress.step();
                    continue;
                }
                progress.begin(&track.device, case);
                let mut row = run_case(track, case, job, &setup.source, repeat);
                track.done.count_try(&mut row, case, job, jobs.len());
                track.writer.append(&row)?;
                track.done.note(&row);
                if command.isolation.isolate == Isolate::Case {
                    track.executor.end();
                }
                progress.end(&track.device, &row, jobs.len() > 1);
            }
        }
    }
    progress.finish();
    let wall_s = started.elapsed().as_secs_f64();
    let (paths, defects) = finish(tracks, wall_s, interrupted)?;
    let runs = record::load_all(&paths)?;
    let width = std::io::stdout().is_terminal().then(terminal_width);
    print(&crate::report::terminal(&runs, width));
    print(&crate::report::own_kernels(&runs));
    for path in &paths {
        print(&format!("{}\n", path.display()));
    }
    if let Some(name) = arguments.save_baseline.as_ref().filter(|_| !interrupted) {
        let folder = record::save_baseline(&arguments.output, name, &paths)?;
        note(&format!("baseline {name} is in {}", folder.display()));
    }
    if let Some(folder) = &arguments.report {
        report::write(&paths, folder)?;
    }
    outcome(interrupted, defects)
}

/// Closes the files; gives their paths and the number of rows that mean that something is broken.
pub(super) fn finish(
    tracks: impl IntoIterator<Item = Track>,
    wall_s: f64,
    interrupted: bool,
) -> Result<(Vec<PathBuf>, usize)> {
    let (mut paths, mut defects) = (Vec::new(), 0);
    for track in tracks {
        paths.push(track.writer.path().to_path_buf());
        defects += track.done.defects();
        let energy = track.sensors.energy();
        track.writer.finish(End {
            rows: track.done.len() as u64,
            wall_s: track.earlier_s + wall_s,
            outcome: if interrupted { Outcome::Interrupted } else { Outcome::Done },
            energy,
        })?;
    }
    Ok((paths, defects))
}

/// How the program ends after a run.
pub(super) fn outcome(interrupted: bool, defects: usize) -> Result<()> {
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

/// Prints cases, kernels and, where earlier results of the device tell, the predicted times.
fn dry_run(command: &Command, suite: &Suite, places: &[Place]) -> Result<()> {
    let arguments = &command.arguments;
    let source = arguments.subject.source();
    let earlier = record::load_readable(std::slice::from_ref(&arguments.output))
        .map(|(runs, _)| runs)
        .unwrap_or_default();
    let mut text = String::new();
    for Place { device, .. } in places {
        let mut predictor = Predictor::default();
        for run in
            earlier.iter().filter(|run| run.header.device.id == device.id && run.header.method == METHOD)
        {
            learn(&mut predictor, &run.rows);
        }
        text.push_str(&format!("{}\n", device.id));
        let chooser = command.choosing.chooser(device, &arguments.output, &source)?;
        let jobs = suite
            .cases
            .iter()
            .flat_map(|case| chooser.jobs(case, device).into_iter().map(move |job| (case, job)));
        for (case, job) in jobs {
            let tuned = if job.tuned() { ", tuned" } else { "" };
            let kernel = match chooser.plan(&job, case, device, &source) {
                Ok(Some(plan)) => format!("{}{tuned}", plan.variant),
                Ok(None) => "the executor's own".into(),
                Err(error) => error.to_string(),
            };
            let predicted = predictor.predict(case).map_or("-".to_string(), units::seconds);
            text.push_str(&format!(
                "  {:<54} {:>11} {:>8} {predicted:>8}  {kernel}\n",
                case.key(),
                units::prefixed(case.flop() as f64, "FLOP"),
                units::bytes(case.bytes())
            ));
        }
    }
    text.push_str("columns: case, work, bytes, predicted time of one execution, kernel\n");
    print(&text);
    Ok(())
}

/// Set by Ctrl-C; a second one ends the program at once.
pub(in crate::cli) fn interrupt_flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&flag);
    let _ = ctrlc::set_handler(move || {
        if shared.swap(true, Ordering::SeqCst) {
            std::process::exit(crate::error::Exit::Interrupted as i32);
        }
        note("\nfinishing the case that runs; press again to stop at once");
    });
    flag
}
