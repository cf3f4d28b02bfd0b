//! `portamark import`: results of other programs, to be shown beside those of portamark.

use super::run::labels;
use crate::error::Result;
use clap::builder::PossibleValuesParser;
use portamark_model::workload::Case;
use portamark_results::import::{Format, ImportOptions, read, run_files};
use portamark_results::{Row, RunWriter};
use std::path::PathBuf;

/// Reads results of other programs, as they print them, into result files.
///
/// A report shows their numbers beside those of portamark and how fast portamark is against them;
/// they are never judged. docs/import.md says which numbers are taken for a case of portamark.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Files of results; of criterion the folder target/criterion.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Which program printed them, where that can't be seen.
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)))]
    from: Option<String>,
    /// Name of the device they are of, as `portamark devices` prints it, if they don't say or say it
    /// otherwise.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// A word of your own for the files, e.g. `library=cuBLAS-12.4`.
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Folder of result files.
    #[arg(short, long, value_name = "DIR", default_value = "results/local")]
    output: PathBuf,
}

/// Reads all files before it writes any, and prints the paths of what was written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let options = ImportOptions { device: arguments.device.clone(), labels: labels(&arguments.label)? };
    let format = arguments.from.as_deref().and_then(Format::parse);
    let mut imports = Vec::new();
    for file in &arguments.files {
        imports.push((file, read(file, format)?));
    }
    for (file, (format, import)) in imports {
        for left_out in &import.left_out {
            super::note(&format!("note: {}: left out: {left_out}", file.display()));
        }
        let nameless = import.measured.iter().any(|one| one.device.name.is_empty());
        for (header, rows, end) in run_files(import, &options) {
            let cases = rows.iter().filter(|row| is_case(row)).count();
            let (total, device) = (rows.len(), header.device.name.clone());
            let mut writer = RunWriter::create(&arguments.output, header)?;
            for row in &rows {
                writer.append(row)?;
            }
            super::print(&format!("{}\n", writer.path().display()));
            writer.finish(end)?;
            super::note(&format!(
                "{}: {total} rows of {format} on {device}, {cases} of them of cases of portamark",
                file.display()
            ));
        }
        if nameless && options.device.is_none() {
            super::note(
                "hint: the results do not say which device they are of; with --device NAME they are set \
                 beside the rows of that device",
            );
        }
    }
    Ok(())
}

fn is_case(row: &Row) -> bool {
    row.case.parse::<Case>().is_ok()
}
