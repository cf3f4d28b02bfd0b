//! Lookup of suites by name: built-in suites, models, and files.

use super::cases::{Suite, nearest};
use super::{builtin, file, model};
use crate::error::{Error, Result};
use std::path::Path;

impl Suite {
    /// Returns the name and a one-sentence summary of each built-in suite, smallest suite first.
    pub fn builtins() -> impl Iterator<Item = (&'static str, &'static str)> {
        builtin::SUITES.iter().map(|suite| (suite.name, suite.summary))
    }

    /// Returns the built-in suite `name`; `None` if there is none.
    pub fn builtin(name: &str) -> Option<Self> {
        builtin::SUITES.iter().find(|suite| suite.name == name).map(|suite| {
            let mut found = Suite::new(name, (suite.cases)());
            found.sort();
            found
        })
    }

    /// Reads a suite file; `file.rs` describes the format.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is invalid; the message names the line and the problem.
    pub fn from_file(path: &Path) -> Result<Self> {
        file::read(path)
    }

    /// Returns the suite that the user names: a built-in suite, a model after `model:`, or else a file.
    ///
    /// # Errors
    /// Fails if it is none of these, with a hint that lists the suites, or if the model or the file is
    /// invalid.
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
}
