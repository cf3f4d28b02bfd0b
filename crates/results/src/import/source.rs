//! Reading a file that another program wrote, whatever it contains.

use portamark_model::error::Result;
use portamark_model::text_file::read_bytes;
use std::path::Path;

/// Maximum size of a file in bytes. Larger files are rejected, so that a broken one cannot exhaust memory.
pub(super) const LARGEST_FILE: u64 = 64 << 20;

/// Returns the text of a file in UTF-8, or in the UTF-16 that Windows writes for `>`; invalid bytes are
/// replaced.
///
/// # Errors
/// Fails if the file cannot be read or is larger than [`LARGEST_FILE`].
pub(super) fn text(path: &Path) -> Result<String> {
    read_bytes(path, LARGEST_FILE).map(|bytes| decoded(&bytes))
}

fn decoded(bytes: &[u8]) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::error::Error;
    use std::fs::File;

    #[test]
    fn utf_8_and_utf_16_with_their_marks_are_text() {
        assert_eq!(decoded(b"ab"), "ab");
        assert_eq!(decoded(b"\xef\xbb\xbfab"), "ab");
        assert_eq!(decoded(b"\xff\xfea\0b\0"), "ab");
        assert_eq!(decoded(b"\xfe\xff\0a\0b"), "ab");
        assert_eq!(decoded(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(decoded(b"\xff\xfea"), "");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.json");
        File::create(&path).unwrap().set_len(LARGEST_FILE + 1).unwrap();
        let error = text(&path).unwrap_err().to_string();
        assert!(error.contains("large.json") && error.contains("larger than 64 MiB"), "{error}");
        assert!(matches!(text(&folder.path().join("none")), Err(Error::Io { action: "read", .. })));
    }
}
