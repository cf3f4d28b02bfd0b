//! Parsing of accelerator catalogues, and the catalogue that is built into portamark.

use super::accelerator::Catalog;
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

    /// Parses and checks a catalogue in TOML.
    ///
    /// # Errors
    /// Fails if the text does not have this format, or if a figure has no source, is out of range or
    /// contradicts another field.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let catalog: Catalog =
            toml::from_str(text).map_err(|e| CatalogError::Form(e.message().replace('\n', ", ")))?;
        check::check(&catalog)?;
        Ok(catalog)
    }
}
