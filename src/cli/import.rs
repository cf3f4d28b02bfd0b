//! `portamark import`: results of other programs.

use super::output::{note, print};
use super::run::labels;
use crate::error::Result;
use clap::builder::PossibleValuesParser;
use portamark_model::workload::Case;
use portamark_results::import::{Format, ImportOptions, read, run_files};
use portamark_results::{Row, RunWriter};
use std::path::PathBuf;

/// Imports the output of other benchmark programs into result files.
///
/// A report shows their numbers and the ratio of portamark to them; they get no verdict. docs/import.md lists
/// which numbers count as a case of portamark.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Output files; for criterion the folder target/criterion.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Name the program that wrote the files, if it cannot be recognised.
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)))]
    from: Option<String>,
    /// Set the device name, as `portamark devices` prints it, if the files lack it or spell it differently.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Label the results, e.g. `library=cuBLAS-12.4`.
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Write result files to this folder.
    #[arg(short, long, value_name = "DIR", default_value = "results/local")]
    output: PathBuf,
}

/// Runs the command: reads all files before it writes any, and prints the paths written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let options = ImportOptions { device: arguments.device.clone(), labels: labels(&arguments.label)? };
    let format = arguments.from.as_deref().and_then(Format::parse);
    let mut imports = Vec::new();
    for file in &arguments.files {
        imports.push((file, read(file, format)?));
    }
    for (file, (format, import)) in imports {
        for left_out in &import.left_out {
            note(&format!("note: {}: not imported: {left_out}", file.display()));
        }
        let nameless = import.measured.iter().any(|one| one.device.name.is_empty());
        for (header, rows, end) in run_files(import, &options) {
            let cases = rows.iter().filter(|row| is_case(row)).count();
            let (total, device) = (rows.len(), header.device.name.clone());
            let mut writer = RunWriter::create(&arguments.output, header)?;
            for row in &rows {
                writer.append(row)?;
            }
            print(&format!("{}\n", writer.path().display()));
            writer.finish(end)?;
            note(&format!(
                "{}: {total} rows from {format} on {device}, {cases} of them match portamark cases",
                file.display()
            ));
        }
        if nameless && options.device.is_none() {
            note(
                "hint: the results do not name their device; with --device NAME they are shown \
                 beside the rows of that device",
            );
        }
    }
    Ok(())
}

fn is_case(row: &Row) -> bool {
    row.case.parse::<Case>().is_ok()
}
