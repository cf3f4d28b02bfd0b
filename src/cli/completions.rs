//! `portamark completions`: shell completion of commands and options.

use super::output::print;
use crate::error::Result;
use clap_complete::Shell;

/// Prints a completion script for a shell to load.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Shell to print the script for.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the completion script of `command`.
pub fn run(arguments: &Arguments, mut command: clap::Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "portamark", &mut script);
    print(&String::from_utf8_lossy(&script))
}
