//! Cells by case and chip.

use super::words::severity;
use portamark_inspect::Cell;
use std::collections::HashMap;

/// The worst cell of each case on each chip, both in the order in which they first occur.
pub(super) struct Grid<'a> {
    /// A cell of each chip, for its names.
    pub chips: Vec<&'a Cell>,
    /// Keys of the cases.
    pub cases: Vec<&'a str>,
    worst: HashMap<(usize, usize), &'a Cell>,
}

impl<'a> Grid<'a> {
    /// Arranges `cells`. Of several variants of a case, the worst counts.
    pub fn new(cells: &'a [Cell]) -> Self {
        let mut grid = Grid { chips: Vec::new(), cases: Vec::new(), worst: HashMap::new() };
        let (mut of_chip, mut of_case) = (HashMap::new(), HashMap::new());
        for cell in cells {
            let chip = *of_chip.entry(cell.chip.as_str()).or_insert_with(|| {
                grid.chips.push(cell);
                grid.chips.len() - 1
            });
            let case = *of_case.entry(cell.case.as_str()).or_insert_with(|| {
                grid.cases.push(&cell.case);
                grid.cases.len() - 1
            });
            let worst = grid.worst.entry((case, chip)).or_insert(cell);
            if severity(cell) > severity(worst) {
                *worst = cell;
            }
        }
        grid
    }

    /// Returns the worst cell of a case on a chip, both by number; `None` if it was not compiled there.
    pub fn at(&self, case: usize, chip: usize) -> Option<&'a Cell> {
        self.worst.get(&(case, chip)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::compiled;

    #[test]
    fn of_several_variants_the_worst_stands_for_the_case() {
        let mut cells = compiled::cells();
        // The copy on the first chip had few subgroups; another variant of it spills.
        let mut other = cells[0].clone();
        other.case.clone_from(&cells[1].case);
        cells.push(other);
        let grid = Grid::new(&cells);
        assert_eq!((grid.chips.len(), &grid.cases[..]), (3, &compiled::CASES[..]));
        assert_eq!(grid.at(1, 0), Some(&cells[6]));
        assert_eq!(grid.at(1, 1), Some(&cells[3]));
        assert_eq!(Grid::new(&cells[..3]).at(1, 1), None);
    }
}
