//! Text of others as GitHub-flavoured Markdown.

use portamark_analysis::clean;

/// Appends a table whose cells are already Markdown. The first `left` columns are left-aligned, the others,
/// which hold numbers, right-aligned.
pub fn table(out: &mut String, head: &[String], left: usize, rows: impl Iterator<Item = Vec<String>>) {
    let rule: Vec<&str> = (0..head.len()).map(|i| if i < left { "---" } else { "---:" }).collect();
    for line in [head.join(" | "), rule.join(" | ")].into_iter().chain(rows.map(|row| row.join(" | "))) {
        out.push_str(&format!("| {line} |\n"));
    }
    out.push('\n');
}

/// Escapes `text` so that it is shown literally: no Markdown, HTML, links or mentions.
pub fn escape(text: &str) -> String {
    let text = clean(text);
    let mut out = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '!' | '|' | '~' | '$' | '#' => {
                out.push('\\');
                out.push(c);
            }
            // These start a list or a rule, but only at the beginning of a line.
            '-' | '+' | '=' if at == 0 => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // GitHub turns bare addresses into links.
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}

/// Returns `key` as inline code that is also valid inside a table.
pub fn code(key: &str) -> String {
    let key = clean(key).replace('`', "'").replace('|', "\\|");
    if key.is_empty() { "` `".into() } else { format!("`{key}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_is_text() {
        assert_eq!(
            escape("<b>|[x](https://e.example) @all `c` www.e.example &amp; a_b*"),
            "&lt;b&gt;\\|\\[x\\](https&#58;//e.example) &#64;all \\`c\\` www&#46;e.example &amp;amp; a\\_b\\*"
        );
        assert_eq!(code("a`b|c\u{1b}"), "`a'b\\|c`");
        assert_eq!(escape("# - &#60;"), "\\# - &amp;\\#60;");
        assert_eq!(escape("- a"), "\\- a");
    }
}
