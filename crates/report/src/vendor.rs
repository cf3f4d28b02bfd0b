//! Tables of vendor libraries: portable kernels against them, and the other numbers of other programs.

use super::wording;
use portamark_analysis::{AgainstVendor, Comparison, ImportedRow, Reference, against_vendor, clean};
use portamark_model::units;
use portamark_results::{ImportUnit, SpreadKind, Statistic};
use serde::Serialize;

/// What the columns of [`ratios`] are called.
pub const RATIOS: [&str; 7] =
    ["case", "device", "portamark", "vendor", "its spread", "of whom", "portable / vendor"];

/// What the columns of [`others`] are called.
pub const OTHERS: [&str; 5] = ["case", "device", "number", "its spread", "of whom"];

/// A line of either table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VendorRow {
    /// Key of the case, or the program's own name.
    pub case: String,
    /// The other cells.
    pub cells: Vec<String>,
}

/// How fast portamark is against other programs, a line for each case, device and program.
pub fn ratios(comparison: &Comparison) -> Vec<VendorRow> {
    let line = |against: AgainstVendor| VendorRow {
        case: clean(against.case),
        cells: vec![
            comparison.devices[against.device].label.clone(),
            wording::rate(&against.portable),
            wording::rate(&against.vendor),
            match &against.reference {
                Reference::Imported(import) => spread(import),
                Reference::Measured { .. } => own_spread(&against),
            },
            match &against.reference {
                Reference::Imported(import) => source(import),
                measured => measured.source(),
            },
            ratio(&against),
        ],
    };
    against_vendor(comparison).into_iter().map(line).collect()
}

/// The numbers that stand beside none of portamark.
pub fn others(comparison: &Comparison) -> Vec<VendorRow> {
    let shown = against_vendor(comparison);
    let is_shown = |import: &ImportedRow| {
        shown.iter().any(|against| match &against.reference {
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
        ],
    };
    comparison.imported.iter().filter(|import| !is_shown(import)).map(line).collect()
}

/// The ratio with the interval of portamark's side: `0.412 (0.410 to 0.415)`.
pub fn ratio(against: &AgainstVendor) -> String {
    let text = units::significant;
    match against.interval {
        Some((lo, hi)) => format!("{} ({} to {})", text(against.ratio), text(lo), text(hi)),
        None => text(against.ratio),
    }
}

/// The ends of the interval of a library's rate that portamark measured, as a part of it.
fn own_spread(against: &AgainstVendor) -> String {
    let Some((lo, hi)) = against.vendor.interval else { return wording::NONE.into() };
    format!("{} (interval)", ends(against.vendor.value, lo, hi))
}

/// How far an interval reaches, each end as a part of `value`.
fn ends(value: f64, lo: f64, hi: f64) -> String {
    let part = |end: f64| {
        let percent = 100.0 * (end / value - 1.0);
        let sign = if percent < 0.0 { '−' } else { '+' };
        format!("{sign}{} %", units::significant(percent.abs()))
    };
    format!("{} to {}", part(lo), part(hi))
}

/// The number in the program's own unit.
fn told(import: &ImportedRow) -> String {
    let value = import.imported.value;
    match import.imported.unit {
        ImportUnit::Seconds => units::seconds(value),
        unit => units::prefixed(value, unit.name()),
    }
}

/// How far samples lie from the number, each end as a part of it.
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

/// Whose number it is, and which statistic of the samples where it is not the median.
fn source(import: &ImportedRow) -> String {
    let statistic = match import.imported.statistic {
        Statistic::Median => "",
        Statistic::Mean => ", mean",
        Statistic::Best => ", best",
        Statistic::Unknown => ", statistic not told",
        other => &format!(", {other}"),
    };
    format!("{}{statistic}", import.source())
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn every_imported_number_is_in_one_of_the_tables() {
        let runs = fixture::card_and_vendor();
        let comparison = Comparison::new(&runs);
        let (ratios, others) = (ratios(&comparison), others(&comparison));
        assert_eq!(ratios.len() + others.len(), comparison.imported.len());
        let [other] = &others[..] else { panic!("{others:?}") };
        assert_eq!(other.case, "reduce n=1");
        let cells =
            ["NVIDIA H100 80GB HBM3", "125 µs", "−10.0 % to +10.0 % (quartiles)", "cuBLAS (nvbench 0.1.0)"];
        assert_eq!(other.cells, cells);
        let row = ratios.iter().find(|row| row.case == "gemm f32 m4096 n4096 k4096 nn").unwrap();
        assert!(row.cells[5].starts_with("0.600 (0.599 to 0.60"), "{row:?}");
        assert_eq!((row.cells.len() + 1, other.cells.len() + 1), (RATIOS.len(), OTHERS.len()));
    }
}
