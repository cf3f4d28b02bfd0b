//! A result file as loaded.

use super::schema::{End, Header, Row, RunOutcome};
use std::path::PathBuf;

/// A result file as loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFile {
    /// Path that the file was read from.
    pub path: PathBuf,
    /// Header, the first line of the file.
    pub header: Header,
    /// Rows, in the order of the file.
    pub rows: Vec<Row>,
    /// Closing line; `None` if the run was killed before writing it.
    pub end: Option<End>,
    /// Problems that did not prevent loading, in words, e.g. a torn last line.
    pub problems: Vec<String>,
}

impl RunFile {
    /// Returns whether cases may be missing: there is no closing line, or it says `interrupted`.
    pub fn is_interrupted(&self) -> bool {
        self.end.as_ref().is_none_or(|end| end.outcome == RunOutcome::Interrupted)
    }

    /// Returns the wall time spent so far in seconds: from the closing line, or else the sum over the rows.
    pub fn wall_s(&self) -> f64 {
        let rows = || self.rows.iter().map(|row| row.spent.total_s).sum();
        self.end.as_ref().map_or_else(rows, |end| end.wall_s)
    }
}
