//! A suite: a name and a list of cases, built in, from a file, and filtered.

use super::{Pattern, builtin, file, filter, model};
use crate::error::{Error, Result};
use crate::workload::{Case, FAMILIES};
use std::collections::BTreeSet;
use std::path::Path;

/// A named list of cases, in the order in which they run.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// Its name: built in, or as its file says.
    pub name: String,
    /// Its cases, each once.
    pub cases: Vec<Case>,
}

impl Suite {
    /// A suite of `cases`, of which only the first of equal ones stays.
    pub fn new(name: impl Into<String>, cases: impl IntoIterator<Item = Case>) -> Self {
        let mut seen = BTreeSet::new();
        let cases = cases.into_iter().filter(|case| seen.insert(case.key())).collect();
        Suite { name: name.into(), cases }
    }

    /// The names of the built-in suites with one sentence on each, smallest first.
    pub fn builtins() -> impl Iterator<Item = (&'static str, &'static str)> {
        builtin::SUITES.iter().map(|suite| (suite.name, suite.summary))
    }

    /// The built-in suite of that name.
    pub fn builtin(name: &str) -> Option<Self> {
        builtin::SUITES.iter().find(|suite| suite.name == name).map(|suite| {
            let mut found = Suite::new(name, (suite.cases)());
            found.sort();
            found
        })
    }

    /// A suite file: see `file.rs` for its form.
    ///
    /// # Errors
    /// With the line and what is wrong there.
    pub fn from_file(path: &Path) -> Result<Self> {
        file::read(path)
    }

    /// What the user calls a suite: the name of a built-in one, a model behind `model:`, else a file.
    ///
    /// # Errors
    /// When it is none of these, with what there is.
    pub fn resolve(name_or_path: &str) -> Result<Self> {
        if let Some(text) = name_or_path.strip_prefix(model::PREFIX) {
            let mut suite = model::suite(text)?;
            suite.sort();
            return Ok(suite);
        }
        if let Some(suite) = Suite::builtin(name_or_path) {
            return Ok(suite);
        }
        let path = Path::new(name_or_path);
        let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
        if is_toml || path.is_file() {
            return Suite::from_file(path);
        }
        let names: Vec<_> = Suite::builtins().map(|(name, _)| name).collect();
        let list = names.join(", ");
        let hint = match nearest(name_or_path, &names) {
            Some(name) => format!("did you mean `{name}`? There are {list}, model:NAME, and TOML files"),
            None => format!("there are {list}, model:NAME, and TOML files"),
        };
        Err(Error::refused_hint(format!("there is no suite `{name_or_path}`"), hint))
    }

    /// The cases that match one of `patterns`; all without a pattern.
    ///
    /// # Errors
    /// When none matches.
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
        Ok(Suite { name: self.name.clone(), cases })
    }

    /// The suite with sizes replaced: `("m", [512, 1024])` gives each case that has an `m` twice.
    ///
    /// Where several are named, a case is made for each combination. A `q` without a `kv` moves
    /// both where they were equal, so that self-attention stays self-attention.
    ///
    /// # Errors
    /// When no case has such a size, or a case cannot have the new one.
    pub fn with_sizes(&self, sizes: &[(&str, Vec<u64>)]) -> Result<Self> {
        for (name, _) in sizes {
            if !self.cases.iter().any(|case| filter::size_of(&case.key(), name).is_some()) {
                return Err(Error::refused(format!("no case of suite {} has a size `{name}`", self.name)));
            }
        }
        let mut cases = Vec::new();
        for case in &self.cases {
            let mut keys = vec![case.key()];
            for (name, values) in sizes {
                let kv_too = *name == "q" && sizes.iter().all(|(name, _)| *name != "kv");
                keys = keys
                    .iter()
                    .flat_map(|key| values.iter().map(|value| filter::resized(key, name, *value, kv_too)))
                    .collect();
            }
            for key in keys {
                let case: Case = key.parse().map_err(|e| Error::refused(format!("{e}")))?;
                if let Some(reason) = case.too_large() {
                    return Err(Error::refused(format!("`{key}`: {reason}")));
                }
                cases.push(case);
            }
        }
        let mut suite = Suite::new(self.name.clone(), cases);
        suite.sort();
        Ok(suite)
    }

    /// Cheap cases first within each family: the time of a larger case is predicted from those
    /// before it, and a driver that fails does so early.
    fn sort(&mut self) {
        let family = |case: &Case| FAMILIES.iter().position(|family| *family == case.family());
        self.cases.sort_by_key(|case| (family(case), cost(case)));
    }
}

/// Rough work of a case, comparable within a family: FLOP, or bytes where those bind.
pub(super) fn cost(case: &Case) -> u64 {
    // Ten FLOP take as long as one byte, within a factor of ten, on most devices there are.
    case.flop().max(case.bytes().saturating_mul(10))
}

/// The name that was probably meant.
pub(super) fn nearest<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    let text = text.to_lowercase();
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(&text, name), *name))
        .filter(|(likeness, _)| *likeness > 0.75)
        // Of equally likely ones `max_by` takes the last, and the first is wanted.
        .rev()
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
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
