//! All that is known of one compiled step.

use crate::chip::Chip;
use crate::flow::{Program, hottest};
use crate::instruction::Mix;
use crate::issue::{Ceiling, ceiling};
use crate::listing::{Compiler, instructions};
use crate::statistics::{Statistics, statistics};
use portamark_model::compiled::Compiled;
use serde::{Deserialize, Serialize};

/// What a compiler made of one step of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Facts {
    /// Statistics of the driver.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// Instructions of the whole program by class. Absent if the driver hands no text over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mix: Option<Mix>,
    /// The hottest loop. Absent if there is none, or no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_loop: Option<HotLoop>,
    /// Number of invocations of the whole dispatch. Absent if the step is of no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocations: Option<u64>,
    /// Time that the driver took to compile the step, in nanoseconds.
    pub compile_ns: u64,
}

/// The hottest loop of a program: the one with the most matrix instructions, or multiply-adds, of its own. Where no loop
/// multiplies and the rest of the program does, that rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct HotLoop {
    /// Instructions of one pass by class.
    pub mix: Mix,
    /// Lines of the text, counted from 0, in which its instructions stand; from and to of each stretch.
    pub lines: Vec<(usize, usize)>,
    /// Largest share of the peak that it can issue. Absent for loops without multiply-adds, and for chips of which the
    /// rates are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Ceiling>,
}

impl HotLoop {
    /// Creates a loop of which no lines are known.
    pub fn new(mix: Mix, ceiling: Option<Ceiling>) -> Self {
        HotLoop { mix, lines: Vec::new(), ceiling }
    }
}

impl Facts {
    /// Returns the facts of a dispatch of `workgroups` in x, y and z, each of `size` invocations.
    pub fn over(mut self, workgroups: [u32; 3], size: u32) -> Self {
        let groups = workgroups.iter().fold(1u64, |product, count| product.saturating_mul(u64::from(*count)));
        self.invocations = Some(groups.saturating_mul(u64::from(size)));
        self
    }

    /// Returns the number of registers spilled to memory.
    pub fn spills(&self) -> u32 {
        let to_memory = ["Spilled VGPRs", "Spills to memory", "Spills", "STP Count", "Spill Count"];
        let all = &self.statistics.spills;
        to_memory.iter().filter_map(|kind| all.get(*kind)).fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Returns the share of the peak that the hot loop can issue at most.
    pub fn ceiling(&self) -> Option<Ceiling> {
        self.hot_loop.as_ref()?.ceiling
    }

    /// Whether the program uses a matrix unit. `None` if the driver hands no text over.
    pub fn uses_matrix_unit(&self) -> Option<bool> {
        self.mix.as_ref().map(|mix| mix.count(crate::Class::Matrix) > 0)
    }
}

/// Returns what is known of `compiled`. `chip` is needed for occupancy and the issue ceiling. Of several programs the one
/// with the largest subgroups is read, since drivers run that one if they may.
pub fn facts(compiler: Compiler, compiled: &Compiled, chip: Option<&Chip>) -> Facts {
    let Some(program) = compiled.executables.iter().max_by_key(|program| program.subgroup_size) else {
        return Facts { compile_ns: compiled.compile_ns, ..Facts::default() };
    };
    let text = compiler.listing(program).map(|text| instructions(compiler, text));
    Facts {
        statistics: statistics(compiler, compiled, program, chip),
        mix: text.as_ref().map(|text| Mix::of(text.instructions())),
        hot_loop: text.as_ref().and_then(|text| hot_loop(text, chip, program.subgroup_size)),
        invocations: None,
        compile_ns: compiled.compile_ns,
    }
}

fn hot_loop(text: &Program, chip: Option<&Chip>, subgroup: u32) -> Option<HotLoop> {
    let hottest = hottest(text)?;
    let mut lines: Vec<(usize, usize)> = Vec::new();
    for one in &hottest.instructions {
        match lines.last_mut() {
            // A label between two blocks is one line.
            Some((_, last)) if one.line <= *last + 3 && one.line > *last => *last = one.line,
            _ => lines.push((one.line, one.line)),
        }
    }
    let ceiling = chip.and_then(|chip| ceiling(chip.scheduler, &hottest, subgroup));
    Some(HotLoop { mix: hottest.mix(), lines, ceiling })
}
