//! Patterns that select case keys, and lists of sizes.

use crate::error::{Error, Result};
use std::fmt;

/// Largest number of values that a list or range may expand to.
const MOST_VALUES: usize = 10_000;

/// Length of the longest glob in bytes, several times that of a key. The matcher of a much longer one cannot be made,
/// which globset tells by a panic.
const LONGEST_GLOB: usize = 1000;

/// Number of characters of a pattern that messages quote.
const LONGEST_QUOTE: usize = 100;

/// Pattern that selects cases by key, as given with `-k`: a glob on the whole key, a part of the key, or
/// `/a regular expression/`.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Text that occurs in the key.
    Part,
    /// Glob with `*`, `?`, `[ab]` and `{a,b}`; `*` matches spaces too.
    Glob(globset::GlobMatcher),
    Regex(regex::Regex),
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Fails if the text is empty, a bracket is not closed or the regular expression is invalid.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |message: String| {
            let start: String = text.chars().take(LONGEST_QUOTE).collect();
            let more = if start.len() < text.len() { "…" } else { "" };
            Error::refused(format!("`{start}{more}` is not a pattern: {message}"))
        };
        let kind = if text.is_empty() {
            return Err(wrong("it is empty".into()));
        } else if let Some(regex) = text.strip_prefix('/').and_then(|text| text.strip_suffix('/')) {
            // The parser's message has several lines; its last one says what is wrong.
            let last = |e: regex::Error| e.to_string().lines().last().unwrap_or_default().to_string();
            Kind::Regex(regex::Regex::new(regex).map_err(|e| wrong(last(e)))?)
        } else if text.contains(['*', '?', '[', '{']) {
            if text.len() > LONGEST_GLOB {
                let length = text.len();
                return Err(Error::refused(format!(
                    "a pattern of {length} bytes is too long; at most {LONGEST_GLOB} can be used"
                )));
            }
            let glob = globset::GlobBuilder::new(text).backslash_escape(true).build();
            Kind::Glob(glob.map_err(|e| wrong(e.kind().to_string()))?.compile_matcher())
        } else {
            Kind::Part
        };
        Ok(Pattern { text: text.into(), kind })
    }

    /// Whether the pattern matches `key`, the whole key of a case.
    pub fn matches(&self, key: &str) -> bool {
        match &self.kind {
            Kind::Part => key.contains(&self.text),
            Kind::Glob(glob) => glob.is_match(key),
            Kind::Regex(regex) => regex.is_match(key),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Parses a list of sizes: numbers as in `512,1024`, and ranges `128:512:128` (steps of 128) and
/// `128:1024:*2` (doubling), including both ends. The order is kept and duplicates are removed.
///
/// # Errors
/// Fails if a part is not a valid number or range; the message names that part.
pub fn parse_list(text: &str) -> Result<Vec<u64>> {
    let mut values = Vec::new();
    for part in text.split(',') {
        let wrong = |what: &str| Error::refused_hint(format!("`{part}`: {what}"), LIST_HINT);
        let number = |word: &str| match word.trim().parse::<u64>() {
            Ok(0) => Err(wrong("sizes start at 1")),
            Ok(value) if value > u64::from(u32::MAX) => Err(wrong("sizes end at 2^32 - 1")),
            Ok(value) => Ok(value),
            Err(_) => Err(wrong("not a whole number")),
        };
        let words: Vec<&str> = part.split(':').collect();
        match words[..] {
            [value] => values.push(number(value)?),
            [from, to, step] => {
                let (from, to) = (number(from)?, number(to)?);
                let (factor, step) = match step.trim().strip_prefix('*') {
                    Some(factor) => (true, number(factor)?),
                    None => (false, number(step)?),
                };
                if from > to {
                    return Err(wrong("the range ends before it starts"));
                }
                if factor && step < 2 {
                    return Err(wrong("a factor is at least 2"));
                }
                let next = |value: &u64| Some(if factor { value * step } else { value + step });
                let range = std::iter::successors(Some(from), next).take_while(|value| *value <= to);
                values.extend(range.take(MOST_VALUES + 1));
            }
            _ => return Err(wrong("a range is from:to:step")),
        }
        if values.len() > MOST_VALUES {
            return Err(wrong("more than 10000 numbers"));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    values.retain(|value| seen.insert(*value));
    Ok(values)
}

const LIST_HINT: &str = "write 512,1024 or 128:512:128 or 128:1024:*2";

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "gemm f16.f32 m512 n1024 k128 nt";

    #[test]
    fn patterns_are_parts_globs_or_expressions() {
        for pattern in [
            "gemm",
            "m512 n1024",
            "gemm*nt",
            "*n1024*",
            "gemm f16.f32 m??? n1024 k128 n[nt]",
            "*{m512,m513}*",
            "/^gemm .* k1\\d+/",
            "/m(256|512) /",
        ] {
            assert!(Pattern::parse(pattern).unwrap().matches(KEY), "{pattern}");
        }
        for pattern in ["conv", "gemm*n", "*m51 *", "f16?f32", "/^f16/", "GEMM", "gemm/"] {
            assert!(!Pattern::parse(pattern).unwrap().matches(KEY), "{pattern}");
        }
        for (pattern, part) in
            [("", "empty"), ("[a", "unclosed"), ("/(/", "unclosed group"), ("{a", "alternate")]
        {
            let error = Pattern::parse(pattern).unwrap_err().to_string();
            assert!(error.contains(part), "{pattern}: {error}");
        }
    }

    #[test]
    fn a_pattern_of_any_length_is_used_or_refused() {
        for part in ["*", "?", "[^a]", "{a,b}", "{*,?}", "\\*", "é?", "**/", "[!\u{10ffff}-\u{10ffff}]"] {
            for times in [LONGEST_GLOB / part.len(), 100_000] {
                let pattern = Pattern::parse(&part.repeat(times));
                assert_eq!(pattern.is_ok(), times < 100_000, "{part}");
                let _ = pattern.map(|pattern| pattern.matches(KEY));
            }
        }
        for part in ["(", "(a{1000})", "[a", "a{9}", "(?:"] {
            let _ = Pattern::parse(&format!("/{}/", part.repeat(10_000)));
        }
        let error = Pattern::parse(&"*".repeat(1001)).unwrap_err().to_string();
        assert!(error.starts_with("a pattern of 1001 bytes is too long"), "{error}");
    }

    #[test]
    fn lists_and_ranges_include_both_ends() {
        let list = |text| parse_list(text).unwrap();
        assert_eq!(list("512"), [512]);
        assert_eq!(list("512, 1024,512"), [512, 1024]);
        assert_eq!(list("128:512:128"), [128, 256, 384, 512]);
        assert_eq!(list("128:1024:*2"), [128, 256, 512, 1024]);
        assert_eq!(list("100:1000:*3"), [100, 300, 900]);
        assert_eq!(list("7,1:2:1,4294967295:4294967295:*2"), [7, 1, 2, 4_294_967_295]);
    }

    #[test]
    fn a_list_that_is_wrong_says_which_part() {
        for (text, part) in [
            ("", "``: not a whole number"),
            ("1,x", "`x`: not a whole number"),
            ("0", "`0`: sizes start at 1"),
            ("4294967296", "sizes end at 2^32 - 1"),
            ("1:2", "a range is from:to:step"),
            ("2:1:1", "ends before it starts"),
            ("1:9:*1", "a factor is at least 2"),
            ("1:9:0", "sizes start at 1"),
            ("1:4294967295:1", "more than 10000 numbers"),
            ("-1", "not a whole number"),
        ] {
            let error = parse_list(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
