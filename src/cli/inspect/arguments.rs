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
    /// Ask this external executor instead of the built-in ones.
    #[arg(long, value_name = "COMMAND", conflicts_with = "target")]
    pub(super) executor: Option<String>,
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
    /// Compile this SPIR-V of another program instead of portamark's kernels. Can be repeated.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["space", "variant", "diff", "asm", "filter", "kernels"])]
    pub(super) spirv: Vec<PathBuf>,
    /// Name the entry point of that SPIR-V.
    #[arg(long, value_name = "NAME", default_value = "main", requires = "spirv")]
    pub(super) entry: String,
    /// Set specialisation constants of that SPIR-V, e.g. 0=128,1=64.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = constant, requires = "spirv")]
    pub(super) spec: Vec<(u32, u32)>,
    /// Require this subgroup size, with full subgroups, for that SPIR-V [default: the driver's choice].
    #[arg(long, value_name = "N", requires = "spirv")]
    pub(super) subgroup_size: Option<u32>,
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

/// Parses `ID=VALUE`; the value may be hexadecimal.
fn constant(text: &str) -> Result<(u32, u32), String> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let parsed =
        text.split_once('=').and_then(|(id, value)| Some((number(id.trim())?, number(value.trim())?)));
    parsed.ok_or_else(|| "expected ID=VALUE, two numbers of 32 bits".into())
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
