//! Parsing of accelerator catalogues, and the catalogue that is built into portamark.

use super::accelerator::{Accelerator, Catalog};
use super::check::{self, CatalogError};
use std::sync::LazyLock;

/// TOML source of the built-in catalogue.
const EMBEDDED: &str = include_str!("accelerators.toml");

impl Catalog {
    /// Returns the catalogue that is built into portamark.
    pub fn embedded() -> &'static Self {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
            Catalog::parse(EMBEDDED).expect("the checks of the catalogue passed in its tests")
        });
        &CATALOG
    }

    /// Parses and checks a catalogue in TOML, and adds a row for the dies of each package that has some.
    ///
    /// # Errors
    /// Fails if the text does not have this format, or if a figure has no source, is out of range or
    /// contradicts another field.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let mut catalog: Catalog =
            toml::from_str(text).map_err(|e| CatalogError::Form(e.message().replace('\n', ", ")))?;
        check::check(&catalog)?;
        // Dies become rows of their own, before or after their package: of two rows of one name the first one is
        // the usual.
        let with_die = |row: Accelerator| match (row.die(), row.dies.as_ref().is_some_and(|dies| dies.usual))
        {
            (Some(die), true) => vec![die, row],
            (Some(die), false) => vec![row, die],
            (None, _) => vec![row],
        };
        catalog.accelerators = catalog.accelerators.into_iter().flat_map(with_die).collect();
        Ok(catalog)
    }
}
