//! Result files: written row by row, read leniently.

use super::schema::{End, Header, Row};
use std::path::PathBuf;

/// A result file as read.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its first line.
    pub header: Header,
    /// Its rows in order.
    pub rows: Vec<Row>,
    /// Its closing line; none when the run was interrupted hard.
    pub end: Option<End>,
    /// What was wrong with it and survived, in words, e.g. a torn last line.
    pub problems: Vec<String>,
}
