//! The loop over cases and variants on one target.

use super::demand::demand;
use super::kept::Kept;
use super::of_plan::facts_of;
use super::target::Target;
use portamark_executors::protocol::Inspect;
use portamark_executors::{Executor, Fault, FaultKind};
use portamark_inspect::{Cell, Outcome};
use portamark_kernels::{Kernel, KernelSource, PlanError, candidates, named, space};
use portamark_model::compiled::Compiled;
use portamark_model::plan::Plan;
use portamark_model::suite::Suite;
use portamark_model::variant::Variant;
use portamark_model::workload::Case;
use std::time::Duration;

/// Which variants of a case are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The one that `run` takes without a tuning table.
    Default,
    /// The first one whose name and knobs contain this text.
    Named(String),
    /// All that tuning may try.
    Space,
    /// Those of the tuning space that are in this list.
    Among(Vec<Variant>),
}

type Found = (&'static Kernel, Variant);

impl Wanted {
    fn variants(&self, case: &Case, target: &Target) -> Result<Vec<Found>, PlanError> {
        match self {
            Wanted::Default => candidates(case, &target.device).map(|mut all| vec![all.remove(0)]),
            Wanted::Named(part) => {
                named(case, &target.device, part).map(|choice| vec![(choice.kernel, choice.variant)])
            }
            Wanted::Space => space(case, &target.device),
            Wanted::Among(list) => {
                let all = space(case, &target.device)?;
                Ok(all.into_iter().filter(|(_, variant)| list.contains(variant)).collect())
            }
        }
    }
}

/// Compiles the variants that are `wanted` of each case of `suite` on `target`, and tells each cell. Those that `kept`
/// has are not compiled again. `deadline` is the time of one compilation. Ends early if `told` returns false.
pub fn inspect(
    suite: &Suite,
    target: &mut Target,
    wanted: &Wanted,
    source: &KernelSource,
    kept: &mut Kept,
    deadline: Duration,
    told: &mut dyn FnMut(Cell) -> bool,
) {
    for case in &suite.cases {
        let demand = demand(case, &target.device);
        let (name, title, driver) = (target.name.clone(), target.title.clone(), target.driver());
        let cell = |outcome| Cell::new(&case.key(), &name, &title, &driver, demand, outcome);
        let variants = match wanted.variants(case, target) {
            Ok(variants) => variants,
            Err(error) => {
                if !told(cell(refused(&error))) {
                    return;
                }
                continue;
            }
        };
        for (kernel, variant) in variants {
            let text = variant.to_string();
            let outcome = match kernel.plan(case, &target.device, &variant, source) {
                Err(error) => refused(&error),
                Ok(plan) => match kept.find(&plan) {
                    Some(steps) => Outcome::Compiled { steps: steps.to_vec() },
                    None => outcome(target, plan, kept, deadline),
                },
            };
            if !told(cell(outcome).of_variant(text)) {
                return;
            }
        }
    }
}

fn outcome(target: &mut Target, plan: Plan, kept: &mut Kept, deadline: Duration) -> Outcome {
    match compiled(target, plan.clone(), deadline) {
        Ok(steps) => {
            let (compiler, chip) = (target.compiler(), target.chip);
            let steps = facts_of(compiler, &steps, &plan, chip);
            kept.add(&plan, &steps);
            Outcome::Compiled { steps }
        }
        Err(fault) if fault.kind == FaultKind::Unsupported => Outcome::Unsupported { reason: fault.reason },
        Err(fault) => Outcome::Failed { reason: fault.reason },
    }
}

/// Compiles the steps of one plan on `target`, with the texts of the compiler.
///
/// # Errors
/// Returns what the executor or its driver answered, or how it died. The next call starts a new one.
pub fn compiled(target: &mut Target, plan: Plan, deadline: Duration) -> Result<Vec<Compiled>, Fault> {
    let request = Inspect::new(&target.device, plan, true);
    let executor: &mut dyn Executor = target.executor.as_mut();
    executor.inspect(request, deadline)
}

/// A plan that does not fit the device is no fault of its compiler; one that cannot be made is.
fn refused(error: &PlanError) -> Outcome {
    match error {
        PlanError::Unsupported(reason) => Outcome::Unsupported { reason: reason.clone() },
        other => Outcome::Failed { reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_executors::fake::{Fake, Script};
    use portamark_model::variant::Path;

    #[test]
    fn of_a_list_those_are_compiled_that_the_tuning_space_has() {
        let device = Script::device();
        let executor = Box::new(Fake::from_script(Script::default()));
        let (name, title) = ("fake".to_string(), "Fake".to_string());
        let mut target = Target { name, title, chip: None, device, executor };
        let case: Case = "gemm f32 m512 n512 k512 nn".parse().unwrap();
        let last = space(&case, &target.device).unwrap().pop().unwrap().1;
        let wanted = Wanted::Among(vec![Variant::new("gone", Path::Scalar), last.clone()]);
        let suite = Suite::new("one", [case]);
        let mut told = Vec::new();
        let (source, mut kept) = (KernelSource::embedded(), Kept::default());
        inspect(&suite, &mut target, &wanted, &source, &mut kept, Duration::from_secs(1), &mut |cell| {
            told.push(cell.variant);
            true
        });
        assert_eq!(told, [Some(last.to_string())]);
    }
}
