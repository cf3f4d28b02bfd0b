//! Runs one case on one device: plans it, checks memory and budget, measures it, and fills in its row.

use super::choice::Job;
use super::track::Track;
use portamark_executors::FaultKind;
use portamark_kernels::{KernelSource, PlanError};
use portamark_measure::{
    Config, Contestant, Ended, Measurement, Sentinels, Session, TooLarge, fits, measure, measure_interleaved,
};
use portamark_model::plan::Plan;
use portamark_model::units;
use portamark_model::workload::Case;
use portamark_results::{self as results, KernelUsed, Row, Status};
use std::time::{Duration, Instant};

/// Runs one case with one kernel and returns its row, whatever the outcome.
pub(crate) fn run_case(track: &mut Track, case: &Case, job: &Job, source: &KernelSource, repeat: u32) -> Row {
    let started = Instant::now();
    let mut row = blank(track, case, repeat);
    let share_s = track.budget.share_s();
    match ready(track, &mut row, case, job, source, share_s) {
        Err(refusal) => refuse(track, &mut row, refusal),
        Ok(plan) => {
            let config = config(track, job, source);
            let sentinels =
                track.conditions.sentinels(&mut *track.executor, &track.device, &track.config, source);
            let mut session = Session {
                executor: &mut *track.executor,
                device: &track.device,
                timer: &track.timer,
                sentinels,
                sentinel_start: track.conditions.sentinel_start.as_ref(),
            };
            let measured = measure(&mut session, &config, case, plan.as_ref(), share_s);
            note_down(track, &mut row, case, job, plan.as_ref(), measured);
        }
    }
    row.spent.total_s = started.elapsed().as_secs_f64();
    row
}

/// Runs one case on each of two sides, in turns; `first` (0 or 1) is the side that starts. If one side cannot
/// run, the other runs alone.
pub(crate) fn run_pair(
    tracks: [&mut Track; 2],
    cases: [&Case; 2],
    jobs: [&Job; 2],
    sources: [&KernelSource; 2],
    repeat: u32,
    first: usize,
) -> [Row; 2] {
    let started = Instant::now();
    let [a, b] = tracks;
    let mut rows = [blank(a, cases[0], repeat), blank(b, cases[1], repeat)];
    let shares = [a.budget.share_s(), b.budget.share_s()];
    let plan_a = ready(a, &mut rows[0], cases[0], jobs[0], sources[0], shares[0]);
    let plan_b = ready(b, &mut rows[1], cases[1], jobs[1], sources[1], shares[1]);
    match (plan_a, plan_b) {
        (Ok(plan_a), Ok(plan_b)) => {
            let plans = [plan_a.as_ref(), plan_b.as_ref()];
            let configs = [config(a, jobs[0], sources[0]), config(b, jobs[1], sources[1])];
            let sides = [
                contestant(a, &configs[0], cases[0], plans[0], shares[0]),
                contestant(b, &configs[1], cases[1], plans[1], shares[1]),
            ];
            let [one, other] = measure_interleaved(sides, first);
            note_down(a, &mut rows[0], cases[0], jobs[0], plans[0], one);
            note_down(b, &mut rows[1], cases[1], jobs[1], plans[1], other);
        }
        (Err(refusal), Err(other)) => {
            refuse(a, &mut rows[0], refusal);
            refuse(b, &mut rows[1], other);
        }
        (Err(refusal), Ok(_)) => {
            refuse(a, &mut rows[0], refusal);
            rows[1] = run_case(b, cases[1], jobs[1], sources[1], repeat);
        }
        (Ok(_), Err(refusal)) => {
            rows[0] = run_case(a, cases[0], jobs[0], sources[0], repeat);
            refuse(b, &mut rows[1], refusal);
        }
    }
    rows.iter_mut().for_each(|row| row.spent.total_s = started.elapsed().as_secs_f64());
    rows
}

/// Returns one side with its case. It has no sentinels: the other side takes turns with it and shows what
/// sentinels would.
fn contestant<'a>(
    track: &'a mut Track,
    config: &'a Config,
    case: &'a Case,
    plan: Option<&'a Plan>,
    share_s: Option<f64>,
) -> Contestant<'a, 'a> {
    let session = Session {
        executor: &mut *track.executor,
        device: &track.device,
        timer: &track.timer,
        sentinels: Sentinels::default(),
        sentinel_start: None,
    };
    Contestant { session, config, case, plan, share_s }
}

/// Returns the settings of the method for a row. Kernels that are not from this program may skip work that is
/// done already, so their outputs are poisoned again and again.
fn config(track: &Track, job: &Job, source: &KernelSource) -> Config {
    Config { repoison: job.is_own() || !source.is_embedded(), ..track.config.clone() }
}

/// Returns a row with only the case and its predicted time.
fn blank(track: &Track, case: &Case, repeat: u32) -> Row {
    // Discard sensor readings from between the cases.
    track.sensors.take();
    Row::new(case.key(), case.flop(), case.bytes()).but(|it| {
        it.repeat = repeat;
        it.predicted_s = track.predictor.predict(case);
    })
}

/// Returns the plan of a case that fits the device, its memory and the budget, and sets the kernel of `row`.
fn ready(
    track: &Track,
    row: &mut Row,
    case: &Case,
    job: &Job,
    source: &KernelSource,
    share_s: Option<f64>,
) -> std::result::Result<Option<Plan>, Refusal> {
    let plan = plan_for(track, case, job, source)?;
    row.kernel = plan.as_ref().map(|plan| used(plan, job, 0));
    affordable(track, row, share_s)?;
    Ok(plan)
}

fn refuse(track: &mut Track, row: &mut Row, (status, reason): Refusal) {
    row.status = status;
    row.reason = Some(results::redact(&reason));
    track.budget.spend(0.0);
}

/// Stores the measurement in `row`, and in `track` what later cases need of it.
fn note_down(
    track: &mut Track,
    row: &mut Row,
    case: &Case,
    job: &Job,
    plan: Option<&Plan>,
    measured: Measurement,
) {
    let mut used_s = measured.spent.warmup_s + measured.spent.sample_s;
    if let (Ended::Ok | Ended::TooSlow(_), Some(seconds)) = (&measured.ended, measured.first_s) {
        let seconds = measured.timing.as_ref().map_or(seconds, |timing| timing.summary.median);
        track.predictor.note(case, seconds);
    }
    row.kernel = match (plan, &measured.kernel) {
        (Some(plan), _) => Some(used(plan, job, measured.held_bytes)),
        (None, Some(kernel)) => Some(KernelUsed::of_library(kernel, measured.held_bytes)),
        (None, None) => None,
    };
    fill(row, measured);
    row.telemetry = track.sensors.take().map(Box::new);
    if row.status.ends_the_executor() {
        // An executor that ran out of memory or violated the protocol is in an unknown state.
        track.executor.stop();
    }
    if let (Status::Failed, Some(reason)) = (row.status, &mut row.reason) {
        reason.push_str(job.help());
    }
    if let Some(plan) = plan.filter(|_| row.status == Status::Ok) {
        used_s += ask(track, row, plan, used_s);
    }
    track.budget.spend(used_s);
}

/// Stores in `row` what the compiler made of `plan`, which was measured, if it tells that in the time that the case has
/// left after `used_s`. Returns the seconds that the question took.
fn ask(track: &mut Track, row: &mut Row, plan: &Plan, used_s: f64) -> f64 {
    let asked = Instant::now();
    let left_s = track.budget.share_s().map_or(f64::INFINITY, |share_s| share_s - used_s);
    let patience_s = left_s.min(track.config.timeout.as_secs_f64()).max(0.0);
    let patience = Duration::from_secs_f64(patience_s);
    row.compiled = track.asked.facts(&mut *track.executor, &track.device, plan, patience);
    asked.elapsed().as_secs_f64()
}

type Refusal = (Status, String);

fn plan_for(
    track: &Track,
    case: &Case,
    job: &Job,
    source: &KernelSource,
) -> std::result::Result<Option<Plan>, Refusal> {
    if let Some(reason) = case.too_large() {
        return Err((Status::Unsupported, reason));
    }
    let plan = track.chooser.plan(job, case, &track.device, source).map_err(|error| match error {
        PlanError::Template(_) => (Status::Failed, error.to_string()),
        _ => (Status::Unsupported, error.to_string()),
    })?;
    fits(case, plan.as_ref(), &track.device, track.config.memory_limit).map_err(|error| match error {
        TooLarge::ForDevice(reason) => (Status::Unsupported, reason),
        TooLarge::ForLimit(reason) => (Status::Skipped, reason),
    })?;
    Ok(plan)
}

/// Refuses a case that is predicted to exceed the timeout or its share of the budget.
fn affordable(track: &Track, row: &Row, share_s: Option<f64>) -> std::result::Result<(), Refusal> {
    let Some(predicted_s) = row.predicted_s else { return Ok(()) };
    let timeout_s = track.config.timeout.as_secs_f64();
    if predicted_s > 0.8 * timeout_s {
        let (predicted, timeout) = (units::seconds(predicted_s), units::seconds(timeout_s));
        let reason =
            format!("predicted {predicted} for one execution; the timeout is {timeout}, see --timeout");
        return Err((Status::Skipped, reason));
    }
    let Some(share_s) = share_s else { return Ok(()) };
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

fn fill(row: &mut Row, measured: Measurement) {
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
            (status, Some(results::redact(&fault.reason)))
        }
    };
    row.spent = measured.spent;
    row.verification = measured.verification;
    row.timing = measured.timing;
    row.tags = measured.tags;
}

fn used(plan: &Plan, job: &Job, held_bytes: u64) -> KernelUsed {
    let (variant, steps) = (plan.variant.clone(), plan.steps.len() as u32);
    let mut kernel = KernelUsed::new(variant, plan.hash(), steps, held_bytes);
    kernel.tuned = job.tuned();
    kernel
}
