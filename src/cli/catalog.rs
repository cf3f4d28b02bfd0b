//! `portamark catalog`: published figures of accelerators, with their sources.

use super::output::{note, print, quoted};
use crate::error::{Error, Result};
use portamark_model::catalog::{Accelerator, Catalog};
use portamark_report as report;

/// Shows published figures of accelerators: sources, trust, and how portamark reaches them.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Name of an accelerator as its driver or vendor spells it, or part of the name.
    name: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Maximum number of accelerators that an error names.
const MOST_LISTED: usize = 8;

/// Prints the catalogue, or the entries that match one name.
pub fn run(arguments: &Arguments) -> Result<()> {
    let catalog = Catalog::embedded();
    let found = match &arguments.name {
        None => catalog.accelerators.iter().collect(),
        Some(name) => search(catalog, name)?,
    };
    let text = if arguments.json {
        serde_json::to_string_pretty(&found).expect("figures are plain data") + "\n"
    } else if let (Some(_), [row]) = (&arguments.name, &found[..]) {
        report::accelerator_details(row)
    } else {
        report::accelerator_list(&found)
    };
    print(&text)
}

/// Returns the entry with exactly this name and, if there is none, every entry whose name contains it; tells the
/// user so.
fn search<'a>(catalog: &'a Catalog, name: &str) -> Result<Vec<&'a Accelerator>> {
    if let Some(row) = catalog.named(name) {
        return Ok(vec![row]);
    }
    let found = catalog.containing(name);
    if found.is_empty() {
        let (message, hint) = not_one(name);
        return Err(Error::usage_hint(message, hint));
    }
    note(&format!("note: the catalogue has no `{name}`; these are the entries whose name contains it"));
    Ok(found)
}

/// Returns message and hint for a name that is not that of exactly one accelerator of the catalogue.
pub(super) fn not_one(name: &str) -> (String, String) {
    let catalog = Catalog::embedded();
    let several: Vec<&str> = catalog.containing(name).iter().map(|row| row.id.as_str()).collect();
    if (2..=MOST_LISTED).contains(&several.len()) {
        return (
            format!("`{name}` fits {} accelerators of the catalogue", several.len()),
            format!("name one of {}", quoted(several)),
        );
    }
    let nearest = quoted(catalog.nearest(name));
    (
        format!("the catalogue has no `{name}`"),
        format!("similar names: {nearest}; `portamark catalog` lists all"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(name: &str) -> Vec<&'static str> {
        search(Catalog::embedded(), name).unwrap().iter().map(|row| row.id.as_str()).collect()
    }

    #[test]
    fn an_exact_name_is_one_row_and_a_part_is_all_that_have_it() {
        assert_eq!(ids("nvidia h20"), ["nvidia-h20"]);
        assert_eq!(ids("nvidia-h20"), ["nvidia-h20"]);
        let several = ids("a100");
        assert!(several.len() >= 3 && several.iter().all(|id| id.contains("a100")), "{several:?}");
    }

    #[test]
    fn a_name_that_is_not_there_is_an_error_that_says_what_to_do() {
        let error = search(Catalog::embedded(), "NVIDIA H9000").unwrap_err();
        assert!(error.to_string().contains("H9000"));
        assert!(error.hint().unwrap().contains("portamark catalog"));
        assert!(search(Catalog::embedded(), " ").is_err());
    }
}
