//! `run --ab A --ab B`: two sides at once, batch by batch, and a verdict on each case.

use super::super::{note, print};
use super::case::run_pair;
use super::order::turns;
use super::progress::Progress;
use super::session::{Command, finish, interrupt_flag, outcome};
use super::side::Side;
use super::track::{Setup, Track};
use crate::analysis::{CaseVerdict, VerdictRule, verdicts};
use crate::error::{Error, Result};
use crate::measure::{TimerChoice, TimerReport};
use crate::record::{self, AbSide, RunFile};
use crate::suite::Suite;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// One side during a run.
struct Contender {
    setup: Setup,
    track: Track,
    suite: Suite,
}

/// Measures both sides and says which is faster.
pub(super) fn run(command: &Command) -> Result<()> {
    let arguments = &command.arguments;
    let [a, b] = &arguments.ab[..] else {
        return Err(Error::usage_hint(
            format!("--ab is given {} times", arguments.ab.len()),
            "a comparison has two sides: --ab A --ab B, the reference first",
        ));
    };
    let refused = command.choosing.several().or(arguments.dry_run.then_some("--dry-run"));
    if let Some(flag) = refused {
        return Err(Error::usage(format!("{flag} cannot go with --ab: each side has one row of a case")));
    }
    let sides = [Side::parse(a)?, Side::parse(b)?];
    let own = sides.iter().filter(|side| side.case.is_some()).count();
    if own == 1 && command.cases()?.cases.len() > 1 {
        let message = "one side has a case of its own and the other a suite of several";
        return Err(Error::usage_hint(message, "give both sides case=, or choose one case with -k"));
    }
    let run_id = record::run_id();
    let stop = interrupt_flag();
    let [a, b] = sides.each_ref().map(Side::words);
    let mut a = contender(command, &sides[0], AbSide { side: "A".into(), words: a }, &run_id)?;
    let mut b = contender(command, &sides[1], AbSide { side: "B".into(), words: b }, &run_id)?;
    one_clock(&mut a.track.timer, &mut b.track.timer);
    one_cache(&mut a.track, &mut b.track);
    let started = Instant::now();
    let repeats = arguments.repeats();
    let progress =
        Progress::new(2 * a.suite.cases.len() * repeats as usize, arguments.subject.executors.audience());
    let mut interrupted = false;
    for turn in turns(a.suite.cases.len(), repeats, arguments.subject.seed) {
        if stop.load(Ordering::SeqCst) {
            interrupted = true;
            break;
        }
        one_turn(&mut a, &mut b, turn.case, turn.repeat, &progress)?;
    }
    progress.finish();
    let wall_s = started.elapsed().as_secs_f64();
    let (paths, defects) = finish([a.track, b.track], wall_s, interrupted)?;
    print(&crate::report::verdict_table(&judge(&paths, arguments.subject.seed)?, "A", "B"));
    for path in &paths {
        print(&format!("{}\n", path.display()));
    }
    if let Some(folder) = &arguments.report {
        super::super::report::write(&paths, folder)?;
    }
    outcome(interrupted, defects)
}

fn contender(command: &Command, side: &Side, ab: AbSide, run_id: &str) -> Result<Contender> {
    let mut command = command.clone();
    if let Some(text) = &side.variant {
        command.choosing = command.choosing.with_variant(text);
    }
    if let Some(kernels) = &side.kernels {
        command.arguments.subject.kernels = Some(kernels.clone());
    }
    if let Some(executor) = &side.executor {
        command.arguments.subject.executors.executor = Some(executor.clone());
    }
    let arguments = &command.arguments;
    let mut suite = command.cases()?;
    if let Some(case) = &side.case {
        suite = Suite::new(suite.name, vec![case.clone()]);
    }
    let mut executors = arguments.subject.executors.clone();
    executors.binary = side.binary.clone();
    if let Some(icd) = &side.icd {
        // The loader reads the later name, older loaders the earlier one.
        for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            executors.environment.push((name.into(), icd.display().to_string()));
        }
    }
    let wanted = side.device.clone().map_or_else(|| arguments.subject.device.clone(), |device| vec![device]);
    let (chosen, present) = executors.find(&wanted)?;
    let [place] = &chosen[..] else {
        let ids: Vec<&str> = chosen.iter().map(|place| place.device.id.as_str()).collect();
        return Err(Error::usage_hint(
            format!("side {} has {} devices: {}", ab.side, ids.len(), ids.join("; ")),
            "name one, e.g. --ab device=0",
        ));
    };
    note(&format!(
        "{}: {} ({})",
        ab.side,
        place.device.id,
        if ab.words.is_empty() { "as given" } else { &ab.words }
    ));
    let setup = Setup {
        source: arguments.subject.source(),
        labels: arguments.labels()?,
        run_id: run_id.into(),
        ab: Some(ab),
        present,
    };
    let track = Track::open(&command, &suite, &setup, place)?;
    Ok(Contender { setup, track, suite })
}

/// Where one side's device has no clock that can be trusted, both sides use the host's.
fn one_clock(a: &mut TimerReport, b: &mut TimerReport) {
    if a.chosen != b.chosen {
        note("note: only one side has a device clock that can be trusted; both are timed by the host's");
        (a.chosen, b.chosen) = (TimerChoice::Host, TimerChoice::Host);
    }
}

/// Where both sides have one memory, buffers outgrow the larger cache that was found: with different
/// numbers of buffers the sides would not do the same.
fn one_cache(a: &mut Track, b: &mut Track) {
    if a.device.name == b.device.name || (a.device.is_software() && b.device.is_software()) {
        let bytes = a.config.cache_bytes.max(b.config.cache_bytes);
        (a.config.cache_bytes, b.config.cache_bytes) = (bytes, bytes);
    }
}

/// Both sides of one case in fresh processes, unless both have their row.
fn one_turn(
    a: &mut Contender,
    b: &mut Contender,
    place: usize,
    repeat: u32,
    progress: &Progress,
) -> Result<()> {
    let cases = [a.suite.cases[place].clone(), b.suite.cases[place].clone()];
    let [mut jobs_a, mut jobs_b] = [(&*a, &cases[0]), (&*b, &cases[1])]
        .map(|(side, case)| side.track.chooser.jobs(case, &side.track.device));
    let jobs = [jobs_a.swap_remove(0), jobs_b.swap_remove(0)];
    let done = |side: &Contender, at: usize| side.track.done.is_done(&cases[at], &jobs[at], 1, repeat);
    if done(a, 0) && done(b, 1) {
        progress.step();
        progress.step();
        return Ok(());
    }
    progress.begin(&a.track.device, &cases[0]);
    a.track.executor.end();
    b.track.executor.end();
    let rows = run_pair(
        [&mut a.track, &mut b.track],
        cases.each_ref(),
        jobs.each_ref(),
        [&a.setup.source, &b.setup.source],
        repeat,
        repeat as usize % 2,
    );
    for (at, (side, mut row)) in [a, b].into_iter().zip(rows).enumerate() {
        let track = &mut side.track;
        track.done.count_try(&mut row, &cases[at], &jobs[at], 1);
        track.writer.append(&row)?;
        track.done.note(&row);
        progress.end(&track.device, &row, false);
    }
    Ok(())
}

/// The verdicts on side B against side A.
fn judge(paths: &[PathBuf], seed: u32) -> Result<Vec<CaseVerdict>> {
    let mut files = record::load_all(paths)?;
    let (Some(new), Some(mut reference)) = (files.pop(), files.pop()) else { return Ok(Vec::new()) };
    // Sides with a case of their own have different keys, and one case each.
    let key = |file: &RunFile| file.rows.first().map(|row| row.case.clone());
    if let (Some(own), Some(other)) = (key(&new), key(&reference))
        && [&new, &reference].iter().any(|file| file.header.ab.as_ref().is_some_and(has_own_case))
        && own != other
    {
        reference.rows.iter_mut().for_each(|row| row.case = own.clone());
    }
    Ok(verdicts(&[new], &[reference], &VerdictRule::seeded(u64::from(seed))))
}

fn has_own_case(side: &AbSide) -> bool {
    side.words.contains("case=")
}
