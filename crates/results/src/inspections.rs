//! Reading the files of `portamark inspect --format json`.

use super::find::{find_in, find_named};
use super::record_line::clean_texts;
use portamark_inspect::{Cell, Facts, Inspection, Outcome};
use portamark_model::error::{Error, Result};
use portamark_model::plain_text::cut;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Name of the field that such a file has, in JSON.
const FIELD: &str = "\"portamark_inspection\"";
/// Version of these files that is read.
const VERSION: u32 = 1;
/// Largest file that is looked at, in bytes.
const LARGEST: u64 = 256 << 20;
/// Most characters of a key, of a variant and of the name of a chip.
const LONGEST_NAME: usize = 400;

/// What paths hold: result files, and what compilers made of kernels.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Inspections {
    /// Paths that are left for [`load_all`](crate::load_all).
    pub results: Vec<PathBuf>,
    /// Cells of all files of `inspect`, in their order.
    pub cells: Vec<Cell>,
}

/// Reads the files of `portamark inspect --format json` among `paths`: those that are named, and in each folder every
/// `.json` file at any depth that has the field `portamark_inspection`. Other JSON files are left alone.
///
/// Texts in the files are cut and lose what a terminal or a page would interpret.
///
/// # Errors
/// Fails if such a file cannot be read, is damaged or is of a later version.
pub fn load_inspections(paths: &[PathBuf]) -> Result<Inspections> {
    let (mut found, mut seen) = (Inspections::default(), BTreeSet::new());
    for path in paths {
        let mut files = Vec::new();
        if path.is_dir() {
            find_named(path, "json", &mut files).map_err(|e| Error::io("read", path, e))?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path.clone());
        }
        let mut is_read = false;
        for file in files {
            let Some(text) = inspection_text(&file)? else { continue };
            is_read = true;
            if seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
                found.cells.extend(parse(&file, &text)?);
            }
        }
        if !is_read || holds_results(path) {
            found.results.push(path.clone());
        }
    }
    Ok(found)
}

/// Whether `path` is a folder with a result file in it.
fn holds_results(path: &Path) -> bool {
    let mut files = Vec::new();
    path.is_dir() && find_in(path, &mut files).is_ok() && !files.is_empty()
}

/// Returns the text of a file of `inspect`; `None` of any other.
fn inspection_text(path: &Path) -> Result<Option<String>> {
    let Ok(about) = std::fs::metadata(path) else { return Ok(None) };
    if !about.is_file() || about.len() > LARGEST {
        return Ok(None);
    }
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    Ok(String::from_utf8(bytes).ok().filter(|text| text.contains(FIELD)))
}

fn parse(path: &Path, text: &str) -> Result<Vec<Cell>> {
    let wrong = |error: serde_json::Error| Error::input(path, format!("no file of `inspect`: {error}"));
    let mut value: Value = serde_json::from_str(text).map_err(wrong)?;
    let version = value.get("portamark_inspection").and_then(Value::as_u64);
    if version != Some(VERSION.into()) {
        let version = version.map_or_else(|| "unknown".into(), |version| version.to_string());
        return Err(Error::input(
            path,
            format!("written by `inspect` in version {version} of its form; this portamark reads {VERSION}"),
        ));
    }
    clean_texts(&mut value);
    let mut inspection: Inspection = serde_json::from_value(value).map_err(wrong)?;
    inspection.cells.iter_mut().for_each(possible);
    Ok(inspection.cells)
}

/// Cuts names that would leave no room for anything else, and takes out ceilings that cannot be.
fn possible(cell: &mut Cell) {
    for text in [&mut cell.case, &mut cell.chip, &mut cell.title, &mut cell.driver]
        .into_iter()
        .chain(&mut cell.variant)
    {
        *text = cut(text, LONGEST_NAME);
    }
    if let Outcome::Compiled { steps } = &mut cell.outcome {
        steps.iter_mut().for_each(without_impossible_ceiling);
    }
}

fn without_impossible_ceiling(step: &mut Facts) {
    if let Some(hot) = &mut step.hot_loop {
        hot.ceiling = hot.ceiling.filter(|ceiling| ceiling.share > 0.0 && ceiling.share <= 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::schema::Record;
    use super::*;
    use serde_json::json;

    fn cell(case: &str) -> Value {
        json!({
            "case": case, "chip": "navi31", "title": "Navi 31", "driver": "radv Mesa 26.1.6",
            "demand": { "matrix": false, "computes": true },
            "outcome": { "outcome": "compiled", "steps": [{ "compile_ns": 1 }] },
        })
    }

    fn file(cells: &[Value]) -> String {
        json!({ "portamark_inspection": 1, "cells": cells }).to_string()
    }

    fn keys(found: &Inspections) -> Vec<&str> {
        found.cells.iter().map(|cell| cell.case.as_str()).collect()
    }

    #[test]
    fn files_of_inspect_are_found_by_their_field_and_all_other_paths_are_left() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("deep")).unwrap();
        std::fs::create_dir(at("mixed")).unwrap();
        std::fs::write(at("deep/a.json"), file(&[cell("a")])).unwrap();
        std::fs::write(at("deep/other.json"), "{\"cells\": []}").unwrap();
        std::fs::write(at("mixed/b.json"), file(&[cell("b")])).unwrap();
        let header = serde_json::to_string(&Record::Header(Box::new(example::header()))).unwrap();
        std::fs::write(at("mixed/run.jsonl"), header).unwrap();
        let paths = [at("deep"), at("mixed"), at("mixed/b.json"), at("deep/other.json"), at("none.json")];
        let found = load_inspections(&paths).unwrap();
        assert_eq!(keys(&found), ["a", "b"]);
        // A folder of nothing else, and the file itself, are no result files.
        assert_eq!(found.results, [at("mixed"), at("deep/other.json"), at("none.json")]);
        let alone = load_inspections(&[at("mixed/b.json")]).unwrap();
        assert_eq!((keys(&alone), alone.results.len()), (vec!["b"], 0));
    }

    #[test]
    fn a_file_that_is_damaged_or_of_a_later_version_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let whole = file(&[cell("a")]);
        let of_version = |text: &str| {
            let changed =
                whole.replace("\"portamark_inspection\":1", &format!("\"portamark_inspection\":{text}"));
            assert_ne!(changed, whole);
            changed
        };
        for (text, part) in [
            (of_version("7"), "version 7 of its form"),
            (of_version("[]"), "version unknown of its form"),
            (file(&[json!({ "case": 3 })]), "no file of `inspect`"),
            (whole[..whole.len() - 1].to_string(), "no file of `inspect`"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let error = load_inspections(std::slice::from_ref(&path)).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("x.json"), "{error}");
        }
    }

    #[test]
    fn texts_are_harmless_and_names_short_and_a_ceiling_is_a_share() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let mut bad = cell(&"x".repeat(5000));
        bad["title"] = json!("a\u{1b}[2J\u{202e}b");
        let hot = |share: f64| {
            let mix = json!({ "classes": {}, "widths": {} });
            json!([{ "compile_ns": 1, "hot_loop": { "mix": mix, "lines": [],
                "ceiling": { "share": share, "of": "matrix" } } }])
        };
        bad["outcome"]["steps"] = hot(1e300);
        let mut good = cell("b");
        good["outcome"]["steps"] = hot(1.0);
        std::fs::write(&path, file(&[bad, good])).unwrap();
        let cells = load_inspections(&[path]).unwrap().cells;
        assert_eq!((cells[0].case.chars().count(), &*cells[0].title), (LONGEST_NAME, "a [2J b"));
        assert_eq!((cells[0].ceiling(), cells[1].ceiling().map(|it| it.share)), (None, Some(1.0)));
    }
}
