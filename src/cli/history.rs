//! `portamark history`: one case across all runs of a device.

use super::compare::{find_case, parse_share};
use super::output::print;
use super::results::load_files;
use crate::error::{Error, Result};
use portamark_analysis::{VerdictRule, histories};
use portamark_report::{history_json, history_table};
use portamark_stats::ChangePointRule;
use std::path::PathBuf;

/// Output format of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One line per run.
    Table,
    /// One JSON document.
    Json,
}

/// Shows one case across all runs of a device, and when its time changed.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Key of the case, or a part of it that no other key has.
    case: String,
    /// Result files or folders of result files.
    #[arg(long = "in", value_name = "DIR", default_value = "results/local")]
    within: Vec<PathBuf>,
    /// Select devices whose name contains this.
    #[arg(short, long, value_name = "DEVICE")]
    device: Option<String>,
    /// Ignore changes smaller than this.
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value = "2%")]
    margin: f64,
    /// Report changes with a p-value below this.
    #[arg(long, value_name = "P", value_parser = parse_share, default_value = "0.001")]
    max_p: f64,
    /// Choose the output format.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut files = load_files(&arguments.within)?;
    if let Some(device) = &arguments.device {
        let part = device.to_lowercase();
        files.retain(|file| file.header.device.id.to_lowercase().contains(&part));
    }
    let keys = files.iter().flat_map(|file| &file.rows).map(|row| row.case.clone());
    let case = find_case(&arguments.case, keys)?;
    let rule = ChangePointRule {
        max_p: arguments.max_p,
        least_change: arguments.margin.ln_1p(),
        assumed_spread: Some(VerdictRule::seeded(0).run_spread),
        ..ChangePointRule::default()
    };
    let series = histories(&files, &case, &rule);
    if series.is_empty() {
        return Err(Error::usage_hint(
            format!("no run has a time for {case}"),
            "`portamark report` shows the reasons given in its rows",
        ));
    }
    print(&match arguments.format {
        Format::Table => history_table(&case, &series),
        Format::Json => history_json(&case, &series),
    })
}
