//! Output of commands: data to stdout, messages to stderr, charts to files.

/// Prints a message to stderr. A closed pipe is not an error.
pub(super) fn note(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints data to stdout. A closed pipe is not an error.
pub(super) fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a chart to a file and prints its path.
pub(super) fn write_figure(path: &std::path::Path, svg: &str) -> crate::error::Result<()> {
    use std::io::Write;
    portamark_results::replace_file(path, |file| file.write_all(svg.as_bytes()))?;
    note(&format!("wrote {}", path.display()));
    Ok(())
}

/// Formats names for a sentence: "`a`, `b`".
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
