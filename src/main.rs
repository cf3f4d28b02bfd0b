//! The program: parses the command line, runs the command, prints an error, exits.

mod cli;
mod error;

use clap::Parser;
use error::Exit;
use portamark_model::plain_text::printable;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::survive_the_limit_of_file_sizes();
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return ended(cli::print_help(&error).map(|()| code));
        }
    };
    ended(cli::run(arguments).map(|()| Exit::Done))
}

/// Prints the error, if there is one, and returns the exit code.
fn ended(end: error::Result<Exit>) -> ExitCode {
    match end {
        Ok(code) => ExitCode::from(code as u8),
        Err(error) => {
            let hint = error.hint().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
            say(&format!("error: {error}\n{hint}"));
            ExitCode::from(error.exit() as u8)
        }
    }
}

/// Prints `text` to stderr, without what a terminal would interpret. A reader that went away is not worth a panic;
/// the exit code still tells.
fn say(text: &str) {
    let _ = write!(std::io::stderr(), "{}", printable(text));
}
