//! Why cases cannot run on chips, by reason.

use portamark_analysis::clean;
use portamark_inspect::{Cell, Outcome};
use regex::Regex;
use std::collections::{BTreeSet, HashMap};

/// A reason with the chips and the number of cases that it keeps from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lack {
    /// The reason; of several that differ only in sizes, the first.
    pub reason: String,
    /// Whether there are others that differ in sizes.
    pub varies: bool,
    /// Short names of the chips, in their order.
    pub chips: Vec<String>,
    /// Number of different cases.
    pub cases: usize,
}

impl Lack {
    /// Returns the reason in words.
    pub(super) fn words(&self) -> String {
        if self.varies { format!("e.g. {}", self.reason) } else { self.reason.clone() }
    }
}

/// Returns the reasons of all cells that cannot run, those of most chips first. Reasons that differ only in sizes in bytes
/// are one.
pub(super) fn lacks(cells: &[Cell]) -> Vec<Lack> {
    let sizes = Regex::new(r"\d[\d.]* [kMGT]?i?B\b").expect("the expression is right");
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut found: Vec<(Lack, BTreeSet<&str>)> = Vec::new();
    for cell in cells {
        let Outcome::Unsupported { reason } = &cell.outcome else { continue };
        let reason = clean(reason);
        let place = *places.entry(sizes.replace_all(&reason, "").into_owned()).or_insert_with(|| {
            let lack = Lack { reason: reason.clone(), varies: false, chips: Vec::new(), cases: 0 };
            found.push((lack, BTreeSet::new()));
            found.len() - 1
        });
        let (lack, cases) = &mut found[place];
        lack.varies |= lack.reason != reason;
        let chip = clean(&cell.chip);
        if !lack.chips.contains(&chip) {
            lack.chips.push(chip);
        }
        cases.insert(&cell.case);
    }
    let mut lacks: Vec<Lack> =
        found.into_iter().map(|(lack, cases)| Lack { cases: cases.len(), ..lack }).collect();
    lacks.sort_by_key(|lack| std::cmp::Reverse((lack.chips.len(), lack.cases)));
    lacks
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_inspect::Demand;

    #[test]
    fn reasons_that_differ_in_sizes_alone_are_one_and_those_of_most_chips_come_first() {
        let cell = |case: &str, chip: &str, reason: &str| {
            let outcome = Outcome::Unsupported { reason: reason.into() };
            Cell::new(case, chip, chip, "driver", Demand::default(), outcome)
        };
        let half = "needs shader-f16, which this device does not offer";
        let cells = [
            cell("a", "one", "binds 1.07 GB; the device binds up to 134 MB"),
            cell("b", "one", "binds 268 MB; the device binds up to 134 MB"),
            cell("b", "one", half),
            cell("b", "two", half),
            cell("c", "two", "needs matrices of 8x8x8"),
            cell("d", "two", "needs matrices of 16x16x16"),
        ];
        let found = lacks(&cells);
        let told: Vec<_> =
            found.iter().map(|it| (&it.reason[..12], it.varies, it.chips.len(), it.cases)).collect();
        assert_eq!(
            told,
            [
                ("needs shader", false, 2, 1),
                ("binds 1.07 G", true, 1, 2),
                ("needs matric", false, 1, 1),
                ("needs matric", false, 1, 1)
            ]
        );
        assert_eq!(found[0].chips, ["one", "two"]);
    }
}
