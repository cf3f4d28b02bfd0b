//! One kernel on one chip: what its compiler made of it, and what is bad about that.

use crate::facts::Facts;
use crate::finding::{Demand, Finding};
use crate::issue::Ceiling;
use crate::statistics::Resident;
use crate::steps::Steps;
use serde::{Deserialize, Serialize};

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

    fn all(&self) -> Steps<'_> {
        Steps::new(self.steps())
    }

    /// Returns the facts of the step that computes most; see [`Steps::main`]. `None` if it did not compile.
    pub fn main_step(&self) -> Option<&Facts> {
        self.all().main()
    }

    /// Returns whether any step uses a matrix unit. `None` if no text tells.
    pub fn uses_matrix_unit(&self) -> Option<bool> {
        self.all().uses_matrix_unit()
    }

    /// Returns the number of registers that all steps spill to memory.
    pub fn spills(&self) -> u32 {
        self.all().spills()
    }

    /// Returns the resident subgroups and their limit; see [`Steps::resident`]. `None` if no driver told.
    pub fn resident(&self) -> Option<Resident> {
        self.all().resident()
    }

    /// Returns the issue ceiling of the step that computes most.
    pub fn ceiling(&self) -> Option<Ceiling> {
        self.main_step()?.ceiling()
    }

    /// Returns what is bad about it, the worst first.
    pub fn findings(&self) -> Vec<Finding> {
        match &self.outcome {
            Outcome::Failed { .. } => vec![Finding::Fails],
            Outcome::Unsupported { .. } => Vec::new(),
            Outcome::Compiled { .. } => self.all().findings(self.demand),
        }
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
    use crate::instruction::{Class, Instruction, Mix};
    use crate::issue::Bound;
    use crate::statistics::Limiter;

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
    fn a_file_of_cells_reads_back_with_the_widths_of_its_accesses() {
        let load = Instruction::new("ds_load_b128", Class::WorkgroupLoad, 0).of_bytes(16);
        let mut facts = facts(Class::Matrix, 0.5, 4);
        facts.mix = Some(Mix::of(&[load]));
        let file = Inspection::new(vec![cell(vec![facts])]);
        let text = serde_json::to_string(&file).unwrap();
        assert_eq!(serde_json::from_str::<Inspection>(&text).unwrap(), file);
        let broken = text.replace("\"16\":1", "\"wide\":1");
        let error = serde_json::from_str::<Inspection>(&broken).unwrap_err().to_string();
        assert!(error.contains("no width: wide"), "{error}");
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
