//! Instructions with the hot loop marked.

use portamark_inspect::HotLoop;
use std::fmt::Write;

/// Returns the lines of `text`, those of the hot loop marked with `>`.
pub fn marked_listing(text: &str, hot: Option<&HotLoop>) -> String {
    let mut out = String::with_capacity(text.len() + 2 * text.lines().count());
    for (number, line) in text.lines().enumerate() {
        let inside =
            hot.is_some_and(|hot| hot.lines.iter().any(|(from, to)| (*from..=*to).contains(&number)));
        let _ = writeln!(out, "{} {}", if inside { '>' } else { ' ' }, line.trim_end());
    }
    out
}
