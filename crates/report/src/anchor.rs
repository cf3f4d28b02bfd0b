//! Names for places in a page and for files, from texts that nobody vouches for.

use std::collections::HashSet;

/// Characters of a name at most.
const LIMIT: usize = 96;

/// `text` in lower case, with dashes for all but letters, digits and dots.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        // A dot or dash stands between two other characters only.
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

/// Gives out names, no two alike.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// The slug of `text`, with a number if it is taken.
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
