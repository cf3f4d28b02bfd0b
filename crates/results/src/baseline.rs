//! Baselines: named copies of result files that later runs are compared with.
//!
//! The baseline NAME of a results folder is its subfolder `baselines/NAME`, where the file of each device has
//! its own folder, as in a run. A search for result files skips baselines, so that no copy counts beside its
//! original.

use super::find::{BASELINES, find_in};
use super::lines::LARGEST_FILE;
use super::load::load;
use super::replace::create_in;
use super::schema::Header;
use portamark_model::device::ChipKind;
use portamark_model::error::{Error, Hint, Result};
use portamark_model::text_file::read_bytes;
use std::path::{Path, PathBuf};

/// Maximum length of the name of a baseline, in bytes.
const LONGEST: usize = 64;

/// Rejects a name that could lead out of the baselines folder or that some systems do not allow for a folder.
///
/// # Errors
/// Fails if the name is empty or longer than 64 bytes, starts with anything but a letter or digit, ends with
/// a dot, or contains anything but ASCII letters, digits, dots, dashes and underscores.
pub fn check_baseline_name(name: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins_well && name.len() <= LONGEST && name.chars().all(good) && !name.ends_with('.') {
        return Ok(());
    }
    Err(Error::refused_hint(
        format!("`{name}` is not a valid baseline name"),
        "use up to 64 letters, digits, dots, dashes and underscores, a letter or digit first, e.g. main",
    ))
}

/// Returns the names of the baselines in a results folder, sorted.
pub fn baseline_names(results: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(results.join(BASELINES)).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Returns the folder of the baseline `name`.
///
/// # Errors
/// Fails if the name is not allowed, or if there is no such baseline; the error lists the existing ones.
pub fn find_baseline(results: &Path, name: &str) -> Result<PathBuf> {
    check_baseline_name(name)?;
    let folder = results.join(BASELINES).join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let names = baseline_names(results);
    let known =
        if names.is_empty() { "there is none yet".into() } else { format!("there are {}", names.join(", ")) };
    Err(Error::refused_hint(
        format!("no baseline `{name}` in {}: {known}", results.display()),
        Hint::SaveBaseline(name.into()),
    ))
}

/// Copies result files into the baseline `name`, removes its earlier files of the same chips, whatever their
/// driver, and returns its folder. At every moment a file is either complete or absent.
///
/// # Errors
/// Fails if the name is not allowed, or if a file cannot be read, written or removed.
pub fn save_baseline(results: &Path, name: &str, files: &[PathBuf]) -> Result<PathBuf> {
    check_baseline_name(name)?;
    let folder = results.join(BASELINES).join(name);
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
    let mut before = Vec::new();
    find_in(&folder, &mut before).map_err(|e| Error::io("read", &folder, e))?;
    let (mut chips, mut kept) = (Vec::new(), Vec::new());
    for file in files {
        let header = load(file)?.header;
        let device = folder.join(header.device.slug());
        std::fs::create_dir_all(&device).map_err(|e| Error::io("create", &device, e))?;
        let target = device.join(file.file_name().unwrap_or_default());
        let bytes = read_bytes(file, LARGEST_FILE)?;
        let write = |bytes: &[u8]| -> std::io::Result<()> {
            let mut whole = create_in(&device)?;
            std::io::Write::write_all(&mut whole, bytes)?;
            whole.as_file().sync_all()?;
            whole.persist(&target)?;
            Ok(())
        };
        write(&bytes).map_err(|e| Error::io("write", &target, e))?;
        chips.push(chip(&header));
        kept.push(target);
    }
    for old in before.iter().filter(|old| !kept.contains(old)) {
        // A file that cannot be read stays: it may be of another chip.
        if load(old).is_ok_and(|file| chips.contains(&chip(&file.header))) {
            std::fs::remove_file(old).map_err(|e| Error::io("remove", old, e))?;
            // Removes the folder only if it is empty.
            let _ = old.parent().map(std::fs::remove_dir);
        }
    }
    Ok(folder)
}

/// Returns name, kind and API of the device, which stay the same when the driver changes.
fn chip(header: &Header) -> (String, ChipKind, String) {
    let device = &header.device;
    (device.name.clone(), device.chip_kind(), device.api.clone())
}

#[cfg(test)]
mod tests {
    use super::super::{RunWriter, example, load_all};
    use super::*;

    /// A finished run of `name` through `driver`, begun in `year`.
    fn run(results: &Path, name: &str, driver: &str, year: u32) -> PathBuf {
        let mut header = example::header();
        header.device.name = name.into();
        header.device.driver_version = driver.into();
        header.device.id = format!("vulkan/{name}/{driver}");
        header.started = format!("{year}-01-01T00:00:00Z");
        let writer = RunWriter::create(results, header).unwrap();
        let path = writer.path().to_path_buf();
        writer.finish(example::end(0, super::super::RunOutcome::Done)).unwrap();
        path
    }

    fn held(folder: &Path) -> Vec<String> {
        let files = load_all(&[folder.to_path_buf()]).unwrap();
        let name = |header: &Header| format!("{} {}", header.device.id, &header.started[..4]);
        files.iter().map(|file| name(&file.header)).collect()
    }

    #[test]
    fn a_baseline_has_the_last_run_of_each_chip() {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path();
        let first = [run(results, "a", "1", 2024), run(results, "b", "1", 2024)];
        let baseline = save_baseline(results, "main", &first).unwrap();
        assert_eq!(baseline, results.join("baselines/main"));
        assert_eq!(held(&baseline), ["vulkan/a/1 2024", "vulkan/b/1 2024"]);
        // A newer run of a, then one through another driver; b stays.
        save_baseline(results, "main", &[run(results, "a", "1", 2025)]).unwrap();
        assert_eq!(held(&baseline), ["vulkan/a/1 2025", "vulkan/b/1 2024"]);
        save_baseline(results, "main", &[run(results, "a", "2", 2026)]).unwrap();
        assert_eq!(held(&baseline), ["vulkan/a/2 2026", "vulkan/b/1 2024"]);
        assert!(!baseline.join("vulkan-a-1").exists());
        assert_eq!(find_baseline(results, "main").unwrap(), baseline);
        // Saving the same file again changes nothing.
        let again: Vec<PathBuf> = [results.join("vulkan-b-1")].to_vec();
        let again = load_all(&again).unwrap().into_iter().map(|file| file.path).collect::<Vec<_>>();
        save_baseline(results, "main", &again).unwrap();
        assert_eq!(held(&baseline).len(), 2);
    }

    #[test]
    fn copies_do_not_count_beside_their_originals() {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path();
        let path = run(results, "a", "1", 2024);
        save_baseline(results, "main", &[path]).unwrap();
        assert_eq!(held(results).len(), 1);
        assert_eq!(held(&results.join("baselines")).len(), 1);
    }

    #[test]
    fn a_name_stays_within_the_folder() {
        for name in ["main", "2026-11-24", "v0.1.0_H20", "a"] {
            assert!(check_baseline_name(name).is_ok(), "{name}");
        }
        let long = "a".repeat(65);
        for name in ["", ".", "..", "../x", "a/b", "a\\b", "-x", ".hidden", "a b", "ä", "a:b", "a.", &long] {
            assert!(check_baseline_name(name).is_err(), "{name}");
            assert!(save_baseline(Path::new("no/such"), name, &[]).is_err(), "{name}");
        }
    }

    #[test]
    fn a_baseline_that_is_not_there_is_an_error_that_lists_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let error = find_baseline(folder.path(), "main").unwrap_err();
        assert!(error.to_string().contains("there is none yet"), "{error}");
        let path = run(folder.path(), "a", "1", 2024);
        save_baseline(folder.path(), "old", &[path]).unwrap();
        let error = find_baseline(folder.path(), "main").unwrap_err();
        assert!(error.to_string().contains("there are old"), "{error}");
        assert_eq!(error.hint(), Some(&Hint::SaveBaseline("main".into())));
    }
}
