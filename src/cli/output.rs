//! Output of commands: data to stdout, messages to stderr, charts to files.

use crate::error::{Error, Result};
use std::io::{self, Write};

/// Prints a message to stderr. A closed pipe is not an error.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints data to stdout. A closed pipe is not an error: its reader has what it wants.
///
/// # Errors
/// Fails if stdout takes no more, e.g. if it is redirected to a disk that is full.
pub(super) fn print(text: &str) -> Result<()> {
    printed(io::stdout().write_all(text.as_bytes()))
}

/// Returns the error of what was written to stdout, if any, and of what is still to be flushed.
///
/// # Errors
/// As [`print`].
pub(super) fn printed(written: io::Result<()>) -> Result<()> {
    match written.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

/// Prints what the parser of the command line says: help and version to stdout, errors to stderr.
///
/// # Errors
/// As [`print`].
pub fn print_help(error: &clap::Error) -> Result<()> {
    let written = error.print();
    if error.use_stderr() { Ok(()) } else { printed(written) }
}

/// Writes a chart to a file and prints its path.
pub(super) fn write_figure(path: &std::path::Path, svg: &str) -> Result<()> {
    portamark_results::replace_file(path, |file| file.write_all(svg.as_bytes()))?;
    note(&format!("wrote {}", path.display()));
    Ok(())
}

/// Formats names for a sentence: "`a`, `b`".
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
