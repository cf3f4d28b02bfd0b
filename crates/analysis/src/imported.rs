//! Imported results of other programs, kept beside the devices of a comparison.

use super::device::Device;
use super::label::clean;
use super::published::chip;
use super::rate::Rate;
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
}

impl ImportedRow<'_> {
    /// Returns the rate in the unit that portamark uses for the case; its interval is the spread that the
    /// program reported. `None` if the result matches no case or has no time.
    pub fn rate(&self) -> Option<Rate> {
        let case = self.case.as_ref()?;
        let rate = Rate::of_seconds(
            Some(case),
            self.row,
            self.row.imported_seconds()?,
            self.row.imported_spread_s(),
        )?;
        // The spread may be a range, and half of that is not the half-width of a confidence interval.
        Some(Rate { half_width: None, ..rate })
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

/// Whether `run` has rows and all of them are imported.
pub(super) fn is_imported(run: &RunFile) -> bool {
    !run.rows.is_empty() && run.rows.iter().all(|row| row.imported.is_some())
}

/// Returns the imported results in case order. For each program, library, device and case, it takes the
/// newest file, and of several results there the middle one.
pub(super) fn imported_rows<'a>(runs: &'a [RunFile], devices: &[Device]) -> Vec<ImportedRow<'a>> {
    type Key<'a> = (&'a str, &'a str, Option<&'a str>, &'a str);
    let mut groups: Vec<(&RunFile, Vec<ImportedRow>)> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    for run in runs {
        for row in &run.rows {
            let Some(imported) = &row.imported else { continue };
            let key = (&*run.header.device.id, &*imported.method, imported.library.as_deref(), &*row.case);
            let case = row.case.parse().ok();
            let found = ImportedRow { row, header: &run.header, imported, case, devices: Vec::new() };
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
    let chips: Vec<String> = devices.iter().map(|device| chip(device.header)).collect();
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut on = |header: &'a Header| {
        let found = places.entry(&header.device.name).or_insert_with(|| {
            let chip = chip(header);
            (0..chips.len()).filter(|device| chips[*device] == chip).collect()
        });
        found.clone()
    };
    let middle = |(_, mut rows): (&RunFile, Vec<ImportedRow<'a>>)| {
        rows.sort_by(|a, b| a.imported.value.total_cmp(&b.imported.value));
        let row = rows.swap_remove((rows.len() - 1) / 2);
        ImportedRow { devices: on(row.header), ..row }
    };
    let mut rows: Vec<ImportedRow> = groups.into_iter().map(middle).collect();
    rows.sort_by(|a, b| compare_keys(&a.row.case, &b.row.case).then_with(|| a.source().cmp(&b.source())));
    rows
}
