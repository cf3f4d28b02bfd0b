//! Measured rows above the bound of their compiled kernel: a clock above the published one, a wrong timer, or skipped work.

use super::compiled_bound::compiled_bound;
use super::device::Device;
use super::published::accelerator;
use portamark_inspect::Cell;
use portamark_model::units;
use std::collections::HashMap;

/// Factor above a bound within which a rate is still explained by the errors of both.
const MARGIN: f64 = 1.02;
/// Factor by which the clock of a chip can exceed the one of its published figures.
const BOOST: f64 = 1.3;

/// A row that is faster than its compiled kernel can be by published figures.
#[derive(Debug, Clone, PartialEq)]
pub struct AboveBound {
    /// Label of the device.
    pub device: String,
    /// Key of the case.
    pub case: String,
    /// Measured rate over the bound; above 1.02.
    pub fraction: f64,
}

impl AboveBound {
    /// Returns the sentence for reports.
    pub fn words(&self) -> String {
        let cause = if self.fraction <= BOOST {
            "the clock was above the one that the published figures assume"
        } else {
            "no clock is that high, so the timer is wrong, work was skipped, or the data came from a cache"
        };
        format!(
            "{}, {}: {} of the bound of its compiled kernel: {cause}",
            self.device,
            self.case,
            units::percent(self.fraction)
        )
    }
}

/// Returns the rows of `devices` that are above the bound of `cells`: those of a cell with the same case and variant, compiled
/// for the chip of the same card of the catalogue.
pub fn above_bounds(devices: &[Device], cells: &[Cell]) -> Vec<AboveBound> {
    let mut bounds: HashMap<(&str, String), Vec<(&str, f64)>> = HashMap::new();
    for cell in cells {
        if let (Some(bound), Some(variant)) = (compiled_bound(cell), cell.variant.as_deref()) {
            bounds
                .entry((&cell.case, variant.to_string()))
                .or_default()
                .push((&bound.accelerator.id, bound.seconds));
        }
    }
    let mut found = Vec::new();
    for device in devices.iter().filter(|_| !bounds.is_empty()) {
        let Some(card) = accelerator(device.header) else { continue };
        for entry in device.all() {
            let Some(kernel) = &entry.row.kernel else { continue };
            let told = bounds.get(&(entry.row.case.as_str(), kernel.variant.to_string()));
            let bound = told.and_then(|all| all.iter().find(|(id, _)| *id == card.id));
            let (Some((_, bound)), Some(rate), Ok(case)) = (bound, &entry.rate, &entry.case) else {
                continue;
            };
            let work = if case.is_bandwidth() { case.bytes() as f64 } else { case.flop() as f64 };
            let fraction = rate.value * bound / work;
            if fraction > MARGIN {
                found.push(AboveBound {
                    device: device.label.clone(),
                    case: entry.row.case.clone(),
                    fraction,
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Comparison;
    use portamark_fixtures::fixture;
    use portamark_inspect::{Bound, Ceiling, Class, Demand, Facts, HotLoop, Instruction, Mix, Outcome};
    use portamark_model::device::DeviceType;

    const PRODUCT: &str = "gemm f32 m2048 n2048 k2048 nn";

    fn cell(variant: &str, share: f64) -> Cell {
        let mut facts = Facts::default();
        let mix = Mix::of(&[Instruction::new("x", Class::MultiplyAdd, 0)]);
        facts.hot_loop = Some(HotLoop::new(mix, Some(Ceiling::new(share, Bound::MultiplyAdd))));
        let compiled = Outcome::Compiled { steps: vec![facts] };
        Cell::new(PRODUCT, "navi31", "x", "x", Demand::default(), compiled).of_variant(variant)
    }

    #[test]
    fn a_row_that_is_faster_than_its_kernel_can_be_is_found_and_no_other_one() {
        let mut runs = fixture::two_devices();
        let device = &mut runs[0].header.device;
        device.name = "AMD Radeon RX 7900 XTX (RADV NAVI31)".into();
        (device.vendor_id, device.device_id) = (0, 0);
        device.device_type = DeviceType::Discrete;
        let comparison = Comparison::new(&runs);
        let device = &comparison.devices[0];
        let entry = device.all().find(|entry| entry.row.case == PRODUCT).unwrap();
        let variant = entry.row.kernel.as_ref().unwrap().variant.to_string();
        let rate = entry.rate.unwrap().value;
        // 61.44 TFLOP/s in f32 are published; a share of it that is twice, or half, of what was measured.
        let share = |factor: f64| factor * rate / 61.44e12;
        let found = |cell: Cell| above_bounds(&comparison.devices, &[cell]);
        assert_eq!(found(cell(&variant, share(2.0))), []);
        assert_eq!(found(cell("another", share(0.5))), []);
        let above = found(cell(&variant, share(0.5)));
        assert_eq!(above.len(), 1);
        assert!((above[0].fraction - 2.0).abs() < 1e-9, "{above:?}");
        assert!(
            above[0].words().contains("200 % of the bound of its compiled kernel: no clock is that high")
        );
        assert!(found(cell(&variant, share(0.9)))[0].words().contains("the clock was above"));
    }
}
