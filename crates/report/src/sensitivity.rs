//! Table of cases that were measured with inputs from several distributions.

use super::wording;
use portamark_analysis::{ReportModel, Sensitivity, clean};
use portamark_model::units;
use portamark_model::workload::Distribution;
use serde::Serialize;

/// Returns the column headings after device and case.
pub fn head() -> Vec<String> {
    let names = Distribution::ALL.map(|dist| dist.name().to_string());
    names.into_iter().chain(["highest over lowest".to_string()]).collect()
}

/// Rates of one case on one device with inputs from each distribution.
#[derive(Debug, Serialize)]
pub struct SensitivityRow {
    /// Name of the device.
    pub device: String,
    /// Key of the case.
    pub case: String,
    /// Cells under the headings of [`head`]: the rate with each distribution, then highest over lowest rate.
    pub cells: Vec<String>,
}

/// Returns the rows of the table; empty if each device used only one distribution.
pub fn rows(model: &ReportModel) -> Vec<SensitivityRow> {
    let row = |found: &Sensitivity| {
        let rates = found.rates.iter().map(|rate| rate.as_ref().map_or(wording::NONE.into(), wording::rate));
        let spread = format!("×{}", units::significant(found.spread()));
        SensitivityRow {
            device: clean(found.device),
            case: clean(found.case),
            cells: rates.chain([spread]).collect(),
        }
    };
    model.sensitivities.iter().map(row).collect()
}
