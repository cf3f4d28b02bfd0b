//! One case on one device: plan, price, measure, write down.

use super::choosing::Job;
use super::track::Track;
use crate::executor::FaultKind;
use crate::kernel::{KernelSource, Plan, PlanError};
use crate::measure::{Ended, Measurement, Session, measure};
use crate::record::{self, KernelUsed, Row, Status};
use crate::units;
use crate::workload::Case;
use std::time::Instant;

/// Runs one case by one kernel and writes down what happened, whatever happens.
pub(super) fn run_case(track: &mut Track, case: &Case, job: &Job, source: &KernelSource) -> Row {
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
        retry: 0,
        kills: 0,
    };
    let started = Instant::now();
    let planned = plan_for(track, case, job, source);
    if let Ok(Some(plan)) = &planned {
        row.kernel = Some(used(plan, job, 0));
    }
    let share_s = track.budget.share_s();
    let mut used_s = 0.0;
    match planned.and_then(|plan| affordable(track, &row, share_s).map(|()| plan)) {
        Err((status, reason)) => {
            row.status = status;
            row.reason = Some(record::redact(&reason));
        }
        Ok(plan) => {
            let sentinels =
                track.conditions.sentinels(&mut track.executor, &track.device, &track.config, source);
            let mut session = Session {
                executor: &mut track.executor,
                device: &track.device,
                timer: &track.timer,
                sentinels,
                sentinel_start: track.conditions.sentinel_start.as_ref(),
            };
            let measured = measure(&mut session, &track.config, case, plan.as_ref(), share_s);
            used_s = measured.spent.warmup_s + measured.spent.sample_s;
            if let (Ended::Ok | Ended::TooSlow(_), Some(seconds)) = (&measured.ended, measured.first_s) {
                let seconds = measured.timing.as_ref().map_or(seconds, |timing| timing.summary.median);
                track.predictor.note(case, seconds);
            }
            row.kernel = plan.as_ref().map(|plan| used(plan, job, measured.held_bytes));
            fill(&mut row, measured);
            if row.status.ends_the_executor() {
                // What ran out of memory, or broke the protocol, may have left anything behind.
                track.executor.stop();
            }
            if let (Job::Own(..), Status::Failed, Some(reason)) = (job, row.status, &mut row.reason) {
                reason.push_str("; docs/kernels.md says what a kernel is given");
            }
        }
    }
    track.budget.spend(used_s);
    row.spent.total_s = started.elapsed().as_secs_f64();
    row
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
    let Some(plan) = plan else { return Ok(None) };
    if let Some(reason) = plan.too_large(&track.device) {
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
    let Some(predicted_s) = row.predicted_s else { return Ok(()) };
    let timeout_s = track.config.timeout.as_secs_f64();
    if predicted_s > 0.8 * timeout_s {
        let (predicted, timeout) = (units::seconds(predicted_s), units::seconds(timeout_s));
        let reason =
            format!("predicted {predicted} for one execution; the deadline is {timeout}, see --timeout");
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
            (status, Some(record::redact(&fault.reason)))
        }
    };
    row.spent = measured.spent;
    row.verification = measured.verification;
    row.timing = measured.timing;
    row.tags = measured.tags;
}

fn used(plan: &Plan, job: &Job, held_bytes: u64) -> KernelUsed {
    KernelUsed {
        variant: plan.variant.clone(),
        sha256: plan.hash(),
        steps: plan.steps.len() as u32,
        held_bytes,
        tuned: job.tuned(),
    }
}
