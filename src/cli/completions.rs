//! `portamark completions`: what a shell needs to complete commands and options.

use super::command::visible;
use crate::error::Result;
use clap_complete::Shell;

/// Prints a completion script, to be loaded by the shell.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The shell to write for.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut visible(), "portamark", &mut script);
    super::print(&String::from_utf8_lossy(&script));
    Ok(())
}
