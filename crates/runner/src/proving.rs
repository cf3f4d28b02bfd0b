//! Proof without timing, for every kernel variant that could run a case.

use crate::options::Settings;
use crate::places::Place;
use portamark_executors::{Executor, Fault, FaultKind};
use portamark_kernels::{KernelSource, candidates};
use portamark_measure::{Config, Predictor, prove};
use portamark_model::device::{Capabilities, Takes};
use portamark_model::plan::Plan;
use portamark_model::suite::Suite;
use portamark_model::workload::Case;
use portamark_results::redact;

/// Cases that are predicted to take longer than this for one execution are left out.
const LONGEST_S: f64 = 5.0;

/// What became of one variant of a case, or of the whole case.
#[derive(Debug, Clone, PartialEq)]
pub enum ProofOutcome {
    /// The oracle agrees; the largest error is this part of its bound.
    Proven {
        /// |out − reference| / bound of the worst element.
        worst_ratio: f64,
    },
    /// It does not agree, with the reason.
    Wrong(String),
    /// It could not run, with the reason.
    Failed(String),
    /// The device cannot run it, with the reason.
    Unsupported(String),
    /// One execution is predicted to take this long, in seconds; it was not tried.
    LeftOut {
        /// Seconds.
        predicted_s: f64,
    },
}

/// One line of a check: a case, the variant where one was tried, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof<'a> {
    /// The case.
    pub case: &'a Case,
    /// Text of the variant; empty where the executor brings its own kernel, none where nothing was tried.
    pub variant: Option<String>,
    /// What became of it.
    pub outcome: ProofOutcome,
}

/// Proves every variant that could run a case of `suite` on the device of `place`, or with `preferred`
/// only the one that a run would use, and hands each outcome to `tell`.
pub fn verify(
    suite: &Suite,
    place: &Place,
    settings: &Settings,
    source: &KernelSource,
    preferred: bool,
    tell: &mut dyn FnMut(Proof),
) {
    let device = &place.device;
    let config = settings.config(device, 1);
    let mut executor = place.start();
    let mut predictor = Predictor::default();
    for case in &suite.cases {
        let mut whole = |outcome| tell(Proof { case, variant: None, outcome });
        if let Some(predicted_s) = predictor.predict(case).filter(|s| *s > LONGEST_S) {
            whole(ProofOutcome::LeftOut { predicted_s });
            continue;
        }
        let plans = match plans(case, device, source, preferred) {
            Ok(plans) => plans,
            Err(reason) => {
                whole(ProofOutcome::Unsupported(reason));
                continue;
            }
        };
        for plan in plans {
            let variant = plan.as_ref().map_or(String::new(), |plan| plan.variant.to_string());
            let (outcome, seconds) = attempt(&mut *executor, device, &config, case, plan);
            if let Some(seconds) = seconds {
                predictor.note(case, seconds);
            }
            tell(Proof { case, variant: Some(variant), outcome });
        }
    }
}

/// The plans that could run `case`; one empty one where the executor brings its own kernels.
fn plans(
    case: &Case,
    device: &Capabilities,
    source: &KernelSource,
    preferred: bool,
) -> std::result::Result<Vec<Option<Plan>>, String> {
    if device.takes == Takes::Cases {
        return Ok(vec![None]);
    }
    let list = candidates(case, device).map_err(|error| error.to_string())?;
    let count = if preferred { 1 } else { list.len() };
    list.iter()
        .take(count)
        .map(|(kernel, variant)| kernel.plan(case, device, variant, source).map(Some))
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| error.to_string())
}

fn attempt(
    executor: &mut dyn Executor,
    device: &Capabilities,
    config: &Config,
    case: &Case,
    plan: Option<Plan>,
) -> (ProofOutcome, Option<f64>) {
    match prove(executor, device, config, case, plan) {
        Ok((verdict, seconds)) => match verdict.reason() {
            None => (ProofOutcome::Proven { worst_ratio: verdict.worst_ratio }, Some(seconds)),
            Some(reason) => (ProofOutcome::Wrong(reason), Some(seconds)),
        },
        Err(Fault { kind: FaultKind::Unsupported, reason, .. }) => {
            (ProofOutcome::Unsupported(redact(&reason)), None)
        }
        Err(Fault { reason, .. }) => (ProofOutcome::Failed(redact(&reason)), None),
    }
}
