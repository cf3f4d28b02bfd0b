//! What a run found.

use std::collections::BTreeMap;
use std::fmt;

/// Kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Two invocations touch an element between the same two barriers, and one of them writes.
    Race,
    /// An index or address beyond the end.
    OutOfBounds,
    /// Workgroup memory is read that nobody wrote.
    Unwritten,
    /// A barrier, an operation of a subgroup or a matrix that not all invocations take the same way.
    Divergent,
    /// An integer is divided by zero.
    Division,
}

/// One fault. Faults of one kind on one variable and the same lines are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub kind: Kind,
    /// Name of the variable; empty if it has none to do with it.
    pub variable: String,
    /// Line of the text, from 1.
    pub line: u32,
    /// Line of the other access of a race.
    pub other: Option<u32>,
    /// What happened, with the first index and the first invocations that it happened to.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// Gathers faults. Places are offsets into the text until they are told.
#[derive(Debug, Default)]
pub(crate) struct Findings(BTreeMap<(Kind, String, u32, Option<u32>), String>);

impl Findings {
    pub(crate) fn add(
        &mut self,
        kind: Kind,
        variable: &str,
        at: u32,
        other: Option<u32>,
        text: impl FnOnce() -> String,
    ) {
        self.0.entry((kind, variable.into(), at, other)).or_insert_with(text);
    }

    /// Returns the faults, with lines of `source`. In their words `{other}` stands for the line of the other access.
    pub(crate) fn told(&self, source: &str) -> Vec<Finding> {
        let line = |at: u32| source[..(at as usize).min(source.len())].matches('\n').count() as u32 + 1;
        let mut found: Vec<Finding> = Vec::new();
        for ((kind, variable, at, other), text) in &self.0 {
            let (at, other) = (line(*at), other.map(line));
            let text = text.replace("{other}", &other.unwrap_or(0).to_string());
            found.push(Finding { kind: *kind, variable: variable.clone(), line: at, other, text });
        }
        found
    }
}
