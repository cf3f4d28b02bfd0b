//! `portamark export`: rows as flat tables for other programs.

use super::output::{note, print};
use super::results::load_files;
use crate::error::{Error, Result};
use portamark_results::export::{write_csv, write_jsonl, write_parquet};
use portamark_results::{RunFile, replace_file};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Exports the rows of result files as one flat table. docs/export.md lists its columns.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Result files or folders of result files.
    #[arg(required = true, value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// Choose the table format [default: by the extension of the output file].
    #[arg(long, value_enum)]
    format: Option<Table>,
    /// Write to this file instead of stdout.
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Table format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Table {
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object per line.
    Jsonl,
    /// Parquet.
    Parquet,
}

impl Table {
    /// Returns the format of a file by its extension.
    fn of(path: &Path) -> Option<Self> {
        let end = path.extension()?.to_str()?.to_lowercase();
        [("csv", Table::Csv), ("jsonl", Table::Jsonl), ("parquet", Table::Parquet)]
            .into_iter()
            .find_map(|(name, table)| (name == end).then_some(table))
    }

    fn write(self, runs: &[RunFile], out: impl Write + Send) -> std::io::Result<()> {
        match self {
            Table::Csv => write_csv(runs, out),
            Table::Jsonl => write_jsonl(runs, out),
            Table::Parquet => write_parquet(runs, out),
        }
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    let table = arguments.format.or_else(|| arguments.output.as_deref().and_then(Table::of));
    let Some(table) = table else {
        return Err(Error::usage_hint("the output format is missing", "add --format csv, jsonl or parquet"));
    };
    let runs = load_files(&arguments.results)?;
    match &arguments.output {
        Some(path) => {
            replace_file(path, |file| table.write(&runs, file))?;
            note(&format!("{} rows", runs.iter().map(|run| run.rows.len()).sum::<usize>()));
            Ok(())
        }
        None if table == Table::Parquet => Err(Error::usage_hint(
            "Parquet is binary and cannot be written to a terminal",
            "name a file with -o",
        )),
        None => {
            let mut text = Vec::new();
            table.write(&runs, &mut text).map_err(|e| Error::io("write", Path::new("stdout"), e))?;
            print(&String::from_utf8_lossy(&text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_says_what_to_write() {
        let of = |name: &str| Table::of(Path::new(name));
        assert_eq!(of("a/rows.parquet"), Some(Table::Parquet));
        assert_eq!(of("rows.CSV"), Some(Table::Csv));
        assert_eq!((of("rows.jsonl.gz"), of("csv")), (None, None));
    }
}
