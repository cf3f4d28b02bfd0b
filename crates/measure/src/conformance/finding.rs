//! Results of conformance checks.

use serde::Serialize;
use std::fmt;

/// Outcome of a conformance check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// The executor conforms to the protocol.
    Passed,
    /// The executor violates the protocol; its results must not be trusted.
    Failed,
    /// The times miss a requirement, but other programs disturb them; the check must be repeated.
    Inconclusive,
    /// The check could not be run.
    LeftOut,
}

/// Result of one conformance check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the check, one word, as in docs/executor-protocol.md.
    pub check: &'static str,
    /// Whether the check passed, failed, is inconclusive or could not be run.
    pub outcome: CheckOutcome,
    /// Description of what was observed.
    pub words: String,
}

impl Finding {
    /// Creates the result of a check that passed.
    pub fn passed(check: &'static str, words: impl Into<String>) -> Self {
        Finding { check, outcome: CheckOutcome::Passed, words: words.into() }
    }

    /// Creates the result of a check that failed.
    pub fn failed(check: &'static str, words: impl Into<String>) -> Self {
        Finding { check, outcome: CheckOutcome::Failed, words: words.into() }
    }

    /// Creates the result of a check that a busy machine disturbs.
    pub fn inconclusive(check: &'static str, words: impl Into<String>) -> Self {
        Finding { check, outcome: CheckOutcome::Inconclusive, words: words.into() }
    }

    /// Creates the result of a check that could not be run.
    pub fn left_out(check: &'static str, words: impl Into<String>) -> Self {
        Finding { check, outcome: CheckOutcome::LeftOut, words: words.into() }
    }

    /// Creates a passed check from `Ok`, which describes what was observed, or a failed one from `Err`, which
    /// says what is wrong.
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
            CheckOutcome::Passed => "ok",
            CheckOutcome::Failed => "FAILED",
            CheckOutcome::Inconclusive => "unclear",
            CheckOutcome::LeftOut => "left out",
        };
        write!(f, "{outcome:<9} {:<10} {}", self.check, self.words)
    }
}
