//! One kernel on one chip: what its compiler made of it, and what is bad about that.

use crate::facts::Facts;
use crate::instruction::Class;
use crate::issue::{Bound, Ceiling};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What became of one case on one chip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Cell {
    /// Key of the case.
    pub case: String,
    /// Variant that was compiled. Absent if none exists for this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Short name of the chip, e.g. `navi31`.
    pub chip: String,
    /// Name of the chip for people.
    pub title: String,
    /// Name and version of the driver.
    pub driver: String,
    /// What the case asks of a chip.
    pub demand: Demand,
    /// What the compiler made of it.
    pub outcome: Outcome,
}

/// What a case asks of a chip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Demand {
    /// Whether it multiplies matrices in a format that the matrix unit of the chip takes.
    pub matrix: bool,
    /// Whether arithmetic bounds it, and not memory: it does 32 operations or more for each byte.
    pub computes: bool,
}

impl Demand {
    /// Creates a demand.
    pub fn new(matrix: bool, computes: bool) -> Self {
        Demand { matrix, computes }
    }
}

/// What the compiler made of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
#[non_exhaustive]
pub enum Outcome {
    /// It compiled; facts of each step, in order.
    Compiled {
        /// Facts of each step.
        steps: Vec<Facts>,
    },
    /// The chip cannot run the case, for this reason.
    Unsupported {
        /// Limit or feature that is missing.
        reason: String,
    },
    /// It did not compile, or the driver crashed.
    Failed {
        /// Message of the driver, or how it died.
        reason: String,
    },
}

/// What is bad about a compiled kernel, the worst first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "finding")]
#[non_exhaustive]
pub enum Finding {
    /// It does not compile, or the driver crashes.
    Fails,
    /// Registers are spilled to memory.
    Spills {
        /// Number of registers.
        registers: u32,
    },
    /// The chip has a matrix unit that takes the operands, and it is not used.
    MatrixUnused,
    /// Fewer than two subgroups are resident on a scheduler: nothing hides a wait.
    LowOccupancy {
        /// Resident subgroups.
        subgroups: u32,
        /// Most that a scheduler keeps.
        limit: u32,
    },
    /// The hot loop can issue less than half of the peak, and arithmetic bounds the case.
    LowCeiling {
        /// Largest share of the peak.
        share: f64,
    },
}

/// Share of the peak below which the ceiling of a case that computes is called low.
pub const LOW_CEILING: f64 = 0.5;
/// Resident subgroups on a scheduler below which occupancy is called low.
pub const LOW_OCCUPANCY: u32 = 2;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Fails => f.write_str("does not compile"),
            Finding::Spills { registers: 1 } => f.write_str("1 register spilled"),
            Finding::Spills { registers } => write!(f, "{registers} registers spilled"),
            Finding::MatrixUnused => f.write_str("matrix unit not used"),
            Finding::LowOccupancy { subgroups, limit } => {
                write!(f, "{subgroups} of {limit} subgroups resident")
            }
            Finding::LowCeiling { share } => {
                write!(f, "can issue at most {:.0} % of the peak", 100.0 * share)
            }
        }
    }
}

impl Cell {
    /// Creates the cell of `case` on the chip `chip`, which people call `title`.
    pub fn new(case: &str, chip: &str, title: &str, driver: &str, demand: Demand, outcome: Outcome) -> Self {
        Cell {
            case: case.into(),
            variant: None,
            chip: chip.into(),
            title: title.into(),
            driver: driver.into(),
            demand,
            outcome,
        }
    }

    /// Returns the cell with the variant that was compiled.
    pub fn of_variant(mut self, variant: impl Into<String>) -> Self {
        self.variant = Some(variant.into());
        self
    }

    /// Returns the facts of all steps; none if it did not compile.
    pub fn steps(&self) -> &[Facts] {
        match &self.outcome {
            Outcome::Compiled { steps } => steps,
            _ => &[],
        }
    }

    /// Returns the facts of the step that computes most: the one whose invocations do the most matrix instructions in all
    /// in one pass of the hot loop, then multiply-adds, then instructions. The second step of a decode with few
    /// workgroups is not taken for its main one. `None` if it did not compile.
    pub fn main_step(&self) -> Option<&Facts> {
        self.steps().iter().max_by_key(|facts| {
            let of_loop = facts.hot_loop.as_ref().map(|hot| &hot.mix).or(facts.mix.as_ref());
            let count = |class| u64::from(of_loop.map_or(0, |mix| mix.count(class)));
            let all = |count: u64| count.saturating_mul(facts.invocations.unwrap_or(1));
            (all(count(Class::Matrix)), all(count(Class::MultiplyAdd)), facts.statistics.instructions)
        })
    }

    /// Returns the number of registers that all steps spill to memory.
    pub fn spills(&self) -> u32 {
        self.steps().iter().map(Facts::spills).sum()
    }

    /// Returns the resident subgroups and their limit, of the step that has the fewest of those that need any to hide
    /// waits: all with a loop. `None` if no driver told.
    pub fn resident(&self) -> Option<crate::Resident> {
        let looping = self.steps().iter().filter(|facts| facts.hot_loop.is_some() || facts.mix.is_none());
        looping.filter_map(|facts| facts.statistics.resident).min_by_key(|resident| resident.subgroups)
    }

    /// Returns the issue ceiling of the step that computes most.
    pub fn ceiling(&self) -> Option<Ceiling> {
        self.main_step()?.ceiling()
    }

    /// Returns whether any step uses a matrix unit. `None` if no text tells.
    pub fn uses_matrix_unit(&self) -> Option<bool> {
        let told: Vec<bool> = self.steps().iter().filter_map(Facts::uses_matrix_unit).collect();
        (!told.is_empty()).then(|| told.contains(&true))
    }

    /// Returns what is bad about it, the worst first.
    pub fn findings(&self) -> Vec<Finding> {
        match &self.outcome {
            Outcome::Failed { .. } => return vec![Finding::Fails],
            Outcome::Unsupported { .. } => return Vec::new(),
            Outcome::Compiled { .. } => {}
        }
        let mut found = Vec::new();
        if self.spills() > 0 {
            found.push(Finding::Spills { registers: self.spills() });
        }
        if self.demand.matrix && self.uses_matrix_unit() == Some(false) {
            found.push(Finding::MatrixUnused);
        }
        if let Some(resident) = self.resident().filter(|resident| resident.subgroups < LOW_OCCUPANCY) {
            found.push(Finding::LowOccupancy { subgroups: resident.subgroups, limit: resident.limit });
        }
        if let Some(ceiling) =
            self.ceiling().filter(|ceiling| self.demand.computes && ceiling.share < LOW_CEILING)
        {
            // Beside an unused matrix unit, the share of the vector peak says little.
            if ceiling.of == Bound::Matrix || !found.contains(&Finding::MatrixUnused) {
                found.push(Finding::LowCeiling { share: ceiling.share });
            }
        }
        found
    }
}

/// Cells in a file, as `portamark inspect` writes and reads them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Inspection {
    /// Format of the file, 1.
    pub portamark_inspection: u32,
    /// All cells, in the order of cases and chips.
    pub cells: Vec<Cell>,
}

impl Inspection {
    /// Creates the contents of a file.
    pub fn new(cells: Vec<Cell>) -> Self {
        Inspection { portamark_inspection: 1, cells }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::HotLoop;
    use crate::instruction::{Instruction, Mix};
    use crate::statistics::{Limiter, Resident};

    fn facts(class: Class, share: f64, resident: u32) -> Facts {
        let mix = Mix::of(&[Instruction::new("x", class, 0)]);
        let of = if class == Class::Matrix { Bound::Matrix } else { Bound::MultiplyAdd };
        let mut facts = Facts { mix: Some(mix.clone()), ..Facts::default() };
        facts.hot_loop = Some(HotLoop { mix, lines: vec![(0, 0)], ceiling: Some(Ceiling { share, of }) });
        let limited_by = Limiter::Registers;
        facts.statistics.resident = Some(Resident { subgroups: resident, limit: 16, limited_by });
        facts
    }

    fn cell(steps: Vec<Facts>) -> Cell {
        let demand = Demand { matrix: true, computes: true };
        Cell::new("gemm", "navi31", "Navi 31", "radv", demand, Outcome::Compiled { steps })
    }

    fn words(cell: &Cell) -> Vec<String> {
        cell.findings().iter().map(Finding::to_string).collect()
    }

    #[test]
    fn all_that_is_bad_is_found_the_worst_first() {
        let mut bad = facts(Class::Matrix, 0.4, 1);
        bad.statistics.spills.insert("Spilled VGPRs".into(), 34);
        // Of no memory: it moves to another register.
        bad.statistics.spills.insert("Spills to reg".into(), 5);
        let bad = cell(vec![bad]);
        assert_eq!(
            words(&bad),
            ["34 registers spilled", "1 of 16 subgroups resident", "can issue at most 40 % of the peak"]
        );
        assert_eq!(words(&cell(vec![facts(Class::Matrix, 0.9, 4)])), [""; 0]);
        assert_eq!(words(&cell(vec![facts(Class::MultiplyAdd, 0.2, 4)])), ["matrix unit not used"]);
    }

    #[test]
    fn a_case_that_memory_bounds_needs_no_ceiling_and_no_matrix_unit() {
        let mut decode = cell(vec![facts(Class::MultiplyAdd, 0.1, 4)]);
        decode.demand = Demand::default();
        assert_eq!(words(&decode), [""; 0]);
    }

    #[test]
    fn of_several_steps_the_one_that_computes_most_has_the_ceiling_and_the_worst_the_occupancy() {
        let mut both = cell(vec![facts(Class::Matrix, 0.9, 8), facts(Class::MultiplyAdd, 0.1, 1)]);
        assert_eq!(both.ceiling().unwrap().share, 0.9);
        assert_eq!(words(&both), ["1 of 16 subgroups resident"]);
        // A second step with few invocations is not the main one, however long its loop is.
        let (wide, long) = (facts(Class::MultiplyAdd, 0.3, 4), facts(Class::MultiplyAdd, 0.6, 4));
        let both_steps = vec![wide.over([64, 8, 1], 64), long.over([1, 8, 1], 64)];
        assert_eq!(cell(both_steps).ceiling().unwrap().share, 0.3);
        both.outcome = Outcome::Failed { reason: "crashed".into() };
        assert_eq!(words(&both), ["does not compile"]);
    }
}
