//! `portamark portability`: how much of the possible the kernels reach across a set of devices.

use super::results::{choose_devices, load_files};
use crate::error::{Error, Result};
use portamark_analysis::{Comparison, Efficiency, Study, StudyOptions, score_table};
use portamark_kernels::EmbeddedTexts;
use portamark_report as report;
use portamark_stats::Bootstrap;
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
    let runs = load_files(&arguments.results)?;
    let comparison = Comparison::new(&runs);
    let efficiency = match arguments.efficiency {
        Kind::Application => Efficiency::Application,
        Kind::Architectural => Efficiency::Architectural,
        Kind::Published => Efficiency::Published,
    };
    let mut options = StudyOptions::of_all(&comparison, efficiency);
    if !arguments.devices.is_empty() {
        options.devices = choose_devices(&comparison, &arguments.devices)?;
    }
    let bootstrap = Bootstrap { resamples: arguments.resamples, ..Bootstrap::seeded(arguments.seed) };
    options.bootstrap = (arguments.resamples > 0).then_some(bootstrap);
    options.most_texts = MOST_TEXTS;
    let study = Study::new(&comparison, &options, &EmbeddedTexts);
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
        Better::Lower => portamark_stats::Better::Lower,
        Better::Higher => portamark_stats::Better::Higher,
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
