//! The subcommands, and how each of them is run.

use super::{
    catalog, compare, completions, cost, count, devices, doctor, executor, executor_check, export, history,
    import, inspect, man, portability, project, report, run as run_command, serve, tune, verify,
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
Exit codes: 0 done; 1 a gate failed (a wrong or failed case, or --fail-on); 2 wrong usage, unreadable input, or output that cannot be written; \
3 no usable device; 4 interrupted; finished rows are saved, continue with --resume."
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the devices of this machine.
    Devices(devices::Arguments),
    /// Explain why no GPU was found and what to do about it.
    Doctor(doctor::Arguments),
    /// Measure a suite on one or more devices and record the results.
    Run(Box<run_command::Command>),
    /// Measure a suite in the browser that opens the page.
    ///
    /// Prints the address of the page and waits. The first browser that opens it is measured; it may reload
    /// the page. Keep its tab in the foreground. A phone or another machine reaches the
    /// page through a tunnel, e.g. `--port 8000` with `adb reverse tcp:8000 tcp:8000` or
    /// `ssh -L 8000:127.0.0.1:8000`. The flags are those of `run`; this is `run -d browser`.
    Serve(Box<serve::Arguments>),
    /// Find the fastest variant of each case on a device, for `run` to use.
    Tune(Box<tune::Arguments>),
    /// Verify every kernel variant against the oracle, without timing.
    Verify(Box<verify::Arguments>),
    /// Show what GPU compilers make of the kernels, also for GPUs that are not here.
    Inspect(Box<inspect::Arguments>),
    /// Compare two sets of results, case by case.
    Compare(compare::Arguments),
    /// Show one case across all runs of a device, and when its time changed.
    History(history::Arguments),
    /// Write report.html and report.md from result files.
    Report(report::Arguments),
    /// Score performance portability across devices, from result files.
    Portability(portability::Arguments),
    /// Project a model's speed from measured rows, or predict it for hardware you don't have.
    Project(project::Arguments),
    /// Estimate the cost of decoding by model, context and hardware, from published peaks and prices.
    Cost(cost::Arguments),
    /// Count the work of a case as portamark and as other programs do.
    Count(count::Arguments),
    /// Import results of other programs, to show them beside those of portamark.
    Import(import::Arguments),
    /// Export rows as a flat table: CSV, JSON lines or Parquet.
    Export(export::Arguments),
    /// Show published figures of accelerators with their sources.
    Catalog(catalog::Arguments),
    /// Test whether an executor conforms to the protocol.
    ExecutorCheck(executor_check::Arguments),
    /// Print a completion script for a shell.
    Completions(completions::Arguments),
    /// Print a manual page.
    Man(man::Arguments),
    /// Serve the executor protocol on stdin and stdout.
    #[command(hide = true, subcommand)]
    Executor(executor::Kind),
}

/// Runs the chosen subcommand.
pub fn run(arguments: Arguments) -> Result<()> {
    #[cfg(unix)]
    if let Ok(program) = std::env::current_exe() {
        portamark_executors::guarded_by(program);
    }
    match arguments.command {
        Command::Devices(arguments) => devices::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Run(arguments) => run_command::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Tune(arguments) => tune::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
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
        Command::Completions(arguments) => completions::run(&arguments, visible()),
        Command::Man(arguments) => man::run(&arguments, visible()),
        Command::Executor(kind) => executor::run(&kind),
    }
}

/// Returns the command line without its hidden commands, which generators of documentation would show.
fn visible() -> clap::Command {
    let whole = Arguments::command();
    clap::Command::new("portamark")
        .version(env!("CARGO_PKG_VERSION"))
        .about(whole.get_about().cloned().unwrap_or_default())
        .after_help(whole.get_after_help().cloned().unwrap_or_default())
        .subcommand_required(true)
        .subcommands(whole.get_subcommands().filter(|command| !command.is_hide_set()))
}
