//! Reading a small file that a user named, without trusting its size.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Maximum size in bytes of a table, suite, script or kernel that a user writes.
pub const LARGEST_TEXT: u64 = 16 << 20;

/// Returns the content of `path`, which may have at most `largest` bytes. Only as much is ever read, so neither a
/// wrong file nor a device without an end can exhaust memory.
///
/// # Errors
/// Fails if the file cannot be read or is larger.
pub fn read_bytes(path: &Path, largest: u64) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let mut bytes = Vec::new();
    file.take(largest + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
    if bytes.len() as u64 > largest {
        let limit = largest >> 20;
        return Err(Error::input(
            path,
            format!("larger than {limit} MiB, the most that is read of such a file"),
        ));
    }
    Ok(bytes)
}

/// Returns the text of `path`, which may have at most [`LARGEST_TEXT`] bytes.
///
/// # Errors
/// Fails if the file cannot be read, is larger, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read_bytes(path, LARGEST_TEXT)?;
    String::from_utf8(bytes).map_err(|_| Error::input(path, "not a text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_or_no_text_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.toml");
        File::create(&path).unwrap().set_len(LARGEST_TEXT + 1).unwrap();
        let error = read_text(&path).unwrap_err().to_string();
        assert!(error.contains("large.toml") && error.contains("larger than 16 MiB"), "{error}");
        std::fs::write(&path, [b'a', 0xff]).unwrap();
        assert!(read_text(&path).unwrap_err().to_string().ends_with("not a text in UTF-8"));
        std::fs::write(&path, "ä").unwrap();
        assert_eq!(read_text(&path).unwrap(), "ä");
        assert!(matches!(read_text(&folder.path().join("none")), Err(Error::Io { action: "read", .. })));
    }
}
