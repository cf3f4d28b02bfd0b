//! `portamark portability`: fraction of the achievable performance reached across a set of devices.

use super::output::print;
use super::results::{choose_devices, load_files};
use crate::error::{Error, Result};
use portamark_analysis::{Comparison, Efficiency, Study, StudyOptions, score_table};
use portamark_kernels::EmbeddedTexts;
use portamark_model::text_file::read_text;
use portamark_report as report;
use portamark_stats::Bootstrap;
use std::path::{Path, PathBuf};

/// Maximum number of kernel sources rendered to compute the code convergence.
const MOST_TEXTS: usize = 10_000;

/// Scores performance portability across devices, from result files alone.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Result files or folders of result files.
    #[arg(required_unless_present = "table", value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// Score a table of other programs instead: a CSV file with the columns application, platform, fom or
    /// efficiency (as a share of 1, or `efficiency (%)`), and optionally problem.
    #[arg(long, value_name = "CSV", conflicts_with_all = ["results", "efficiency", "seed", "resamples"])]
    table: Option<PathBuf>,
    /// State whether smaller or larger figures of merit are better.
    #[arg(long, value_enum, default_value_t = Better::Lower, requires = "table")]
    better: Better,
    /// Select devices: numbers from 0 in the order of the files, or parts of their names [default: all].
    #[arg(short, long, value_name = "DEVICE,..", value_delimiter = ',')]
    devices: Vec<String>,
    /// Choose the reference of an efficiency.
    #[arg(long, value_enum, default_value_t = Kind::Architectural)]
    efficiency: Kind,
    /// Choose the output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Set the seed of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Set the number of bootstrap resamples per interval; 0 omits intervals.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    resamples: usize,
}

/// Reference of an efficiency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The best known time of the case on the same chip.
    Application,
    /// The measured roof of the device.
    Architectural,
    /// The published peak and memory bandwidth.
    Published,
}

/// Direction of figures of merit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Better {
    /// Smaller is better: times.
    Lower,
    /// Larger is better: rates.
    Higher,
}

/// Output format of scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for the terminal.
    Table,
    /// Markdown.
    Md,
    /// JSON.
    Json,
}

/// Runs the command.
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
    print(&match arguments.format {
        Format::Table => report::portability_table(&study),
        Format::Md => report::portability_markdown(&study),
        Format::Json => serde_json::to_string_pretty(&study).expect("a study is plain data") + "\n",
    })
}

/// Prints the scores of the CSV table in `path`.
fn table(path: &Path, arguments: &Arguments) -> Result<()> {
    let better = match arguments.better {
        Better::Lower => portamark_stats::Better::Lower,
        Better::Higher => portamark_stats::Better::Higher,
    };
    let text = read_text(path)?;
    let scores =
        score_table(&text, better, &arguments.devices).map_err(|message| Error::input(path, message))?;
    print(&match arguments.format {
        Format::Table => report::score_lines(&scores),
        Format::Md => format!("```text\n{}```\n", report::score_lines(&scores)),
        Format::Json => serde_json::to_string_pretty(&scores).expect("scores are plain data") + "\n",
    })
}
