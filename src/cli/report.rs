//! `portamark report`: tables and charts from result files alone.

use super::results::{choose_devices, load_files};
use crate::analysis::Comparison;
use crate::error::Result;
use crate::report::Written;
use std::path::{Path, PathBuf};

/// Draws report.html and report.md from result files.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Result files, or folders of them.
    #[arg(required = true, value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// Only this device: its number from 0 in the order of the files, or a part of its name; can be
    /// repeated, and then gives the order.
    #[arg(short, long, value_name = "DEVICE")]
    device: Vec<String>,
    /// Folder to write to.
    #[arg(short, long, value_name = "DIR", default_value = "report")]
    output: PathBuf,
}

/// Writes the report and prints the paths of what was written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let runs = load_files(&arguments.results)?;
    let chosen = match &arguments.device[..] {
        [] => None,
        wanted => Some(choose_devices(&Comparison::new(&runs), wanted)?),
    };
    tell(&crate::report::write(&runs, chosen.as_deref(), &arguments.output)?)
}

/// Writes a report of `results` under `output`.
pub fn write(results: &[PathBuf], output: &Path) -> Result<()> {
    tell(&crate::report::write(&load_files(results)?, None, output)?)
}

fn tell(written: &Written) -> Result<()> {
    super::print(&format!("{}\n{}\n", written.html.display(), written.markdown.display()));
    Ok(())
}
