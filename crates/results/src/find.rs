//! Search of folders for files by the end of their names.

use std::io;
use std::path::{Path, PathBuf};

/// Name of the folder that holds all baselines.
pub(super) const BASELINES: &str = "baselines";

/// Appends the `.jsonl` files under `folder`, sorted by name. Does not follow links to folders, and skips
/// baselines, which are copies of other files.
pub(super) fn find_in(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    find_named(folder, "jsonl", found)
}

/// Like [`find_in`], for files whose name ends in `.` and `ending`.
pub(super) fn find_named(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.filter_map(|entry| entry.ok()).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if entry.file_name() == BASELINES {
                continue;
            }
            // An unreadable subfolder hides only its own files.
            let _ = find_named(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}
