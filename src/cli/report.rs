//! `portamark report`: tables and charts from result files alone.

use super::results::load_files;
use crate::error::Result;
use std::path::{Path, PathBuf};

/// Draws report.html and report.md from result files.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Result files, or folders of them.
    #[arg(required = true, value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// Folder to write to.
    #[arg(short, long, value_name = "DIR", default_value = "report")]
    output: PathBuf,
}

/// Writes the report and prints the paths of what was written.
pub fn run(arguments: &Arguments) -> Result<()> {
    write(&arguments.results, &arguments.output)
}

/// Writes a report of `results` under `output`.
pub fn write(results: &[PathBuf], output: &Path) -> Result<()> {
    let runs = load_files(results)?;
    let written = crate::report::write(&runs, output)?;
    super::print(&format!("{}\n{}\n", written.html.display(), written.markdown.display()));
    Ok(())
}
