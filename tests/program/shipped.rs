//! The result files that ship with the project.

use std::path::{Path, PathBuf};

/// Their folders: those of `results` but `local`, where `./bench` puts what it measures.
pub fn shipped() -> Vec<PathBuf> {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let entries = std::fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> =
        entries.filter(|path| path.is_dir() && !path.ends_with("local")).collect();
    folders.sort();
    assert!(!folders.is_empty(), "no results ship");
    folders
}
