//! `portamark import`: results of other programs.

use super::output::{note, print};
use super::run::labels;
use crate::error::Result;
use clap::builder::PossibleValuesParser;
use portamark_analysis::{Excess, published_excess};
use portamark_model::workload::Case;
use portamark_results::import::{Format, ImportOptions, LeftOut, read, run_files};
use portamark_results::{Header, Row, RunWriter};
use std::collections::HashMap;
use std::path::PathBuf;

/// Maximum number of names that a note on cases without a number lists.
const MOST_NAMES: usize = 3;

/// Maximum number of such notes for one file.
const MOST_NOTES: usize = 20;

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
        for left_out in summary(&import.left_out) {
            note(&format!("note: {}: not imported: {left_out}", file.display()));
        }
        let nameless = import.measured.iter().any(|one| one.device.name.is_empty());
        for (header, rows, end) in run_files(import, &options) {
            let cases = rows.iter().filter(|row| is_case(row)).count();
            for line in impossible(&header, &rows) {
                note(&format!("warning: {}: {line}", file.display()));
            }
            let (total, device) = (rows.len(), header.device.name.clone());
            let mut writer = RunWriter::create(&arguments.output, header)?;
            for row in &rows {
                writer.append(row)?;
            }
            let noun = if total == 1 { "row" } else { "rows" };
            let path = writer.path().to_path_buf();
            writer.finish(end)?;
            print(&format!("{}\n", path.display()))?;
            note(&format!(
                "{}: {total} {noun} from {format} on {device}, {cases} of them match portamark cases",
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

/// Returns one line for each reason why cases have no number, with their count and some of their names.
fn summary(left_out: &[LeftOut]) -> Vec<String> {
    let mut reasons: Vec<(&str, usize, Vec<&str>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for LeftOut { name, reason, .. } in left_out {
        let place = *places.entry(reason).or_insert_with(|| {
            reasons.push((reason, 0, Vec::new()));
            reasons.len() - 1
        });
        let (_, count, names) = &mut reasons[place];
        *count += 1;
        if names.len() <= MOST_NAMES && !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let line = |(reason, count, names): &(&str, usize, Vec<&str>)| match (*count, &names[..]) {
        (1, [name, ..]) => format!("{name}: {reason}"),
        (count, names) => {
            let first = names[..names.len().min(MOST_NAMES)].join(", ");
            let more = if names.len() > MOST_NAMES { ", …" } else { "" };
            format!("{count} cases: {reason} ({first}{more})")
        }
    };
    let mut lines: Vec<String> = reasons.iter().take(MOST_NOTES).map(line).collect();
    if let Some(rest) = reasons.get(MOST_NOTES..).filter(|rest| !rest.is_empty()) {
        let cases: usize = rest.iter().map(|(_, count, _)| count).sum();
        lines.push(format!("{cases} more cases, for {} other reasons", rest.len()));
    }
    lines
}

/// Returns one line for each row that no device of that name can reach, up to [`MOST_NOTES`] and the number of others.
fn impossible(header: &Header, rows: &[Row]) -> Vec<String> {
    let line = |row: &Row| {
        let excess = published_excess(header, row).filter(Excess::is_impossible)?;
        Some(format!(
            "implausible: {} at {}; it is imported, but counts in no ratio and no score",
            row.case,
            excess.words()
        ))
    };
    let mut lines: Vec<String> = rows.iter().filter_map(line).collect();
    let more = lines.len().saturating_sub(MOST_NOTES);
    lines.truncate(MOST_NOTES);
    if more > 0 {
        lines.push(format!("implausible: {more} more rows"));
    }
    lines
}

fn is_case(row: &Row) -> bool {
    row.case.parse::<Case>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_without_a_number_are_told_by_reason_and_not_one_by_one() {
        let of = |name: &str, reason: &str| LeftOut { name: name.into(), reason: reason.into() };
        let mut left_out: Vec<LeftOut> = (0..57).map(|at| of(&format!("op{at}"), "not supported")).collect();
        left_out.extend([of("copy", "0 gbps"), of("a", "skipped"), of("a", "skipped")]);
        assert_eq!(
            summary(&left_out),
            ["57 cases: not supported (op0, op1, op2, …)", "copy: 0 gbps", "2 cases: skipped (a)"]
        );
        let many: Vec<LeftOut> = (0..25).map(|at| of("x", &format!("reason {at}"))).collect();
        let lines = summary(&many);
        assert_eq!((lines.len(), lines[20].as_str()), (21, "5 more cases, for 5 other reasons"));
    }
}
