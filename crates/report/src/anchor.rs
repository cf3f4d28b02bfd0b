//! Anchors in the page and file names, made from untrusted text such as device names.

use std::collections::HashSet;

/// Maximum length of a name, in characters.
const LIMIT: usize = 96;

/// Returns `text` in lower case with every character other than ASCII letters, digits and dots replaced by a
/// dash, or `unnamed` if nothing remains.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        // Allow a dot or dash only between two letters or digits.
        let between = !slug.is_empty() && !slug.ends_with(['-', '.']);
        match c {
            c if c.is_ascii_alphanumeric() => slug.push(c.to_ascii_lowercase()),
            '.' if between => slug.push('.'),
            '.' => {}
            _ if between => slug.push('-'),
            _ => {}
        }
        if slug.len() >= LIMIT {
            break;
        }
    }
    let slug = slug.trim_end_matches(['-', '.']);
    if slug.is_empty() { "unnamed".into() } else { slug.into() }
}

/// Hands out unique names.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// Returns the slug of `text`, with a number appended if it is already taken.
    pub fn take(&mut self, text: &str) -> String {
        let slug = slug(text);
        let numbered = (2..).map(|n| format!("{slug}-{n}"));
        let mut names = std::iter::once(slug.clone()).chain(numbered);
        let free = names.find(|name| !self.taken.contains(name)).expect("the numbers do not end");
        self.taken.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_safe_as_an_identifier_and_as_a_file_name() {
        assert_eq!(slug("NVIDIA H100 80GB HBM3 · 580.82.07"), "nvidia-h100-80gb-hbm3-580.82.07");
        assert_eq!(slug("../..//etc/<passwd>\"'"), "etc-passwd");
        assert_eq!(slug("a..b/.c."), "a.b-c");
        assert_eq!(slug("\u{202e}™"), "unnamed");
        assert!(slug(&"x".repeat(1000)).len() <= LIMIT);
    }

    #[test]
    fn names_are_numbered_when_taken() {
        let mut names = Names::default();
        let given = ["a b", "a-b", "a b 2", "A.B"].map(|text| names.take(text));
        assert_eq!(given, ["a-b", "a-b-2", "a-b-2-2", "a.b"]);
    }
}
