//! What a check of an executor found.

use serde::Serialize;
use std::fmt;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As the protocol has it.
    Passed,
    /// Against the protocol: numbers of this executor are worth nothing.
    Failed,
    /// It could not be tried.
    LeftOut,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which, in one word, as in docs/executor-protocol.md.
    pub check: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen, in words.
    pub words: String,
}

impl Finding {
    /// A check that passed.
    pub fn passed(check: &'static str, words: impl Into<String>) -> Self {
        Finding { check, outcome: Outcome::Passed, words: words.into() }
    }

    /// A check that failed.
    pub fn failed(check: &'static str, words: impl Into<String>) -> Self {
        Finding { check, outcome: Outcome::Failed, words: words.into() }
    }

    /// A check that could not be tried.
    pub fn left_out(check: &'static str, words: impl Into<String>) -> Self {
        Finding { check, outcome: Outcome::LeftOut, words: words.into() }
    }

    /// `Ok` is what was seen, `Err` what is wrong.
    pub fn of(check: &'static str, result: Result<String, String>) -> Self {
        match result {
            Ok(words) => Finding::passed(check, words),
            Err(words) => Finding::failed(check, words),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Passed => "ok",
            Outcome::Failed => "FAILED",
            Outcome::LeftOut => "left out",
        };
        write!(f, "{outcome:<9} {:<10} {}", self.check, self.words)
    }
}
