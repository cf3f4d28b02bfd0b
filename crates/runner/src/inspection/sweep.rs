//! The loop over cases and variants on one target.

use super::demand::demand;
use super::kept::{Kept, name_of_step};
use super::of_plan::OfStep;
use super::target::Target;
use portamark_executors::protocol::Inspect;
use portamark_executors::{Executor, Fault, FaultKind};
use portamark_inspect::{Cell, Facts, Outcome};
use portamark_kernels::{Kernel, KernelSource, PlanError, candidates, named, space};
use portamark_model::compiled::Compiled;
use portamark_model::plan::Plan;
use portamark_model::suite::Suite;
use portamark_model::variant::Variant;
use portamark_model::workload::Case;
use std::collections::HashSet;
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
    match facts_of_steps(target, &plan, kept, deadline) {
        Ok(steps) => {
            kept.add(&plan, &steps);
            Outcome::Compiled { steps }
        }
        Err(fault) if fault.kind == FaultKind::Unsupported => Outcome::Unsupported { reason: fault.reason },
        Err(fault) => Outcome::Failed { reason: fault.reason },
    }
}

/// Returns the facts of each step of `plan`. Only those are compiled that no plan before had.
fn facts_of_steps(
    target: &mut Target,
    plan: &Plan,
    kept: &mut Kept,
    deadline: Duration,
) -> Result<Vec<Facts>, Fault> {
    kept.make_room();
    let mut new = plan.clone();
    let mut texts = HashSet::new();
    new.steps.retain(|step| kept.step(plan, step).is_none() && texts.insert(name_of_step(plan, step)));
    if !new.steps.is_empty() {
        let (compiler, chip) = (target.compiler(), target.chip);
        let told = compiled(target, new.clone(), deadline)?;
        for (step, told) in new.steps.iter().zip(&told) {
            kept.add_step(plan, step, OfStep::of(compiler, told, chip));
        }
    }
    let of_step = |step| kept.step(plan, step).map(|made| made.over(step));
    Ok(plan.steps.iter().filter_map(of_step).collect())
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

    #[test]
    fn a_text_that_several_steps_have_is_compiled_once() {
        let device = Script::device();
        // The second compilation fails.
        let script = "[compiled]\ncompile_ns = 1\nexecutables = []\n\
                      [[rules]]\non = \"inspect\"\nact = \"error\"\nafter = 1\n";
        let executor = Box::new(Fake::from_script(Script::from_toml(script).unwrap()));
        let (name, title) = ("fake".to_string(), "Fake".to_string());
        let mut target = Target { name, title, chip: None, device, executor };
        let (source, mut kept) = (KernelSource::embedded(), Kept::default());
        // Eight dispatches, then 64 of the same text, then another text.
        let keys = ["launch i32 d8", "launch i32 d64", "stream f32 copy n4096"];
        let suite = Suite::new("three", keys.map(|key| key.parse().unwrap()));
        let mut steps = Vec::new();
        let limit = Duration::from_secs(1);
        inspect(&suite, &mut target, &Wanted::Default, &source, &mut kept, limit, &mut |cell| {
            steps.push(cell.steps().iter().map(|facts| facts.invocations).collect::<Vec<_>>());
            true
        });
        assert_eq!(steps.iter().map(Vec::len).collect::<Vec<_>>(), [8, 64, 0]);
        assert!(steps[0][0].is_some() && steps[1].iter().all(|count| *count == steps[0][0]), "{steps:?}");
    }
}
