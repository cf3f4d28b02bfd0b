//! Atomic replacement of a file.

use portamark_model::error::{Error, Result};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Replaces the file `path` with what `write` writes, in one step, so that a reader never sees half of it.
/// The folder must exist.
///
/// # Errors
/// Fails if the file cannot be written; its earlier content then stays.
pub fn replace_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<()> {
    let error = |source: io::Error| Error::io("write", path, source);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = create_in(folder).map_err(error)?;
    let mut buffer = BufWriter::new(file.as_file_mut());
    write(&mut buffer).and_then(|()| buffer.flush()).map_err(error)?;
    drop(buffer);
    file.persist(path).map_err(|failure| error(failure.error))?;
    Ok(())
}

#[cfg(unix)]
fn create_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    // By default only its owner can read a temporary file. The umask still applies.
    use std::os::unix::fs::PermissionsExt;
    let everyone = std::fs::Permissions::from_mode(0o666);
    tempfile::Builder::new().permissions(everyone).tempfile_in(folder)
}

#[cfg(not(unix))]
fn create_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::NamedTempFile::new_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for text in ["one", "two"] {
            replace_file(&path, |file| file.write_all(text.as_bytes())).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let full = |file: &mut BufWriter<&mut File>| {
            file.write_all(b"thr")?;
            Err(io::ErrorKind::StorageFull.into())
        };
        assert!(replace_file(&path, full).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
