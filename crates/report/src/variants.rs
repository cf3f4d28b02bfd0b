//! Several kernel variants of one case side by side, and the cost of run-time checks.

use super::wording;
use portamark_analysis::{Comparison, Device, clean, costs_of_checks};
use portamark_model::units;
use portamark_results::Row;
use serde::Serialize;

/// Kernel variants measured on one device.
#[derive(Debug, Serialize)]
pub struct VariantsView {
    /// Label of the device.
    pub label: String,
    /// Cases with several variants; the fastest variant of each case comes first.
    pub rows: Vec<VariantRow>,
    /// Variants that ran both without and with run-time checks.
    pub checks: Vec<ChecksRow>,
}

/// Result of one kernel variant on one case.
#[derive(Debug, Serialize)]
pub struct VariantRow {
    /// Key of the case.
    pub case: String,
    /// Kernel name, path and knobs of the variant.
    pub kernel: String,
    /// Rate with its unit, or the status if there is no rate.
    pub rate: String,
    /// Time relative to the fastest variant, e.g. `×1.25`.
    pub ratio: String,
}

/// Times of one variant without and with run-time checks.
#[derive(Debug, Serialize)]
pub struct ChecksRow {
    /// Key of the case.
    pub case: String,
    /// Kernel name and knobs of the variant.
    pub kernel: String,
    /// Median time without checks.
    pub unchecked: String,
    /// Median time with checks.
    pub checked: String,
    /// Time with checks over time without checks.
    pub ratio: String,
}

/// Returns the views of all devices that measured several variants of a case.
pub fn views(comparison: &Comparison) -> Vec<VariantsView> {
    comparison.devices.iter().filter(|device| !device.others.is_empty()).map(view).collect()
}

fn view(device: &Device) -> VariantsView {
    let mut rows = Vec::new();
    for best in &device.entries {
        let others = || device.others.iter().filter(|other| other.row.case == best.row.case);
        if others().next().is_none() {
            continue;
        }
        let times = |row: &Row| Some(row.seconds()? / best.row.seconds()?);
        rows.extend(std::iter::once(best).chain(others()).map(|entry| {
            VariantRow {
                case: clean(&entry.row.case),
                kernel: wording::kernel_long(entry.row),
                rate: entry.rate.as_ref().map_or_else(|| entry.row.status.name().into(), wording::rate),
                ratio: times(entry.row)
                    .filter(|_| entry.rate.is_some())
                    .map_or(wording::NONE.into(), |ratio| format!("×{}", units::significant(ratio))),
            }
        }));
    }
    let checks = costs_of_checks(device).into_iter().map(|cost| ChecksRow {
        case: clean(cost.case),
        ratio: format!("×{}", units::significant(cost.ratio())),
        unchecked: units::seconds(cost.unchecked_s),
        checked: units::seconds(cost.checked_s),
        kernel: cost.variant,
    });
    VariantsView { label: device.label.clone(), rows, checks: checks.collect() }
}
