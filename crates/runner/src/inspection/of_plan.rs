//! Facts of the steps of a plan.

use portamark_inspect::{Chip, Compiler, Facts, facts};
use portamark_model::compiled::Compiled;
use portamark_model::plan::{Plan, Step};

/// Returns the facts of each step of `plan`, of which a compiler told `steps`.
pub(super) fn facts_of(
    compiler: Compiler,
    steps: &[Compiled],
    plan: &Plan,
    chip: Option<&Chip>,
) -> Vec<Facts> {
    let of_step = |(told, step): (&Compiled, &Step)| {
        let size = told.workgroup.map_or(1, |workgroup| workgroup.invocations());
        facts(compiler, told, chip).over(step.workgroups, size)
    };
    steps.iter().zip(&plan.steps).map(of_step).collect()
}
