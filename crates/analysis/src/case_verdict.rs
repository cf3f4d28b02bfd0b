//! Verdict on one case, with times, status and differences of both sides.

use super::changes::Change;
use super::judgement::Judgement;
use super::matchup::DevicePair;
use portamark_results::{Row, RunFile, Status};
use serde::Serialize;
use std::fmt;

/// Measurement condition that differs between rows; rows are comparable only if all conditions agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Name of the condition: `method`, `distribution`, `precision`, `cache` or `clock`.
    pub field: &'static str,
    /// The two values.
    pub values: [String; 2],
    /// Paths of the files with these values.
    pub files: [String; 2],
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { field, values: [a, b], files: [here, there] } = self;
        write!(f, "{field} is {a} in {here} and {b} in {there}")
    }
}

/// Verdict on one case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseVerdict {
    /// Case key on the new side.
    pub case: String,
    /// Case key on the reference; `None` unless it differs, which it does only in precision.
    pub reference_case: Option<String>,
    /// Kernel variant as text, if a side has several variants of the case or variants were requested; then
    /// only rows of the same variant are compared. `None` otherwise.
    pub variant: Option<String>,
    /// Seconds of one execution on the new side: geometric mean of the medians of its processes. `None` if no
    /// process has a time.
    pub new_s: Option<f64>,
    /// Seconds of one execution on the reference side, computed in the same way.
    pub reference_s: Option<f64>,
    /// Worst status among the new side's processes; `None` if it has no row.
    pub new_status: Option<Status>,
    /// Worst status among the reference's processes; `None` if it has no row.
    pub reference_status: Option<Status>,
    /// Measurement conditions that differ: the reason why the case is missing, or what was forced.
    pub unlike: Vec<Difference>,
    /// Other differences between the sides, such as driver or clocks.
    pub changes: Vec<Change>,
    /// Verdict with its ratio, new over reference.
    pub judgement: Judgement,
}

impl CaseVerdict {
    /// Creates a verdict on `case` with no other field set.
    pub fn of(case: &str, judgement: Judgement) -> Self {
        Self {
            case: case.into(),
            reference_case: None,
            variant: None,
            new_s: None,
            reference_s: None,
            new_status: None,
            reference_status: None,
            unlike: Vec::new(),
            changes: Vec::new(),
            judgement,
        }
    }

    /// Returns the case key, with the reference's key and the kernel variant where these are set.
    pub fn name(&self) -> String {
        let case = match &self.reference_case {
            Some(reference) => format!("{} against {reference}", self.case),
            None => self.case.clone(),
        };
        match &self.variant {
            Some(variant) => format!("{case} by {variant}"),
            None => case,
        }
    }

    /// Returns the files and rows of both sides: `[new, reference]`.
    pub fn rows<'a>(&self, pair: &DevicePair<'a>) -> [Vec<(&'a RunFile, &'a Row)>; 2] {
        let reference_case = self.reference_case.as_ref().unwrap_or(&self.case);
        [(&pair.new, &self.case), (&pair.reference, reference_case)].map(|(files, case)| {
            let fits = |row: &&Row| {
                row.case == *case && self.variant.as_ref().is_none_or(|text| *text == variant(row))
            };
            files.iter().flat_map(|file| file.rows.iter().filter(fits).map(|row| (*file, row))).collect()
        })
    }
}

/// Returns the kernel variant of a row as text; empty if it has none.
pub(super) fn variant(row: &Row) -> String {
    row.kernel.as_ref().map_or(String::new(), |kernel| kernel.variant.to_string())
}
