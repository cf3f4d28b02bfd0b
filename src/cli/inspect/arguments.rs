//! Flags of `inspect`.

use super::super::values::parse_time;
use std::path::PathBuf;
use std::time::Duration;

/// Compiles kernels for GPUs that are here or not, and shows registers, spills, occupancy and what they can issue.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Suite (quick, standard, full, a TOML file), or the key of one case.
    #[arg(default_value = "quick", value_name = "SUITE|CASE")]
    pub(super) suite: String,
    /// Compile for these chips, e.g. `navi31,rx-9070-xt,ampere,apple-m1,adreno-750`; `all` is the default, `list` shows
    /// them.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(super) target: Vec<String>,
    /// Compile for a device of this machine, named as for `run`. Can be repeated.
    #[arg(short, long, value_name = "DEVICE")]
    pub(super) device: Vec<String>,
    /// Select the cases whose key matches: text, a glob with `*`, or a regular expression `/…/`.
    #[arg(short = 'k', long, value_name = "PATTERN")]
    pub(super) filter: Vec<String>,
    /// Compile the first variant whose name and knobs contain this text [default: the one that `run` takes].
    #[arg(long, value_name = "TEXT")]
    pub(super) variant: Option<String>,
    /// Compile all variants that tuning tries.
    #[arg(long, conflicts_with = "variant")]
    pub(super) space: bool,
    /// Print the instructions of one variant of one case on one chip; lines of the hot loop begin with `>`.
    #[arg(long, conflicts_with_all = ["space", "diff", "format"])]
    pub(super) asm: bool,
    /// Put two variants of one case, or two chips, side by side.
    #[arg(long, num_args = 2, value_names = ["LEFT", "RIGHT"], conflicts_with_all = ["space", "variant", "format"])]
    pub(super) diff: Vec<String>,
    /// Choose the form of the output.
    #[arg(long, value_enum, default_value_t = Form::Table)]
    pub(super) format: Form,
    /// Also write a page with all kernels by chip, for a browser.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["asm", "diff"])]
    pub(super) report: Option<PathBuf>,
    /// Write to this file instead of stdout.
    #[arg(short, long, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
    /// Read kernel sources from this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub(super) kernels: Option<PathBuf>,
    /// Set the timeout of one compilation.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    pub(super) timeout: Duration,
    /// Compile everything again, and keep nothing.
    #[arg(long)]
    pub(super) anew: bool,
}

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Table for a terminal.
    Table,
    /// Markdown.
    Md,
    /// JSON with everything that is known.
    Json,
    /// Comma-separated values, a line for each dispatch.
    Csv,
}
