//! Which form of clpeak's output a text has.

use super::{console, csv_file, json_file, xml_file};
use crate::import::measured::Import;

/// Returns whether `text` is output of clpeak.
pub(in super::super) fn fits(text: &str) -> bool {
    json_file::fits(text) || xml_file::fits(text) || csv_file::fits(text) || console::fits(text)
}

/// Reads the results in `text`.
pub(in super::super) fn read(text: &str) -> Result<Import, String> {
    if json_file::fits(text) {
        json_file::read(text)
    } else if xml_file::fits(text) {
        xml_file::read(text)
    } else if csv_file::fits(text) {
        csv_file::read(text)
    } else {
        console::read(text)
    }
}
