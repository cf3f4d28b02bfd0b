//! Import of clpeak results: the files of version 2 (`--json-file`, `--csv-file`, `--xml-file`), the XML file of
//! version 1, and the text that both print.

mod console;
mod csv_file;
mod entry;
mod json_file;
mod reading;
mod xml_file;

pub(super) use reading::{fits, read};
