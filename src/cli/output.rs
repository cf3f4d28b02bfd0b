//! Output of commands: data to stdout, messages to stderr, charts to files. All text passes
//! [`printable`]: names and reasons come from files, executors and pages, and a terminal would interpret what is
//! in them.

use crate::error::{Error, Result};
use portamark_model::plain_text::printable;
use std::borrow::Cow;
use std::io::{self, Write};

/// Prints a message to stderr. A closed pipe is not an error.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", printable(text));
}

/// Prints data to stdout. A closed pipe is not an error: its reader has what it wants.
///
/// # Errors
/// Fails if stdout takes no more, e.g. if it is redirected to a disk that is full, or was closed at the start.
pub(super) fn print(text: &str) -> Result<()> {
    printed(io::stdout().write_all(printable(text).as_bytes()))
}

/// Returns the error of what was written to stdout, if any, and of what is still to be flushed.
///
/// # Errors
/// As [`print()`].
pub(super) fn printed(written: io::Result<()>) -> Result<()> {
    #[cfg(unix)]
    if let Some(error) = super::closed_stdout::error() {
        return Err(Error::Output(error));
    }
    match written.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

/// Prints what the parser of the command line says: help and version to stdout, errors to stderr.
///
/// # Errors
/// As [`print()`].
pub fn print_help(error: &clap::Error) -> Result<()> {
    // The help has colors, which only a text that acts in no other way may keep.
    let plain = error.render().to_string();
    let written = if matches!(printable(&plain), Cow::Owned(_)) {
        let text = printable(&plain);
        if error.use_stderr() {
            io::stderr().write_all(text.as_bytes())
        } else {
            io::stdout().write_all(text.as_bytes())
        }
    } else {
        error.print()
    };
    if error.use_stderr() { Ok(()) } else { printed(written) }
}

/// Writes a chart to a file and prints its path.
pub(super) fn write_figure(path: &std::path::Path, svg: &str) -> Result<()> {
    portamark_results::replace_file(path, |file| file.write_all(printable(svg).as_bytes()))?;
    note(&format!("wrote {}", path.display()));
    Ok(())
}

/// Formats names for a sentence: "`a`, `b`".
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
