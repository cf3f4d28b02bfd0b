//! The command line: one file for each subcommand. Parsed flags are not resolved options.

mod executor;

use crate::error::Result;
use clap::{Parser, Subcommand};

/// Verified matrix and attention kernels on every accelerator, with honest error bars.
#[derive(Debug, Parser)]
#[command(name = "portamark", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the executor protocol on stdin and stdout.
    #[command(hide = true, subcommand)]
    Executor(executor::Kind),
}

/// Runs the command that was asked for.
pub fn run(arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Executor(kind) => executor::run(&kind),
    }
}
