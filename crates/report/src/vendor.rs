//! Tables of vendor libraries: portable kernels compared with them, and imported numbers that cannot be
//! compared.

use super::wording;
use portamark_analysis::{AgainstVendor, ImportedRow, Reference, ReportModel, clean};
use portamark_model::units;
use portamark_results::{ImportUnit, SpreadKind, Statistic};
use serde::Serialize;

/// Column headings of [`ratios`].
pub const RATIOS: [&str; 7] =
    ["case", "device", "portamark", "vendor", "vendor spread", "source", "portable / vendor"];

/// Column headings of [`others`].
pub const OTHERS: [&str; 6] = ["case", "device", "value", "spread", "source", "remark"];

/// A row of either table: the case and the cells after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VendorRow {
    /// Key of the case, or the name that the other program uses.
    pub case: String,
    /// Remaining cells, in the order of the headings.
    pub cells: Vec<String>,
}

/// Returns the rates of portable kernels relative to vendor libraries, one row for each case, device and
/// library.
pub fn ratios(model: &ReportModel) -> Vec<VendorRow> {
    let line = |against: &AgainstVendor| VendorRow {
        case: clean(against.case),
        cells: vec![
            model.comparison.devices[against.device].label.clone(),
            wording::rate(&against.portable),
            wording::rate(&against.vendor),
            match &against.reference {
                Reference::Imported(import) => spread(import),
                Reference::Measured { .. } => own_spread(against),
            },
            match &against.reference {
                Reference::Imported(import) => match remark(import) {
                    remark if remark.is_empty() => source(import),
                    remark => format!("{}; {remark}", source(import)),
                },
                measured => measured.source(),
            },
            ratio(against),
        ],
    };
    model.vendor.iter().flatten().map(line).collect()
}

/// Returns the imported numbers for which portamark has no measurement to compare with.
pub fn others(model: &ReportModel) -> Vec<VendorRow> {
    let is_shown = |import: &ImportedRow| {
        model.vendor.iter().flatten().any(|against| match &against.reference {
            Reference::Imported(other) => std::ptr::eq(other.row, import.row),
            Reference::Measured { .. } => false,
        })
    };
    let line = |import: &ImportedRow| VendorRow {
        case: clean(if import.case.is_some() { &import.row.case } else { &import.imported.name }),
        cells: vec![
            clean(&import.header.device.name),
            import.rate().as_ref().map_or_else(|| told(import), wording::rate),
            spread(import),
            source(import),
            remark(import),
        ],
    };
    model.comparison.imported.iter().filter(|import| !is_shown(import)).map(line).collect()
}

/// Returns why the number is higher than expected, and what follows if it is impossible; empty for any other.
fn remark(import: &ImportedRow) -> String {
    match &import.excess {
        Some(excess) if excess.is_impossible() => {
            format!("implausible, left out of ratios, scores and charts: {}", excess.words())
        }
        Some(excess) => excess.words(),
        None => String::new(),
    }
}

/// Formats the ratio with its confidence interval if there is one, e.g. `0.412 (0.410 to 0.415)`.
pub fn ratio(against: &AgainstVendor) -> String {
    let text = units::significant;
    match against.interval {
        Some((lo, hi)) => format!("{} ({} to {})", text(against.ratio), text(lo), text(hi)),
        None => text(against.ratio),
    }
}

/// Formats the interval of a library rate that portamark measured, relative to that rate.
fn own_spread(against: &AgainstVendor) -> String {
    let Some((lo, hi)) = against.vendor.interval else { return wording::NONE.into() };
    format!("{} (interval)", ends(against.vendor.value, lo, hi))
}

/// Formats the ends of an interval relative to `value`, in percent.
fn ends(value: f64, lo: f64, hi: f64) -> String {
    let part = |end: f64| {
        let percent = 100.0 * (end / value - 1.0);
        let sign = if percent < 0.0 { '−' } else { '+' };
        format!("{sign}{} %", units::significant(percent.abs()))
    };
    format!("{} to {}", part(lo), part(hi))
}

/// Formats the imported number in the other program's unit.
fn told(import: &ImportedRow) -> String {
    let value = import.imported.value;
    match import.imported.unit {
        ImportUnit::Seconds => units::seconds(value),
        unit => units::prefixed(value, unit.name()),
    }
}

/// Formats the spread of the imported samples, with each end relative to the number.
fn spread(import: &ImportedRow) -> String {
    let Some(spread) = &import.imported.spread else { return wording::NONE.into() };
    let what = match spread.what {
        SpreadKind::Interval => "interval",
        SpreadKind::Quartiles => "quartiles",
        SpreadKind::Deviation => "deviation",
        SpreadKind::Range => "range",
        other => &other.to_string(),
    };
    format!("{} ({what})", ends(import.imported.value, spread.lo, spread.hi))
}

/// Returns the source of the number, and the statistic of the samples unless it is the median.
fn source(import: &ImportedRow) -> String {
    let statistic = match import.imported.statistic {
        Statistic::Median => "",
        Statistic::Mean => ", mean",
        Statistic::Best => ", best",
        Statistic::Unknown => ", statistic unknown",
        other => &format!(", {other}"),
    };
    format!("{}{statistic}", import.source())
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_model::kernel_text::NoTexts;

    #[test]
    fn every_imported_number_is_in_one_of_the_tables() {
        let runs = fixture::card_and_vendor();
        let model = ReportModel::new(&runs, None, &NoTexts);
        let (ratios, others) = (ratios(&model), others(&model));
        assert_eq!(ratios.len() + others.len(), model.comparison.imported.len());
        let [other] = &others[..] else { panic!("{others:?}") };
        assert_eq!(other.case, "reduce n=1");
        let cells = [
            "NVIDIA H100 80GB HBM3",
            "125 µs",
            "−10.0 % to +10.0 % (quartiles)",
            "cuBLAS (nvbench 0.1.0)",
            "",
        ];
        assert_eq!(other.cells, cells);
        let row = ratios.iter().find(|row| row.case == "gemm f32 m4096 n4096 k4096 nn").unwrap();
        assert!(row.cells[5].starts_with("0.600 (0.599 to 0.60"), "{row:?}");
        assert_eq!((row.cells.len() + 1, other.cells.len() + 1), (RATIOS.len(), OTHERS.len()));
    }
    #[test]
    fn a_number_that_no_device_can_reach_is_listed_with_the_reason_and_has_no_ratio() {
        let mut runs = fixture::card_and_vendor();
        let key = "gemm f32 m4096 n4096 k4096 nn";
        let row = runs[1].rows.iter_mut().find(|row| row.case == key).unwrap();
        // 2·4096³ FLOP at 134 TFLOP/s, twice what is published.
        row.imported.as_mut().unwrap().value = 137_438_953_472.0 / 134e12;
        let model = ReportModel::new(&runs, None, &NoTexts);
        assert!(ratios(&model).iter().all(|row| row.case != key));
        let others = others(&model);
        let row = others.iter().find(|row| row.case == key).unwrap();
        let words = "implausible, left out of ratios, scores and charts: 200 % of the published 67.0 TFLOP/s (fp32): ";
        assert!(row.cells[4].starts_with(words), "{row:?}");
    }
}
