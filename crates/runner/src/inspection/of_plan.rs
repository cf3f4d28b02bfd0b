//! Facts of the steps of a plan.

use portamark_inspect::{Chip, Compiler, Facts, facts};
use portamark_model::compiled::Compiled;
use portamark_model::plan::{Plan, Step};

/// What a compiler made of the text of a step, whatever the size of its dispatch.
#[derive(Debug, Clone)]
pub(super) struct OfStep {
    facts: Facts,
    /// Number of invocations of a workgroup.
    size: u32,
}

impl OfStep {
    /// Reads what was `told` of a step.
    pub(super) fn of(compiler: Compiler, told: &Compiled, chip: Option<&Chip>) -> Self {
        let size = told.workgroup.map_or(1, |workgroup| workgroup.invocations());
        OfStep { facts: facts(compiler, told, chip), size }
    }

    /// Returns the facts of the dispatch of `step`.
    pub(super) fn over(&self, step: &Step) -> Facts {
        self.facts.clone().over(step.workgroups, self.size)
    }
}

/// Returns the facts of each step of `plan`, of which a compiler told `steps`.
pub(super) fn facts_of(
    compiler: Compiler,
    steps: &[Compiled],
    plan: &Plan,
    chip: Option<&Chip>,
) -> Vec<Facts> {
    let all = steps.iter().zip(&plan.steps);
    all.map(|(told, step)| OfStep::of(compiler, told, chip).over(step)).collect()
}
