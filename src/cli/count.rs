//! `portamark count`: FLOP and bytes of a case by different counting conventions.

use super::output::print;
use super::values::{parse_rate, parse_time};
use crate::error::{Error, Result};
use portamark_model::workload::{Case, Convention, Counted};
use portamark_report as report;
use std::time::Duration;

/// Counts FLOP and bytes of a case as portamark and as other programs do.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Key of the case, e.g. "gemm f16.f32 m4096 n7168 k16384 nt".
    case: String,
    /// Count by this convention only. Can be repeated.
    #[arg(long, value_name = "NAME", value_parser = parse_convention)]
    convention: Vec<Convention>,
    /// Show the rates for this time of one execution, e.g. 674.7us.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    time: Option<Duration>,
    /// Show the time of one execution for this rate, e.g. 1426T.
    #[arg(long, value_name = "RATE", value_parser = parse_rate, conflicts_with = "time")]
    rate: Option<f64>,
    /// Set the convention by which --rate counts.
    #[arg(long, value_name = "NAME", value_parser = parse_convention, default_value = "portamark", requires = "rate")]
    from: Convention,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Returns the convention called `name`.
fn parse_convention(name: &str) -> std::result::Result<Convention, String> {
    let found = Convention::ALL.into_iter().find(|convention| convention.name() == name.to_lowercase());
    let all = Convention::ALL.map(Convention::name).join(", ");
    found.ok_or(format!("there is no convention `{name}`; there are {all}"))
}

/// Output of `--json`.
#[derive(serde::Serialize)]
struct Answer {
    case: String,
    /// Routing of the tokens to experts, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    routing: Option<String>,
    seconds: Option<f64>,
    counts: Vec<Counted>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    let case: Case = arguments.case.parse().map_err(|error| Error::usage(format!("{error}")))?;
    let none = |convention: Convention| {
        Error::usage(format!("{} has no rule for `{}`", convention.name(), case.key()))
    };
    let counts: Vec<Counted> = if arguments.convention.is_empty() {
        Convention::ALL.iter().filter_map(|convention| convention.count(&case)).collect()
    } else {
        let all = arguments.convention.iter();
        all.map(|c| c.count(&case).ok_or_else(|| none(*c))).collect::<Result<_>>()?
    };
    let seconds = match (arguments.time, arguments.rate) {
        (Some(time), _) => Some(time.as_secs_f64()),
        (None, Some(rate)) => {
            let counted = arguments.from.count(&case).ok_or_else(|| none(arguments.from))?;
            Some(counted.flop as f64 / rate)
        }
        (None, None) => None,
    };
    print(&if arguments.json {
        let answer = Answer { case: case.key(), routing: case.routing(), seconds, counts };
        serde_json::to_string_pretty(&answer).expect("counts are plain data") + "\n"
    } else {
        report::count_table(&case, &counts, seconds)
    })
}
