//! `portamark man`: manual pages, generated from the same text as `--help`.

use super::output::print;
use crate::error::{Error, Result};
use clap_mangen::Man;

/// Prints the manual page of portamark or of one of its commands, in roff.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Print the page of this command.
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// Prints the manual page of `command` or of one of its subcommands.
pub fn run(arguments: &Arguments, command: clap::Command) -> Result<()> {
    print(&page(arguments.command.as_deref(), command)?)
}

fn page(name: Option<&str>, command: clap::Command) -> Result<String> {
    // `help` has no page of its own.
    let mut command = command.disable_help_subcommand(true);
    // Gives each subcommand its full name, e.g. portamark-run.
    command.build();
    if let Some(name) = name {
        let names: Vec<_> = command.get_subcommands().map(|found| found.get_name().to_string()).collect();
        command = command.find_subcommand(name).cloned().ok_or_else(|| {
            let message = format!("there is no command `{name}`");
            Error::usage_hint(message, format!("there are {}", names.join(", ")))
        })?;
    }
    let mut page = Vec::new();
    Man::new(command).render(&mut page).expect("writing to memory does not fail");
    Ok(String::from_utf8_lossy(&page).into_owned())
}
