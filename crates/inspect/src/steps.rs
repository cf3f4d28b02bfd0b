//! What follows from the facts of all steps of one plan.

use crate::facts::Facts;
use crate::finding::{Demand, Finding, LOW_CEILING, LOW_OCCUPANCY};
use crate::instruction::Class;
use crate::issue::Bound;
use crate::statistics::Resident;

/// Facts of all steps of one plan, in order.
#[derive(Debug, Clone, Copy)]
pub struct Steps<'a>(&'a [Facts]);

impl<'a> Steps<'a> {
    /// Takes the facts of each step.
    pub fn new(steps: &'a [Facts]) -> Self {
        Steps(steps)
    }

    /// Returns the step that computes most: the one whose invocations do the most matrix instructions in all in one pass
    /// of the hot loop, then multiply-adds, then instructions. The second step of a decode, which has few workgroups, is
    /// not taken for its main one. `None` without a step.
    pub fn main(self) -> Option<&'a Facts> {
        self.0.iter().max_by_key(|facts| {
            let of_loop = facts.hot_loop.as_ref().map(|hot| &hot.mix).or(facts.mix.as_ref());
            let count = |class| u64::from(of_loop.map_or(0, |mix| mix.count(class)));
            let all = |count: u64| count.saturating_mul(facts.invocations.unwrap_or(1));
            (all(count(Class::Matrix)), all(count(Class::MultiplyAdd)), facts.statistics.instructions)
        })
    }

    /// Returns the vector registers of the step that computes most. `None` if the driver does not tell.
    pub fn registers(self) -> Option<u32> {
        self.main()?.statistics.vector_registers
    }

    /// Returns the number of registers that all steps spill to memory.
    pub fn spills(self) -> u32 {
        self.0.iter().map(Facts::spills).fold(0, u32::saturating_add)
    }

    /// Returns the resident subgroups and their limit, of the step that has the fewest of those that need any to hide
    /// waits: all with a loop, and all without a text. `None` if no driver told.
    pub fn resident(self) -> Option<Resident> {
        let looping = self.0.iter().filter(|facts| facts.hot_loop.is_some() || facts.mix.is_none());
        looping.filter_map(|facts| facts.statistics.resident).min_by_key(|resident| resident.subgroups)
    }

    /// Returns whether any step uses a matrix unit. `None` if no text tells.
    pub fn uses_matrix_unit(self) -> Option<bool> {
        let told: Vec<bool> = self.0.iter().filter_map(Facts::uses_matrix_unit).collect();
        (!told.is_empty()).then(|| told.contains(&true))
    }

    /// Returns what is bad about them for a case with `demand`, the worst first.
    pub fn findings(self, demand: Demand) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.spills() > 0 {
            found.push(Finding::Spills { registers: self.spills() });
        }
        if demand.matrix && self.uses_matrix_unit() == Some(false) {
            found.push(Finding::MatrixUnused);
        }
        if let Some(resident) = self.resident().filter(|resident| resident.subgroups < LOW_OCCUPANCY) {
            found.push(Finding::LowOccupancy { subgroups: resident.subgroups, limit: resident.limit });
        }
        let ceiling = self.main().and_then(Facts::ceiling);
        if let Some(ceiling) = ceiling.filter(|ceiling| demand.computes && ceiling.share < LOW_CEILING) {
            // Beside an unused matrix unit, the share of the vector peak says little.
            if ceiling.of == Bound::Matrix || !found.contains(&Finding::MatrixUnused) {
                found.push(Finding::LowCeiling { share: ceiling.share });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spilling(registers: u32) -> Facts {
        let mut facts = Facts::default();
        facts.statistics.spills.insert("Spills".into(), registers);
        facts.statistics.spills.insert("STP Count".into(), registers);
        facts
    }

    #[test]
    fn spills_of_all_steps_add_up_and_never_overflow() {
        assert_eq!(Steps::new(&[spilling(3), spilling(4)]).spills(), 14);
        assert_eq!(Steps::new(&[spilling(u32::MAX), spilling(1)]).spills(), u32::MAX);
        assert_eq!(Steps::new(&[]).findings(Demand::default()), []);
    }
}
