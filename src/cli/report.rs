//! `portamark report`: a report with tables and charts, from result files alone.

use super::compare::apart;
use super::output::print;
use super::results::{choose_devices, load_files};
use crate::error::Result;
use portamark_analysis::BEFORE_AND_AFTER;
use portamark_analysis::Comparison;
use portamark_kernels::EmbeddedTexts;
use portamark_report::Written;
use portamark_results::{AbSide, RunFile, load_inspections};
use std::path::{Path, PathBuf};

/// Writes report.html and report.md from result files.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Result files, files of `inspect --format json`, or folders of them.
    #[arg(required = true, value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// Compare with these older results: the report shows before and after with a verdict on each case. Can be
    /// repeated.
    #[arg(long, value_name = "RESULTS")]
    base: Vec<PathBuf>,
    /// Select a device by its number from 0 in the order of the files, or part of its name. Can be repeated, and
    /// sets the order.
    #[arg(short, long, value_name = "DEVICE")]
    device: Vec<String>,
    /// Write to this folder.
    #[arg(short, long, value_name = "DIR", default_value = "report")]
    output: PathBuf,
}

/// Runs the command: writes the report and prints the paths written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let found = load_inspections(&arguments.results)?;
    let mut runs = match &found.results[..] {
        [] => Vec::new(),
        paths => load_files(paths)?,
    };
    if !arguments.base.is_empty() {
        let base = load_files(&arguments.base)?;
        apart(&runs, &base)?;
        runs = base
            .into_iter()
            .map(|run| on_side(run, 0))
            .chain(runs.into_iter().map(|run| on_side(run, 1)))
            .collect();
    }
    let chosen = match &arguments.device[..] {
        [] => None,
        wanted => Some(choose_devices(&Comparison::new(&runs), wanted)?),
    };
    let (devices, out) = (chosen.as_deref(), &arguments.output);
    tell(&portamark_report::write(&runs, devices, &EmbeddedTexts, &found.cells, out)?)
}

/// Marks the run as side 0 (before) or 1 (after) of the report.
fn on_side(mut run: RunFile, side: usize) -> RunFile {
    let words = BEFORE_AND_AFTER[side];
    run.header.ab = Some(AbSide::new(["A", "B"][side], words));
    run
}

/// Writes a report of `results` under `output`.
pub fn write(results: &[PathBuf], output: &Path) -> Result<()> {
    tell(&portamark_report::write(&load_files(results)?, None, &EmbeddedTexts, &[], output)?)
}

fn tell(written: &Written) -> Result<()> {
    print(&format!("{}\n{}\n", written.html.display(), written.markdown.display()))
}
