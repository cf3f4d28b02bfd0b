//! Marks behind the lines of a kernel source, which survive the rendering of its template.

use portamark_model::kernel_text::SourceLine;
use std::collections::BTreeSet;

/// Characters before and after the file name and line number of a mark: private-use Unicode.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// Returns `text` with a mark after the last WGSL of each line that has any; `name` is the file name.
pub(super) fn mark(name: &str, text: &str) -> String {
    let mut out = String::with_capacity(2 * text.len());
    // Closing delimiter of the template tag in which a line begins.
    let mut inside: Option<&str> = None;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let (end, open) = last_code(line, inside);
        inside = open;
        match end.filter(|_| !line.trim_start().starts_with("//")) {
            Some(end) => {
                out += &line[..end];
                out += &format!("{OPEN}{name}:{}{CLOSE}", number + 1);
                out += &line[end..];
            }
            None => out += line,
        }
    }
    out
}

/// Characters of which a line needs at least one to count as code. Macros whose result other templates
/// compare give a bare word or number, which a mark would change.
const PUNCTUATION: &[char] =
    &['(', ')', '{', '}', '[', ']', ';', ',', '=', '<', '>', '@', ':', '+', '*', '/', '&', '|', '!'];

/// Returns the end of the last character of `line` that is neither in a template tag nor white space, or
/// `None` if the line has no code; and the closing delimiter of the tag in which the next line begins.
fn last_code<'t>(line: &str, mut inside: Option<&'t str>) -> (Option<usize>, Option<&'t str>) {
    let (mut end, mut at, mut is_code) = (None, 0, false);
    loop {
        let rest = &line[at..];
        if let Some(close) = inside {
            let Some(found) = rest.find(close) else { return (end.filter(|_| is_code), inside) };
            at += found + close.len();
            inside = None;
            continue;
        }
        let tags = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];
        let first = tags.iter().filter_map(|(open, close)| Some((rest.find(open)?, *close))).min();
        let code = &rest[..first.map_or(rest.len(), |(found, _)| found)];
        if !code.trim().is_empty() {
            end = Some(at + code.trim_end().len());
            is_code |= code.contains(PUNCTUATION);
        }
        let Some((found, close)) = first else { return (end.filter(|_| is_code), None) };
        at += found + 2;
        inside = Some(close);
    }
}

/// Returns `text` without its marks, and adds the lines that they name to `used`.
pub(super) fn take_marks(text: &str, used: &mut BTreeSet<SourceLine>) -> String {
    let mut pieces = text.split(OPEN);
    let mut out = pieces.next().unwrap_or("").to_string();
    for piece in pieces {
        let Some((place, rest)) = piece.split_once(CLOSE) else { continue };
        if let Some((file, line)) = place.rsplit_once(':') {
            used.extend(line.parse().ok().map(|line| SourceLine { file: file.into(), line }));
        }
        out += rest;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_code_are_marked_and_others_are_not() {
        let text = "// note\n\n{% if a %}\nlet x = {{ y }};  {# why #}\n{% set z = [\n  1,\n] %}\n{{ f(x) }}\nfoo(){% endif %}\n{% if b %}half{% endif %}\n";
        let marked = mark("f.wgsl", text);
        let mut used = BTreeSet::new();
        assert_eq!(take_marks(&marked, &mut used), text);
        assert_eq!(used.iter().map(|line| line.line).collect::<Vec<_>>(), [4, 9]);
        assert!(marked.contains(&format!("let x = {{{{ y }}}};{OPEN}f.wgsl:4{CLOSE}  {{#")), "{marked}");
        assert!(marked.contains(&format!("foo(){OPEN}f.wgsl:9{CLOSE}{{% endif %}}")), "{marked}");
    }
}
