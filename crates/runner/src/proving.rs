//! Verification without timing, for every kernel variant that can run a case.

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

/// Predicted time of one execution, in seconds, above which a case is skipped.
const LONGEST_S: f64 = 5.0;

/// Outcome for one variant of a case, or for the whole case.
#[derive(Debug, Clone, PartialEq)]
pub enum ProofOutcome {
    /// The output agrees with the oracle.
    Proven {
        /// |out − reference| / bound of the worst element, at most 1.
        worst_ratio: f64,
    },
    /// The output differs from the oracle's; holds the reason.
    Wrong(String),
    /// The variant could not run; holds the reason.
    Failed(String),
    /// The device does not support the case or variant; holds the reason.
    Unsupported(String),
    /// The case was not tried, because one execution is predicted to take too long.
    LeftOut {
        /// Predicted time of one execution, in seconds.
        predicted_s: f64,
    },
}

/// Verification result of one variant of a case, or of a whole case.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof<'a> {
    /// Case to verify.
    pub case: &'a Case,
    /// Name of the variant; empty if the executor brings its own kernel, `None` if no variant was tried.
    pub variant: Option<String>,
    /// Outcome of the verification.
    pub outcome: ProofOutcome,
}

/// Verifies every variant that can run a case of `suite` on the device of `place` and passes each result to
/// `tell`. With `preferred`, verifies only the preferred variant of each case.
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

/// Returns the plans that can run `case`; a single `None` if the executor brings its own kernels.
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
