//! `portamark verify`: proof without timing, for every kernel variant that could run a case.

use super::print;
use super::subject::Subject;
use crate::error::{Error, Result};
use crate::executor::{Executor, Fault, FaultKind};
use crate::kernel::{Capabilities, KernelSource, Plan, Takes, candidates};
use crate::measure::{Config, Predictor, prove};
use crate::units;
use crate::workload::Case;

/// Cases that are predicted to take longer than this for one execution are left out.
const LONGEST_S: f64 = 5.0;

/// Checks every kernel variant against the oracle and times nothing.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Only the variant that `run` would use.
    #[arg(long)]
    preferred: bool,
    #[command(flatten)]
    subject: Subject,
}

/// What became of the variants.
#[derive(Default)]
struct Tally {
    proven: u32,
    broken: u32,
    left_out: u32,
}

/// Proves what the arguments say; exit code 1 when anything is wrong or fails.
pub fn run(arguments: &Arguments) -> Result<()> {
    let suite = arguments.subject.cases()?;
    let (places, _) = arguments.subject.places()?;
    let source = arguments.subject.source();
    let mut tally = Tally::default();
    for place in places {
        let device = &place.device;
        let config = arguments.subject.config(device);
        let mut executor = place.start();
        let mut predictor = Predictor::default();
        print(&format!("{}\n", device.id));
        for case in &suite.cases {
            if let Some(predicted_s) = predictor.predict(case).filter(|s| *s > LONGEST_S) {
                tally.left_out += 1;
                print(&format!("  left out     {case}: predicted {}\n", units::seconds(predicted_s)));
                continue;
            }
            let plans = match plans(case, device, &source, arguments.preferred) {
                Ok(plans) => plans,
                Err(reason) => {
                    tally.left_out += 1;
                    print(&format!("  unsupported  {case}: {reason}\n"));
                    continue;
                }
            };
            for plan in plans {
                let name = plan.as_ref().map_or(String::new(), |plan| plan.variant.to_string());
                let (line, seconds) = attempt(&mut *executor, device, &config, case, plan, &mut tally);
                if let Some(seconds) = seconds {
                    predictor.note(case, seconds);
                }
                print(&format!("  {line}  {case} {name}\n"));
            }
        }
    }
    print(&format!(
        "{} variants proven, {} wrong or failed, {} cases left out\n",
        tally.proven, tally.broken, tally.left_out
    ));
    if tally.broken > 0 {
        return Err(Error::Gate(format!("{} variants are wrong or fail", tally.broken)));
    }
    Ok(())
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
    tally: &mut Tally,
) -> (String, Option<f64>) {
    match prove(executor, device, config, case, plan) {
        Ok((verdict, seconds)) => match verdict.reason() {
            None => {
                tally.proven += 1;
                let ratio = units::significant(verdict.worst_ratio);
                (format!("ok {ratio:>9}"), Some(seconds))
            }
            Some(reason) => {
                tally.broken += 1;
                (format!("WRONG        {reason}:"), Some(seconds))
            }
        },
        Err(Fault { kind: FaultKind::Unsupported, reason, .. }) => {
            tally.left_out += 1;
            (format!("unsupported  {}:", crate::record::redact(&reason)), None)
        }
        Err(Fault { reason, .. }) => {
            tally.broken += 1;
            (format!("FAILED       {}:", crate::record::redact(&reason)), None)
        }
    }
}
