//! `portamark portability`: how much of the possible the kernels reach across a set of devices.

use crate::analysis::{Comparison, Efficiency, Study, StudyOptions, score_table};
use crate::error::{Error, Result};
use crate::record;
use crate::report;
use crate::stats::Bootstrap;
use std::path::{Path, PathBuf};

/// Kernel texts that are rendered for the convergence at most.
const MOST_TEXTS: usize = 10_000;

/// Scores performance portability over devices, from result files alone.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Result files, or folders of them.
    #[arg(required_unless_present = "table", value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// Score a table of other programs instead: a CSV file with the columns application, platform, fom or
    /// efficiency, and perhaps problem.
    #[arg(long, value_name = "CSV", conflicts_with_all = ["results", "efficiency", "seed", "resamples"])]
    table: Option<PathBuf>,
    /// Which figures of merit of the table are better.
    #[arg(long, value_enum, default_value_t = Better::Lower, requires = "table")]
    better: Better,
    /// The devices to score over: numbers from 0 in the order of the files, or parts of their names [default: all].
    #[arg(short, long, value_name = "DEVICE,..", value_delimiter = ',')]
    devices: Vec<String>,
    /// What an efficiency is a part of.
    #[arg(long, value_enum, default_value_t = Kind::Architectural)]
    efficiency: Kind,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Seed of the intervals.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Resamples of each interval; 0 leaves intervals out.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    resamples: usize,
}

/// What an efficiency is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The best time known of the case on the same chip.
    Application,
    /// The roof that the device was measured to have.
    Architectural,
    /// The published peak and bandwidth.
    Published,
}

/// Which figures of merit are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Better {
    /// Smaller ones: times.
    Lower,
    /// Larger ones: rates.
    Higher,
}

/// Forms of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal.
    Table,
    /// Markdown.
    Md,
    /// JSON.
    Json,
}

/// Prints the scores.
pub fn run(arguments: &Arguments) -> Result<()> {
    if let Some(path) = &arguments.table {
        return table(path, arguments);
    }
    let runs = record::load_all(&arguments.results)?;
    for run in &runs {
        for problem in &run.problems {
            super::note(&format!("note: {}: {problem}", run.path.display()));
        }
    }
    let comparison = Comparison::new(&runs);
    let efficiency = match arguments.efficiency {
        Kind::Application => Efficiency::Application,
        Kind::Architectural => Efficiency::Architectural,
        Kind::Published => Efficiency::Published,
    };
    let mut options = StudyOptions::of_all(&comparison, efficiency);
    if !arguments.devices.is_empty() {
        options.devices = choose(&comparison, &arguments.devices)?;
    }
    let bootstrap = Bootstrap { resamples: arguments.resamples, ..Bootstrap::seeded(arguments.seed) };
    options.bootstrap = (arguments.resamples > 0).then_some(bootstrap);
    options.most_texts = MOST_TEXTS;
    let study = Study::new(&comparison, &options);
    super::print(&match arguments.format {
        Format::Table => report::portability_table(&study),
        Format::Md => report::portability_markdown(&study),
        Format::Json => serde_json::to_string_pretty(&study).expect("a study is plain data") + "\n",
    });
    Ok(())
}

/// Prints the scores of the table in `path`.
fn table(path: &Path, arguments: &Arguments) -> Result<()> {
    let better = match arguments.better {
        Better::Lower => crate::stats::Better::Lower,
        Better::Higher => crate::stats::Better::Higher,
    };
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    let scores =
        score_table(&text, better, &arguments.devices).map_err(|message| Error::input(path, message))?;
    super::print(&match arguments.format {
        Format::Table => report::score_lines(&scores),
        Format::Md => format!("```text\n{}```\n", report::score_lines(&scores)),
        Format::Json => serde_json::to_string_pretty(&scores).expect("scores are plain data") + "\n",
    });
    Ok(())
}

/// The devices that `wanted` names, in that order.
fn choose(comparison: &Comparison, wanted: &[String]) -> Result<Vec<usize>> {
    let label = |index: usize| comparison.devices[index].label.clone();
    let all = || (0..comparison.devices.len()).map(label).collect::<Vec<_>>().join("; ");
    let mut chosen: Vec<usize> = Vec::new();
    for want in wanted {
        let part = want.to_lowercase();
        let has = |index: &usize| {
            let device = &comparison.devices[*index];
            [&device.label, &device.header.device.id].iter().any(|text| text.to_lowercase().contains(&part))
        };
        let found: Vec<usize> = match want.parse::<usize>() {
            Ok(index) if index < comparison.devices.len() => vec![index],
            _ if part.is_empty() => Vec::new(),
            _ => (0..comparison.devices.len()).filter(has).collect(),
        };
        match found[..] {
            [] => {
                let hint = format!("the files have {}", all());
                return Err(Error::usage_hint(format!("no device of these files matches `{want}`"), hint));
            }
            [one] if chosen.contains(&one) => {
                return Err(Error::usage(format!("`{want}` names {} a second time", label(one))));
            }
            [one] => chosen.push(one),
            _ => {
                let matches: Vec<String> = found.iter().map(|index| label(*index)).collect();
                return Err(Error::usage_hint(
                    format!("`{want}` matches {} devices: {}", found.len(), matches.join("; ")),
                    "give more of the name, or its number from 0 in the order of the files",
                ));
            }
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture;

    fn chosen(wanted: &[&str]) -> std::result::Result<Vec<usize>, String> {
        let runs = fixture::three_devices();
        let wanted: Vec<String> = wanted.iter().map(|text| text.to_string()).collect();
        choose(&Comparison::new(&runs), &wanted).map_err(|error| error.to_string())
    }

    #[test]
    fn devices_are_named_by_number_or_part_and_keep_the_order_given() {
        assert_eq!(chosen(&["mesa 22", "0"]), Ok(vec![1, 0]));
        assert_eq!(chosen(&["H100", "25.0"]), Ok(vec![0, 2]));
    }

    #[test]
    fn what_matches_none_several_or_twice_is_an_error_that_lists_them() {
        assert!(chosen(&["mi300"]).unwrap_err().contains("`mi300`"));
        assert!(chosen(&["llvmpipe"]).unwrap_err().contains("2 devices: llvmpipe"));
        assert!(chosen(&["0", "h100"]).unwrap_err().contains("second time"));
        assert!(chosen(&[""]).is_err() && chosen(&["99"]).is_err());
    }
}
