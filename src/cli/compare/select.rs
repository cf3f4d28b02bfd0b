//! Selection of the result files of one side of a comparison.

use super::super::results::load_files;
use super::super::values::joined_words;
use crate::error::{Error, Result};
use portamark_results::{RunFile, find_baseline};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Words that select files.
const WORDS: [&str; 5] = ["device", "label", "run", "suite", "side"];

/// Conditions on a result file; all of them must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selector {
    /// Part of the name or id of the device, upper or lower case.
    Device(String),
    /// A label with its value.
    Label(String, String),
    /// Identifier of the run.
    Run(String),
    /// Name of the suite.
    Suite(String),
    /// Side A or B of `run --ab`.
    Side(String),
}

impl Selector {
    /// Parses `device=TEXT,label=KEY=VALUE,…`. A comma that no word follows belongs to the value. Returns `None`
    /// if the text does not begin with such a word.
    pub(super) fn parse(text: &str) -> Result<Option<Vec<Self>>> {
        let (head, pieces) = joined_words(text, &WORDS);
        if head.is_some() {
            return Ok(None);
        }
        pieces.into_iter().map(|(word, value)| Self::of(word, value.trim())).collect::<Result<_>>().map(Some)
    }

    fn of(word: &str, value: &str) -> Result<Self> {
        if value.is_empty() {
            return Err(Error::usage(format!("{word}= has no value")));
        }
        Ok(match word {
            "device" => Selector::Device(value.into()),
            "run" => Selector::Run(value.into()),
            "suite" => Selector::Suite(value.into()),
            "side" => Selector::Side(value.to_uppercase()),
            _ => match value.split_once('=') {
                Some((key, value)) => Selector::Label(key.into(), value.into()),
                None => return Err(Error::usage(format!("label={value}: expected label=KEY=VALUE"))),
            },
        })
    }

    fn fits(&self, file: &RunFile) -> bool {
        let header = &file.header;
        match self {
            Selector::Device(part) => {
                let part = part.to_lowercase();
                [&header.device.id, &header.device.name]
                    .iter()
                    .any(|text| text.to_lowercase().contains(&part))
            }
            Selector::Label(key, value) => header.labels.get(key) == Some(value),
            Selector::Run(run) => header.run == *run,
            Selector::Suite(suite) => header.suite == *suite,
            Selector::Side(side) => header.ab.as_ref().is_some_and(|ab| ab.side == *side),
        }
    }
}

/// Reads one side: a file, a folder, or words that select files in `within`.
pub(super) fn side(text: &str, within: &[PathBuf]) -> Result<Vec<RunFile>> {
    let path = Path::new(text);
    if path.exists() {
        return load_files(&[path.to_path_buf()]);
    }
    let Some(selectors) = Selector::parse(text)? else {
        return Err(Error::usage_hint(
            format!("{text}: no such file or folder"),
            format!("name result files, or select among those in --in with {}=", WORDS.join("=, ")),
        ));
    };
    let mut files = load_files(within)?;
    let devices: BTreeSet<String> = files.iter().map(|file| file.header.device.id.clone()).collect();
    files.retain(|file| selectors.iter().all(|selector| selector.fits(file)));
    if files.is_empty() {
        return Err(Error::usage_hint(
            format!("no result file in {} matches {text}", folders(within)),
            format!("devices found: {}", Vec::from_iter(devices).join("; ")),
        ));
    }
    Ok(files)
}

/// Reads the files of a baseline from the first folder that has it.
pub(super) fn baseline(name: &str, within: &[PathBuf]) -> Result<Vec<RunFile>> {
    let mut found = within.iter().map(|results| find_baseline(results, name));
    let first = found.next().ok_or_else(|| Error::usage("--in names no folder"))?;
    let folder = first.or_else(|error| found.find_map(Result::ok).ok_or(error))?;
    load_files(&[folder])
}

/// Returns the files of the newest run on a device of the reference.
pub(super) fn newest(reference: &[RunFile], within: &[PathBuf]) -> Result<Vec<RunFile>> {
    let mut files = load_files(within)?;
    let chip = |file: &RunFile| (file.header.device.name.clone(), file.header.device.api.clone());
    let known: Vec<_> = reference.iter().map(chip).collect();
    files.retain(|file| known.contains(&chip(file)));
    let newest = files.iter().max_by(|a, b| a.header.started.cmp(&b.header.started));
    let Some(run) = newest.map(|file| file.header.run.clone()) else {
        let names: Vec<String> = known.into_iter().map(|(name, _)| name).collect();
        return Err(Error::usage_hint(
            format!("no run of {} in {}", names.join(", "), folders(within)),
            "measure first, or name the new side",
        ));
    };
    files.retain(|file| file.header.run == run);
    Ok(files)
}

/// Refuses a run that is on both sides.
pub(in crate::cli) fn apart(new: &[RunFile], reference: &[RunFile]) -> Result<()> {
    let identity =
        |file: &RunFile| (file.header.run.clone(), file.header.device.id.clone(), file.header.ab.clone());
    let known: Vec<_> = reference.iter().map(identity).collect();
    match new.iter().find(|file| known.contains(&identity(file))) {
        None => Ok(()),
        Some(file) => Err(Error::usage_hint(
            format!("run {} of {} is on both sides", file.header.run, file.header.device.id),
            "measure again, or name different result files",
        )),
    }
}

fn folders(within: &[PathBuf]) -> String {
    within.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns the case key `text`, or the only key that contains it.
///
/// # Errors
/// Fails if no key or several keys contain it; the message lists some.
pub(in crate::cli) fn find_case(text: &str, keys: impl IntoIterator<Item = String>) -> Result<String> {
    let keys: BTreeSet<String> = keys.into_iter().collect();
    if keys.contains(text) {
        return Ok(text.into());
    }
    let found: Vec<&String> = keys.iter().filter(|key| key.contains(text)).collect();
    match found[..] {
        [only] => Ok(only.clone()),
        [] => Err(Error::usage_hint(
            format!("no case `{text}`"),
            format!("there are {} cases, such as {}", keys.len(), keys.iter().next().map_or("none", |k| k)),
        )),
        _ => {
            let some: Vec<&str> = found.iter().take(4).map(|key| key.as_str()).collect();
            Err(Error::usage_hint(
                format!("`{text}` is part of {} cases", found.len()),
                format!("give the whole key, e.g. {}", some.join("; ")),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_choose_and_commas_may_be_part_of_a_value() {
        let parse = |text: &str| Selector::parse(text).unwrap();
        assert_eq!(parse("some/folder"), None);
        assert_eq!(parse("driver=2"), None);
        assert_eq!(
            parse("device=llvmpipe (LLVM 15, 256 bits),label=card=H20,side=a"),
            Some(vec![
                Selector::Device("llvmpipe (LLVM 15, 256 bits)".into()),
                Selector::Label("card".into(), "H20".into()),
                Selector::Side("A".into())
            ])
        );
        for (text, words) in [("device=", "device= has no value"), ("label=H20", "expected label=KEY=VALUE")]
        {
            assert!(Selector::parse(text).unwrap_err().to_string().contains(words), "{text}");
        }
    }

    #[test]
    fn a_case_is_meant_by_its_key_or_by_a_part_that_no_other_has() {
        let keys = || ["gemm f32 m8", "gemm f32 m80", "stream f32 copy n8"].map(String::from);
        assert_eq!(find_case("gemm f32 m8", keys()).unwrap(), "gemm f32 m8");
        assert_eq!(find_case("copy", keys()).unwrap(), "stream f32 copy n8");
        assert!(find_case("gemm", keys()).unwrap_err().to_string().contains("part of 2 cases"));
        assert!(find_case("conv", keys()).unwrap_err().to_string().contains("no case `conv`"));
    }
}
