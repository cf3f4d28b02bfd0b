//! Parse, run, say what went wrong, exit.

use clap::Parser;
use portamark::error::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match portamark::cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return ExitCode::from(code as u8);
        }
    };
    match portamark::cli::run(arguments) {
        Ok(()) => ExitCode::from(Exit::Done as u8),
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(error.exit() as u8)
        }
    }
}
