//! `portamark serve`: measures a suite in a browser.

use super::run as run_command;
use crate::error::Result;
use clap::{ArgMatches, FromArgMatches};

/// Measures a suite in the browser that opens the page; the options are those of `run`.
#[derive(Debug, Clone)]
pub struct Arguments {
    command: run_command::Command,
}

/// Options of `run`, with `browser` as the default device.
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

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    run_command::run(&arguments.command.in_the_browser())
}
