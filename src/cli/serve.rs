//! `portamark serve`: measure a suite in a browser.

use super::run as run_command;
use crate::error::Result;
use clap::{ArgMatches, FromArgMatches};

/// Measures a suite in the browser that opens the page: prints its address and waits.
///
/// The flags are those of `run`, and `serve` is `run -d browser`. The address opens once: the browser that
/// opens it first is the one that is measured, and it may load the page anew. Keep its tab in front. A
/// phone or another machine reaches the page through a tunnel, e.g. `adb reverse tcp:8000 tcp:8000` or
/// `ssh -L 8000:127.0.0.1:8000` with `--port 8000`.
#[derive(Debug, Clone)]
pub struct Arguments {
    command: run_command::Command,
}

/// The flags of `run` with another device where none is given.
impl clap::Args for Arguments {
    fn augment_args(command: clap::Command) -> clap::Command {
        run_command::Command::augment_args(command).mut_arg("device", |arg| arg.default_value("browser"))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Arguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Arguments { command: run_command::Command::from_arg_matches(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.command.update_from_arg_matches(matches)
    }
}

/// Measures what the arguments say.
pub fn run(arguments: &Arguments) -> Result<()> {
    run_command::run(&arguments.command.in_the_browser())
}
