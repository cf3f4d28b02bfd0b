//! Comparison of two sides, measured at once, batch by batch.

use crate::case::run_pair;
use crate::events::Events;
use crate::options::Options;
use crate::order::turns;
use crate::places::Place;
use crate::run::{Finished, finish};
use crate::track::{Setup, Track};
use portamark_model::error::Result;
use portamark_results::{self as results, AbSide, TimerChoice, TimerReport};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// One side of a comparison.
#[derive(Debug, Clone)]
pub struct Side {
    /// Options of its run. Both sides must have the same number of cases, number of repeats and seed.
    pub options: Options,
    /// Device that the side runs on.
    pub place: Place,
    /// Ids of all devices that were listed, chosen or not.
    pub present: Vec<String>,
    /// Name and description of the side, stored in its result file.
    pub ab: AbSide,
}

/// One side with its state during the run.
struct Contender<'a> {
    side: &'a Side,
    track: Track,
}

/// Measures both sides, of which the first is the reference. Each case runs `repeats` times, in fresh
/// processes and in the order A B B A. When `stop` becomes true, the current case is finished and the files
/// are closed as interrupted.
///
/// # Errors
/// Fails if a file cannot be read or written. A case that fails, however badly, is a row and not an error.
pub fn run_sides(sides: [&Side; 2], stop: &AtomicBool, events: &dyn Events) -> Result<Finished> {
    let run_id = results::run_id();
    let mut a = contender(sides[0], &run_id, stop, events)?;
    let mut b = contender(sides[1], &run_id, stop, events)?;
    one_clock(&mut a.track.timer, &mut b.track.timer, events);
    one_cache(&mut a.track, &mut b.track);
    let started = Instant::now();
    let Options { suite, repeats, settings, .. } = &sides[0].options;
    events.planned(2 * suite.cases.len() * *repeats as usize);
    let mut interrupted = false;
    for turn in turns(suite.cases.len(), *repeats, settings.seed) {
        if stop.load(Ordering::SeqCst) {
            interrupted = true;
            break;
        }
        one_turn(&mut a, &mut b, turn.case, turn.repeat, events)?;
    }
    events.end();
    finish([a.track, b.track], started.elapsed().as_secs_f64(), interrupted)
}

fn contender<'a>(
    side: &'a Side,
    run_id: &str,
    stop: &AtomicBool,
    events: &dyn Events,
) -> Result<Contender<'a>> {
    let words = if side.ab.words.is_empty() { "as given" } else { &side.ab.words };
    events.note(&format!("{}: {} ({words})", side.ab.side, side.place.device.id));
    let setup =
        Setup { run_id: run_id.into(), ab: Some(side.ab.clone()), present: side.present.clone(), stop };
    let track = Track::open(&side.options, &setup, &side.place, events)?;
    Ok(Contender { side, track })
}

/// Makes both sides use the host clock if only one of their devices has a trusted clock.
fn one_clock(a: &mut TimerReport, b: &mut TimerReport, events: &dyn Events) {
    if a.chosen != b.chosen {
        events.note("note: only one side has a reliable device timer; both sides use the host clock");
        (a.chosen, b.chosen) = (TimerChoice::Host, TimerChoice::Host);
    }
}

/// Makes both sides use the larger of the two measured cache sizes if they share one memory: with different
/// numbers of buffer sets they would not do the same work.
fn one_cache(a: &mut Track, b: &mut Track) {
    let one_chip = a.device.name == b.device.name && a.device.chip_kind().agrees(b.device.chip_kind());
    if one_chip || (a.device.is_software() && b.device.is_software()) {
        let bytes = a.config.cache_bytes.max(b.config.cache_bytes);
        (a.config.cache_bytes, b.config.cache_bytes) = (bytes, bytes);
    }
}

/// Measures both sides of one case in fresh processes, unless both already have their rows.
fn one_turn<'a>(
    a: &mut Contender<'a>,
    b: &mut Contender<'a>,
    place: usize,
    repeat: u32,
    events: &dyn Events,
) -> Result<()> {
    let [case_a, case_b] = [&*a, &*b].map(|contender| &contender.side.options.suite.cases[place]);
    let cases = [case_a.clone(), case_b.clone()];
    let [mut jobs_a, mut jobs_b] = [(&*a, &cases[0]), (&*b, &cases[1])]
        .map(|(side, case)| side.track.chooser.jobs(case, &side.track.device));
    let jobs = [jobs_a.swap_remove(0), jobs_b.swap_remove(0)];
    let done = |side: &Contender, at: usize| side.track.done.is_done(&cases[at], &jobs[at], 1, repeat);
    if done(a, 0) && done(b, 1) {
        events.kept();
        events.kept();
        return Ok(());
    }
    events.begin(&a.track.device, &cases[0]);
    a.track.executor.end();
    b.track.executor.end();
    let rows = run_pair(
        [&mut a.track, &mut b.track],
        cases.each_ref(),
        jobs.each_ref(),
        [&a.side.options.source, &b.side.options.source],
        repeat,
        repeat as usize % 2,
    );
    for (at, (side, mut row)) in [a, b].into_iter().zip(rows).enumerate() {
        let track = &mut side.track;
        track.done.count_try(&mut row, &cases[at], &jobs[at], 1);
        track.writer.append(&row)?;
        track.done.note(&row);
        events.row(&track.device, &row, false);
    }
    Ok(())
}
