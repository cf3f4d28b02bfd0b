//! What the drivers of measured devices told of the variants that ran.

use portamark_analysis::{Comparison, Device};
use portamark_inspect::{Cell, Demand, Outcome};

/// Returns a cell for each row of the devices of `comparison` that has facts of its compiler, and then `others`.
///
/// Rows have no text of the instructions: nothing is said of matrix units and of what a loop can issue.
pub fn all_cells(comparison: &Comparison, others: &[Cell]) -> Vec<Cell> {
    let of_rows = comparison.devices.iter().flat_map(of_device);
    of_rows.chain(others.iter().cloned()).collect()
}

fn of_device<'a>(device: &'a Device<'_>) -> impl Iterator<Item = Cell> + use<'a> {
    let told = &device.header.device;
    let driver = format!("{} {}", told.driver, told.driver_version);
    let rows = device.entries.iter().map(|entry| entry.row).filter(|row| !row.compiled.is_empty());
    rows.map(move |row| {
        let outcome = Outcome::Compiled { steps: row.compiled.clone() };
        let cell = Cell::new(&row.case, &device.label, &device.label, &driver, Demand::default(), outcome);
        match &row.kernel {
            Some(kernel) => cell.of_variant(kernel.variant.to_string()),
            None => cell,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::{compiled, fixture};

    #[test]
    fn rows_with_facts_are_cells_of_their_device_before_those_of_other_chips() {
        let mut runs = fixture::two_devices();
        let others = compiled::cells();
        assert_eq!(all_cells(&Comparison::new(&runs), &others), others);
        let row = runs[0].rows.iter_mut().find(|row| row.case == "gemm f32 m2048 n2048 k2048 nn").unwrap();
        row.compiled = vec![compiled::step(40, 8)];
        let cells = all_cells(&Comparison::new(&runs), &others);
        assert_eq!((cells.len(), &*cells[0].chip), (7, "NVIDIA H100 80GB HBM3 · 580.82.07"));
        assert_eq!((cells[0].spills(), &*cells[0].driver), (40, "NVIDIA 580.82.07"));
        assert!(cells[0].variant.is_some());
    }
}
