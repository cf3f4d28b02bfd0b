//! What a file says of several kernel variants of one case: the variants side by side, and the cost
//! of run-time checks.

use super::wording;
use portamark_analysis::{Comparison, Device, clean, costs_of_checks};
use portamark_model::units;
use portamark_results::Row;
use serde::Serialize;

/// The variants of one device.
#[derive(Debug, Serialize)]
pub struct VariantsView {
    /// Label of the device.
    pub label: String,
    /// Cases with several variants, the fastest of each first.
    pub rows: Vec<VariantRow>,
    /// Variants that ran without and with run-time checks.
    pub checks: Vec<ChecksRow>,
}

/// One variant of a case.
#[derive(Debug, Serialize)]
pub struct VariantRow {
    /// Key of the case.
    pub case: String,
    /// Kernel, path and knobs.
    pub kernel: String,
    /// The rate, or how it ended.
    pub rate: String,
    /// Time over that of the fastest variant.
    pub ratio: String,
}

/// A variant without and with run-time checks.
#[derive(Debug, Serialize)]
pub struct ChecksRow {
    /// Key of the case.
    pub case: String,
    /// Kernel and knobs.
    pub kernel: String,
    /// Median time without.
    pub unchecked: String,
    /// Median time with.
    pub checked: String,
    /// Time with over time without.
    pub ratio: String,
}

/// The devices that have several variants of a case.
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
