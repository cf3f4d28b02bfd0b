//! Tuning table files: location, reading and replacing.

use portamark_kernels::{TunedEntry, TuningKey, TuningTable};
use portamark_model::device::Capabilities;
use portamark_model::error::{Error, Hint, Result};
use portamark_model::text_file::read_text;
use portamark_results::{Hold, replace_file};
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

/// Adds `entry` for `key` to the table of `device` at `path`, in one step, and creates missing folders above it. Other
/// entries stay, also those that another process adds at the same time; a table of another device, driver or wgpu
/// version is replaced.
///
/// # Errors
/// Fails if the table cannot be read, or a folder or the file cannot be written.
pub fn add_tuned(path: &Path, device: &Capabilities, key: TuningKey, entry: TunedEntry) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    let _hold = Hold::of(path)?;
    let before = if path.is_file() { Some(load_tuned(path)?) } else { None };
    let mut table = before.filter(|table| table.is_of(device)).unwrap_or_else(|| TuningTable::new(device));
    table.entries.insert(key, entry);
    replace_file(path, |file| file.write_all(table.to_toml().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::variant::{Path as ArithmeticPath, Variant};

    #[test]
    fn a_table_is_saved_beside_the_results_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let device = Capabilities::example();
        let path = tuned_path(folder.path(), &device);
        assert!(path.ends_with("tuned/test-test-1.toml"));
        assert!(load_tuned(&path).is_err());
        let (first, second) = (key("gemm f32 m512 n512 k512 nn"), key("stream f32 copy n1048576"));
        assert_ne!(first, second);
        for (key, ratio, entries) in [(&first, 0.5, 1), (&second, 0.75, 2), (&first, 0.25, 2)] {
            add_tuned(&path, &device, key.clone(), entry(ratio)).unwrap();
            let table = load_tuned(&path).unwrap();
            assert_eq!((table.entries.len(), table.entries[key].ratio), (entries, ratio));
        }
        // A table of another driver is replaced.
        let newer = device.clone().but(|it| it.driver_version = "newer".into());
        add_tuned(&path, &newer, first.clone(), entry(0.5)).unwrap();
        assert_eq!(Vec::from_iter(load_tuned(&path).unwrap().entries.into_keys()), [first]);
        std::fs::write(&path, "version = 9\n").unwrap();
        let error = load_tuned(&path).unwrap_err();
        assert!(error.to_string().contains("version 9"), "{error}");
        assert_eq!(error.hint(), Some(&Hint::Tune));
    }

    #[test]
    fn of_searches_that_store_at_once_none_loses_an_entry() {
        let folder = tempfile::tempdir().unwrap();
        let device = Capabilities::example();
        let path = tuned_path(folder.path(), &device);
        // Four operations with six sizes each, a factor of four apart, are 24 keys: 6 by each of 4 threads.
        let keys: Vec<TuningKey> = (0..24)
            .map(|at| {
                let op = ["copy", "read", "triad", "write"][at % 4];
                key(&format!("stream f32 {op} n{}", 1024u64 << (2 * (at / 4))))
            })
            .collect();
        std::thread::scope(|scope| {
            for at in 0..4 {
                let (path, device) = (&path, &device);
                let own: Vec<_> = keys.iter().skip(at).step_by(4).cloned().collect();
                scope.spawn(move || {
                    for key in own {
                        add_tuned(path, device, key, entry(0.5)).unwrap();
                    }
                });
            }
        });
        assert_eq!(load_tuned(&path).unwrap().entries.len(), 24);
    }

    fn key(case: &str) -> TuningKey {
        TuningKey::of(&case.parse().unwrap())
    }

    fn entry(ratio: f64) -> TunedEntry {
        TunedEntry {
            variant: Variant::new("x", ArithmeticPath::Scalar),
            case: "a case".into(),
            default: "x".into(),
            ratio,
        }
    }
}
