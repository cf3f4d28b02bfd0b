//! Imported results of other programs, kept beside the devices of a comparison.

use super::ceiling::Ceilings;
use super::chip::Chip;
use super::device::Device;
use super::plausibility::{Excess, excess_of_import};
use super::rate::Rate;
use portamark_model::device::ChipKind;
use portamark_model::plain_text::clean;
use portamark_model::workload::{Case, compare_keys};
use portamark_results::{Header, Imported, Row, RunFile};
use std::collections::HashMap;

/// Imported result of another program.
#[derive(Debug, Clone)]
pub struct ImportedRow<'a> {
    /// Row that holds the result.
    pub row: &'a Row,
    /// Header of the row's file.
    pub header: &'a Header,
    /// Values as the program reported them.
    pub imported: &'a Imported,
    /// Matching case of portamark; `None` if the result matches none.
    pub case: Option<Case>,
    /// Indices of the devices of the comparison that are the same chip, through any driver.
    pub devices: Vec<usize>,
    /// Set if the rate exceeds a roof, with the likely cause.
    pub excess: Option<Excess>,
}

impl ImportedRow<'_> {
    /// Returns the rate in the unit that portamark uses for the case; its interval is the spread that the
    /// program reported. `None` if the result matches no case or has no time.
    pub fn rate(&self) -> Option<Rate> {
        rate(self.case.as_ref()?, self.row)
    }

    /// Whether the number is impossible on its device. Such a number is shown with the reason, and counts neither as
    /// a best known time nor as the rate of a library.
    pub fn is_impossible(&self) -> bool {
        self.excess.is_some_and(|excess| excess.is_impossible())
    }

    /// Returns the source of the number, e.g. `cuBLAS (nvbench 0.1.0)`, or only the program if no library is
    /// recorded.
    pub fn source(&self) -> String {
        let program = match &self.imported.version {
            Some(version) => format!("{} {version}", self.imported.method),
            None => self.imported.method.clone(),
        };
        match &self.imported.library {
            Some(library) => clean(&format!("{library} ({program})")),
            None => clean(&program),
        }
    }
}

/// Returns the rate of an imported row of `case`.
fn rate(case: &Case, row: &Row) -> Option<Rate> {
    let rate = Rate::of_seconds(Some(case), row, row.imported_seconds()?, row.imported_spread_s())?;
    // The spread may be a range, and half of that is not the half-width of a confidence interval.
    Some(Rate { half_width: None, ..rate })
}

/// Returns by how much the imported `row` exceeds the published figure of the device of `header`; `None` if it does
/// not, if it matches no case, or if nothing is published.
pub fn published_excess(header: &Header, row: &Row) -> Option<Excess> {
    let case: Case = row.case.parse().ok()?;
    excess_of_import(header, &case, row, rate(&case, row)?, &[])
}

/// Whether `run` has rows and all of them are imported.
pub(super) fn is_imported(run: &RunFile) -> bool {
    !run.rows.is_empty() && run.rows.iter().all(|row| row.imported.is_some())
}

/// Returns the imported results in case order. For each program, library, device and case, it takes the
/// newest file, and of several results there the middle one, among those that are possible if there are any.
pub(super) fn imported_rows<'a>(runs: &'a [RunFile], devices: &[Device]) -> Vec<ImportedRow<'a>> {
    type Key<'a> = (&'a str, &'a str, Option<&'a str>, &'a str);
    let mut groups: Vec<(&'a RunFile, Vec<ImportedRow<'a>>)> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    for run in runs {
        for row in &run.rows {
            let Some(imported) = &row.imported else { continue };
            let key = (&*run.header.device.id, &*imported.method, imported.library.as_deref(), &*row.case);
            let case = row.case.parse().ok();
            let (header, devices) = (&run.header, Vec::new());
            let found = ImportedRow { row, header, imported, case, devices, excess: None };
            let place = *places.entry(key).or_insert_with(|| {
                groups.push((run, Vec::new()));
                groups.len() - 1
            });
            let (held, rows) = &mut groups[place];
            if std::ptr::eq(*held, run) {
                rows.push(found);
            } else if run.header.started >= held.header.started {
                (*held, *rows) = (run, vec![found]);
            }
        }
    }
    let chips: Vec<Chip> = devices.iter().map(|device| Chip::of(device.header)).collect();
    let mut places: HashMap<(ChipKind, &str), Vec<usize>> = HashMap::new();
    let mut on = |header: &'a Header| {
        let key = (header.device.chip_kind(), header.device.name.as_str());
        places.entry(key).or_insert_with(|| Chip::of(header).places(&chips)).clone()
    };
    let middle = |(run, mut rows): (&'a RunFile, Vec<ImportedRow<'a>>)| {
        let on = on(&run.header);
        let measured: Vec<(&Header, &Ceilings)> =
            on.iter().map(|device| (devices[*device].header, &devices[*device].ceilings)).collect();
        for row in &mut rows {
            row.devices = on.clone();
            row.excess = row
                .case
                .as_ref()
                .zip(row.rate())
                .and_then(|(case, rate)| excess_of_import(row.header, case, row.row, rate, &measured));
        }
        if !rows.iter().all(ImportedRow::is_impossible) {
            rows.retain(|row| !row.is_impossible());
        }
        rows.sort_by(|a, b| a.imported.value.total_cmp(&b.imported.value));
        rows.swap_remove((rows.len() - 1) / 2)
    };
    let mut rows: Vec<ImportedRow> = groups.into_iter().map(middle).collect();
    rows.sort_by(|a, b| compare_keys(&a.row.case, &b.row.case).then_with(|| a.source().cmp(&b.source())));
    rows
}
