//! A suite: a named list of cases, built in or from a file, and filtered.

use super::Pattern;
use crate::error::{Error, Result};
use crate::workload::{Case, FAMILIES};
use std::collections::BTreeSet;

/// Named list of cases in the order in which they run.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// Name of the suite: that of the built-in one, or the one given in its file.
    pub name: String,
    /// Cases of the suite, without duplicates.
    pub cases: Vec<Case>,
    /// Operations of a model that are not among the cases, each with the reason; empty for other suites.
    pub left_out: Vec<String>,
}

impl Suite {
    /// Creates a suite of `cases`. Of equal cases, only the first is kept.
    pub fn new(name: impl Into<String>, cases: impl IntoIterator<Item = Case>) -> Self {
        let mut seen = BTreeSet::new();
        let cases = cases.into_iter().filter(|case| seen.insert(case.key())).collect();
        Suite { name: name.into(), cases, left_out: Vec::new() }
    }

    /// Returns the cases that match at least one of `patterns`; all cases if there are no patterns.
    ///
    /// # Errors
    /// Fails if no case matches.
    pub fn filtered(&self, patterns: &[Pattern]) -> Result<Self> {
        let matches = |case: &&Case| {
            let key = case.key();
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&key))
        };
        let cases: Vec<Case> = self.cases.iter().filter(matches).cloned().collect();
        if cases.is_empty() {
            let texts: Vec<_> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
            let example = self.cases.first().map(|case| format!(", e.g. `{}`", case.key()));
            return Err(Error::refused_hint(
                format!("no case of suite {} matches {}", self.name, texts.join(" or ")),
                format!(
                    "a pattern is compared with the whole key{}; a text without `*` may be any part of it",
                    example.unwrap_or_default()
                ),
            ));
        }
        Ok(Suite { name: self.name.clone(), cases, left_out: self.left_out.clone() })
    }

    /// Returns the suite with sizes replaced: `("m", [512, 1024])` turns each case that has an `m` into
    /// two.
    ///
    /// If several sizes are named, every combination becomes a case. A `q` without a `kv` also replaces
    /// `kv` where the two were equal, so that self-attention stays self-attention.
    ///
    /// # Errors
    /// Fails if no case has such a size, or if a case does not allow the new value.
    pub fn with_sizes(&self, sizes: &[(&str, Vec<u64>)]) -> Result<Self> {
        for (name, _) in sizes {
            if !self.cases.iter().any(|case| case.size(name).is_some()) {
                return Err(Error::refused(format!("no case of suite {} has a size `{name}`", self.name)));
            }
        }
        let mut cases = Vec::new();
        for case in &self.cases {
            let mut variants = vec![case.clone()];
            for (name, values) in sizes {
                let kv_too = *name == "q" && sizes.iter().all(|(name, _)| *name != "kv");
                let one = |case: &Case, value: u64| resized(case, name, value, kv_too);
                variants = variants
                    .iter()
                    .flat_map(|case| values.iter().map(move |value| one(case, *value)))
                    .collect::<Result<_>>()?;
            }
            for case in variants {
                if let Some(reason) = case.too_large() {
                    return Err(Error::refused(format!("`{case}`: {reason}")));
                }
                cases.push(case);
            }
        }
        let mut suite = Suite::new(self.name.clone(), cases);
        suite.left_out.clone_from(&self.left_out);
        suite.sort();
        Ok(suite)
    }

    /// Sorts cheap cases first within each family: the time of a larger case is predicted from those before
    /// it, and a driver that fails does so early.
    pub(super) fn sort(&mut self) {
        let family = |case: &Case| FAMILIES.iter().position(|family| *family == case.family());
        self.cases.sort_by_key(|case| (family(case), cost(case)));
    }
}

/// Returns the rough amount of work of a case, comparable within a family: FLOP, or ten times the bytes if
/// that is more.
pub(super) fn cost(case: &Case) -> u128 {
    // On most devices, ten FLOP take as long as one byte, within a factor of ten.
    case.flop().max(u128::from(case.bytes()) * 10)
}

/// Returns the name that was probably meant; `None` if no name is similar enough.
pub(super) fn nearest<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    let text = text.to_lowercase();
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(&text, name), *name))
        .filter(|(likeness, _)| *likeness > 0.75)
        // `max_by` returns the last of equal items, but the first is wanted.
        .rev()
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Returns `case` with the size `name` replaced, and with `kv_too` also a `kv` that was equal to it.
fn resized(case: &Case, name: &str, value: u64, kv_too: bool) -> Result<Case> {
    let Some(before) = case.size(name) else { return Ok(case.clone()) };
    let and_kv = kv_too && case.size("kv") == Some(before);
    let sizes = case.parameters().with_size(name, value);
    let sizes = if and_kv { sizes.with_size("kv", value) } else { sizes };
    case.with_parameters(&sizes).map_err(|e| Error::refused(format!("{e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(keys: &[&str]) -> Suite {
        Suite::new("test", keys.iter().map(|key| key.parse::<Case>().unwrap()))
    }

    fn keys(suite: &Suite) -> Vec<String> {
        suite.cases.iter().map(Case::key).collect()
    }

    #[test]
    fn a_name_that_does_not_exist_is_answered_with_those_that_do() {
        let error = Suite::resolve("quik").unwrap_err();
        assert_eq!(error.to_string(), "there is no suite `quik`");
        assert_eq!(
            error.hint().unwrap().to_string(),
            "did you mean `quick`? There are quick, standard, full, model:NAME, and TOML files"
        );
        let error = Suite::resolve("zzz").unwrap_err();
        let hint = error.hint().unwrap();
        assert_eq!(hint.to_string(), "there are quick, standard, full, model:NAME, and TOML files");
        assert!(matches!(Suite::resolve("none.toml"), Err(Error::Io { action: "read", .. })));
        assert_eq!(Suite::resolve("quick").unwrap().name, "quick");
    }

    #[test]
    fn a_filter_keeps_the_order_and_says_when_nothing_is_left() {
        let suite = suite(&["stream f32 copy n1024", "gemm f32 m1 n1 k1 nn", "gemm f32 m2 n1 k1 nn"]);
        let gemm = suite.filtered(&[Pattern::parse("gemm*").unwrap()]).unwrap();
        assert_eq!(keys(&gemm), ["gemm f32 m1 n1 k1 nn", "gemm f32 m2 n1 k1 nn"]);
        assert_eq!(suite.filtered(&[]).unwrap(), suite);
        let error = suite.filtered(&[Pattern::parse("conv*").unwrap()]).unwrap_err();
        assert_eq!(error.to_string(), "no case of suite test matches `conv*`");
        assert!(error.hint().unwrap().to_string().contains("e.g. `stream f32 copy n1024`"));
    }

    #[test]
    fn sizes_are_replaced_in_every_combination() {
        let suite = suite(&["stream f32 copy n1024", "gemm f32 m1 n1024 k1 nn", "gemm f32 m2 n1024 k1 nn"]);
        let swept = suite.with_sizes(&[("m", vec![8, 4]), ("k", vec![16])]).unwrap();
        assert_eq!(
            keys(&swept),
            ["stream f32 copy n1024", "gemm f32 m4 n1024 k16 nn", "gemm f32 m8 n1024 k16 nn"]
        );
        let error = suite.with_sizes(&[("hq", vec![1])]).unwrap_err();
        assert_eq!(error.to_string(), "no case of suite test has a size `hq`");
        let error = suite.with_sizes(&[("n", vec![1000])]).unwrap_err();
        assert!(error.to_string().contains("n1000 is not a multiple of 1024"), "{error}");
    }

    #[test]
    fn self_attention_stays_so_when_its_length_changes() {
        let suite =
            suite(&["attention f32 b1 hq2 hkv2 q64 kv64 d64 causal", "attention f32 b1 hq2 q1 kv64 d64"]);
        let swept = suite.with_sizes(&[("q", vec![32])]).unwrap();
        assert_eq!(
            keys(&swept),
            ["attention f32 b1 hq2 hkv2 q32 kv32 d64 causal", "attention f32 b1 hq2 hkv2 q32 kv64 d64"]
        );
        let swept = suite.with_sizes(&[("q", vec![32]), ("kv", vec![128])]).unwrap();
        assert!(keys(&swept).iter().all(|key| key.contains("q32 kv128")), "{:?}", keys(&swept));
    }
}
