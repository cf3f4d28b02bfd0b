//! The subcommands and what they have in common on the outside.

use super::{
    catalog, compare, completions, cost, count, devices, doctor, executor, executor_check, export, history,
    import, man, portability, project, report, run as run_command, serve, tune, verify,
};
use crate::error::Result;
use clap::{CommandFactory, Parser, Subcommand};

/// Verified matrix and attention kernels on every accelerator, with honest error bars.
#[derive(Debug, Parser)]
#[command(
    name = "portamark",
    version,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 done; 1 a gate failed (a wrong or failed case, or --fail-on); 2 wrong usage or unreadable input; \
3 no usable device; 4 interrupted, what was measured is saved and --resume continues."
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the devices that can be measured here.
    Devices(devices::Arguments),
    /// Explain why no device, or only a software device, is found, and what to do.
    Doctor(doctor::Arguments),
    /// Measure a suite on devices and record it.
    Run(Box<run_command::Command>),
    /// Measure a suite in the browser that opens the page.
    Serve(Box<serve::Arguments>),
    /// Find the fastest variant of each case on a device, for `run` to use.
    Tune(Box<tune::Arguments>),
    /// Check every kernel variant against the oracle; time nothing.
    Verify(Box<verify::Arguments>),
    /// Compare two sets of results, case by case.
    Compare(compare::Arguments),
    /// Show one case over all runs of a device, and when its time changed.
    History(history::Arguments),
    /// Draw report.html and report.md from result files.
    Report(report::Arguments),
    /// Score performance portability over devices, from result files.
    Portability(portability::Arguments),
    /// Project a model's time from measured rows, or predict it for hardware that is not at hand.
    Project(project::Arguments),
    /// Tell what decoding costs by model, context and hardware, from published peaks and prices.
    Cost(cost::Arguments),
    /// Count the work of a case as portamark and as other programs do.
    Count(count::Arguments),
    /// Read results of other programs, to be shown beside those of portamark.
    Import(import::Arguments),
    /// Write rows as a flat table: CSV, JSON lines or Parquet.
    Export(export::Arguments),
    /// Show published figures of accelerators with their sources.
    Catalog(catalog::Arguments),
    /// Check that an executor keeps the protocol, whoever wrote it.
    ExecutorCheck(executor_check::Arguments),
    /// Print completions for a shell.
    Completions(completions::Arguments),
    /// Print a manual page.
    Man(man::Arguments),
    /// Serve the executor protocol on stdin and stdout.
    #[command(hide = true, subcommand)]
    Executor(executor::Kind),
}

/// Runs the command that was asked for.
pub fn run(arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Devices(arguments) => devices::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Run(arguments) => run_command::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Tune(arguments) => tune::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::History(arguments) => history::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Portability(arguments) => portability::run(&arguments),
        Command::Project(arguments) => project::run(&arguments),
        Command::Cost(arguments) => cost::run(&arguments),
        Command::Count(arguments) => count::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Catalog(arguments) => catalog::run(&arguments),
        Command::ExecutorCheck(arguments) => executor_check::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::Executor(kind) => executor::run(&kind),
    }
}

/// The command line without its hidden commands, which generators would show.
pub(super) fn visible() -> clap::Command {
    let whole = Arguments::command();
    clap::Command::new("portamark")
        .version(env!("CARGO_PKG_VERSION"))
        .about(whole.get_about().cloned().unwrap_or_default())
        .after_help(whole.get_after_help().cloned().unwrap_or_default())
        .subcommand_required(true)
        .subcommands(whole.get_subcommands().filter(|command| !command.is_hide_set()))
}

/// Says something on stderr. A reader that went away is not an error.
pub(super) fn note(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints data to stdout. A reader that went away is not an error.
pub(super) fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
