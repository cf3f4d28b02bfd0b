//! The command line: one file for each subcommand. Parsed flags are not resolved options.

mod catalog;
mod command;
mod compare;
mod completions;
mod cost;
mod count;
mod devices;
pub mod doctor;
mod executor;
mod executor_check;
mod export;
mod history;
mod import;
mod man;
mod places;
mod portability;
mod project;
mod report;
mod results;
mod run;
mod serve;
mod subject;
mod talk;
mod tune;
mod values;
mod verify;

pub use command::{Arguments, run};
use command::{note, print};

/// Writes a chart as a file of its own, and says where it is.
fn write_figure(path: &std::path::Path, svg: &str) -> crate::error::Result<()> {
    use std::io::Write;
    portamark_results::replace_file(path, |file| file.write_all(svg.as_bytes()))?;
    note(&format!("wrote {}", path.display()));
    Ok(())
}

/// Names as a sentence lists them: "`a`, `b`".
fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
