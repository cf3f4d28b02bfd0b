//! The loop of a run: cases × devices → rows on disk.

use crate::case::run_case;
use crate::events::Events;
use crate::options::{Isolation, Options};
use crate::order::turns;
use crate::places::Found;
use crate::track::{Setup, Track};
use portamark_model::error::Result;
use portamark_results::{self as results, End, RunOutcome};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Result files, one for each device.
    pub paths: Vec<PathBuf>,
    /// Number of rows that indicate a defect: wrong, failed, crashed, or timed out.
    pub defects: usize,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
}

/// Measures `options.suite` on every chosen device. The row of each case is on disk before the next case
/// starts.
///
/// Devices take turns, A B then B A, so that devices of one machine see the same disturbances. When `stop`
/// becomes true, the current case is finished and the files are closed as interrupted.
///
/// # Errors
/// Fails if a file cannot be read or written. A case that fails, however badly, is a row and not an error.
pub fn run(options: &Options, found: &Found, stop: &AtomicBool, events: &dyn Events) -> Result<Finished> {
    let Options { suite, repeats, .. } = options;
    let setup = Setup { run_id: results::run_id(), ab: None, present: found.present.clone(), stop };
    let mut tracks = Vec::new();
    for place in &found.chosen {
        tracks.push(Track::open(options, &setup, place, events)?);
    }
    let started = Instant::now();
    let jobs = |track: &Track| suite.cases.iter().map(|c| track.chooser.jobs(c, &track.device).len()).sum();
    let rows: Vec<usize> = tracks.iter().map(jobs).collect();
    events.planned(rows.iter().sum::<usize>() * *repeats as usize);
    let mut interrupted = false;
    'cases: for (number, turn) in
        turns(suite.cases.len(), *repeats, options.settings.seed).into_iter().enumerate()
    {
        let (case, repeat) = (&suite.cases[turn.case], turn.repeat);
        // A B, then B A: devices that share a machine see the same disturbances.
        let order: Vec<usize> =
            if number % 2 == 0 { (0..tracks.len()).collect() } else { (0..tracks.len()).rev().collect() };
        for at in order {
            let track = &mut tracks[at];
            let jobs = track.chooser.jobs(case, &track.device);
            let all_done = jobs.iter().all(|job| track.done.is_done(case, job, jobs.len(), repeat));
            if *repeats > 1 && !all_done {
                track.executor.end();
            }
            for job in &jobs {
                if stop.load(Ordering::SeqCst) {
                    interrupted = true;
                    break 'cases;
                }
                if track.done.is_done(case, job, jobs.len(), repeat) {
                    events.kept();
                    continue;
                }
                events.begin(&track.device, case);
                let mut row = run_case(track, case, job, &options.source, repeat);
                track.done.count_try(&mut row, case, job, jobs.len());
                track.writer.append(&row)?;
                track.done.note(&row);
                if options.isolation == Isolation::Case {
                    track.executor.end();
                }
                events.row(&track.device, &row, jobs.len() > 1);
            }
        }
    }
    events.end();
    finish(tracks, started.elapsed().as_secs_f64(), interrupted)
}

/// Closes the result files and counts defects.
pub(crate) fn finish(
    tracks: impl IntoIterator<Item = Track>,
    wall_s: f64,
    interrupted: bool,
) -> Result<Finished> {
    let (mut paths, mut defects) = (Vec::new(), 0);
    for track in tracks {
        paths.push(track.writer.path().to_path_buf());
        defects += track.done.defects();
        let energy = track.sensors.energy();
        let outcome = if interrupted { RunOutcome::Interrupted } else { RunOutcome::Done };
        let mut end = End::new(track.done.len() as u64, track.earlier_s + wall_s, outcome);
        end.energy = energy;
        track.writer.finish(end)?;
    }
    Ok(Finished { paths, defects, interrupted })
}
