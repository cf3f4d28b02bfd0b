//! Tuning table files: location, reading and replacing.

use portamark_kernels::TuningTable;
use portamark_model::device::Capabilities;
use portamark_model::error::{Error, Hint, Result};
use portamark_model::text_file::read_text;
use portamark_results::replace_file;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Returns the path of the user's tuning table for `device`, next to the result files in `results`.
pub fn tuned_path(results: &Path, device: &Capabilities) -> PathBuf {
    results.join("tuned").join(format!("{}.toml", device.slug()))
}

/// Reads a tuning table.
///
/// # Errors
/// Fails if the file cannot be read or is not a tuning table of this version.
pub fn load_tuned(path: &Path) -> Result<TuningTable> {
    let text = read_text(path)?;
    TuningTable::from_toml(&text).map_err(|message| Error::Input {
        path: path.into(),
        message,
        hint: Some(Hint::Tune),
    })
}

/// Replaces the file at `path` by `table` in one step, and creates missing folders above it.
///
/// # Errors
/// Fails if a folder or the file cannot be written.
pub fn save_tuned(path: &Path, table: &TuningTable) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    replace_file(path, |file| file.write_all(table.to_toml().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_saved_beside_the_results_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let device = Capabilities::example();
        let path = tuned_path(folder.path(), &device);
        assert!(path.ends_with("tuned/test-test-1.toml"));
        assert!(load_tuned(&path).is_err());
        let table = TuningTable::new(&device);
        for _ in 0..2 {
            save_tuned(&path, &table).unwrap();
            assert_eq!(load_tuned(&path).unwrap(), table);
        }
        std::fs::write(&path, "version = 9\n").unwrap();
        let error = load_tuned(&path).unwrap_err();
        assert!(error.to_string().contains("version 9"), "{error}");
        assert_eq!(error.hint(), Some(&Hint::Tune));
    }
}
