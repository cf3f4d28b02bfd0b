//! Replacement of a file in one step, and writing to what is no file.

use portamark_model::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Maximum number of links that are followed, as in Linux.
const MOST_LINKS: usize = 40;

/// Replaces the file `path` with what `write` writes, in one step, so that a reader never sees half of it.
/// The folder must exist. Links are followed and stay, and so do the permissions of an earlier file.
///
/// A device, a pipe or a stream such as `/dev/stdout` is written to, and so is a file in a folder that cannot take
/// another one, or that is a mount of its own: these have no single step.
///
/// # Errors
/// Fails if the file cannot be written; the content of a file that can be replaced in one step then stays.
pub fn replace_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<()> {
    replace(path, write).map_err(|source| Error::io("write", path, source))
}

fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> io::Result<()> {
    if let Some(mut stream) = standard_stream(path)? {
        return fill(&mut stream, write);
    }
    let found = std::fs::metadata(path).ok();
    if found.as_ref().is_some_and(|found| !found.is_file()) {
        return fill(&mut OpenOptions::new().write(true).open(path)?, write);
    }
    let target = final_target(path);
    if found.is_some() {
        // What its owner forbids to write is not replaced either.
        OpenOptions::new().write(true).open(&target)?;
    }
    let in_place = || OpenOptions::new().write(true).truncate(true).open(&target);
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = match create_in(folder) {
        Ok(file) => file,
        Err(error) if found.is_some() && is_closed(&error) => return fill(&mut in_place()?, write),
        Err(error) => return Err(error),
    };
    fill(file.as_file_mut(), write)?;
    if let Some(found) = &found {
        // Those of another owner cannot be taken over.
        let _ = file.as_file().set_permissions(found.permissions());
    }
    match file.persist(&target) {
        Ok(_) => Ok(()),
        // A file that is mounted by itself, as into a container.
        Err(failed) if found.is_some() && failed.error.kind() == ErrorKind::ResourceBusy => {
            let mut whole = failed.file.reopen()?;
            fill(&mut in_place()?, |out| io::copy(&mut whole, out).map(drop))
        }
        Err(failed) => Err(failed.error),
    }
}

/// Returns whether the folder takes no new file.
fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

fn fill(file: &mut File, write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = BufWriter::new(file);
    write(&mut buffer)?;
    buffer.flush()
}

/// Returns a second handle of stdout or stderr if `path` is a name of it. Opened by name, a stream that is redirected
/// to a file would be written from its beginning, over what it has.
#[cfg(unix)]
fn standard_stream(path: &Path) -> io::Result<Option<File>> {
    use std::os::fd::AsFd;
    let is = |names: [&str; 3]| names.iter().any(|name| path == Path::new(name));
    if is(["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
        io::stdout().flush()?;
        return Ok(Some(io::stdout().as_fd().try_clone_to_owned()?.into()));
    }
    if is(["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"]) {
        return Ok(Some(io::stderr().as_fd().try_clone_to_owned()?.into()));
    }
    Ok(None)
}

#[cfg(not(unix))]
fn standard_stream(_path: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// Returns where `path` leads after all links, also if there is nothing yet.
pub(super) fn final_target(path: &Path) -> PathBuf {
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        let Ok(next) = std::fs::read_link(&target) else { break };
        target = target.parent().unwrap_or(Path::new("")).join(next);
    }
    target
}

/// Creates a temporary file in `folder` with the permissions of any new file.
#[cfg(unix)]
pub(super) fn create_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    // By default only its owner can read a temporary file. The umask still applies.
    use std::os::unix::fs::PermissionsExt;
    let everyone = std::fs::Permissions::from_mode(0o666);
    tempfile::Builder::new().permissions(everyone).tempfile_in(folder)
}

/// Creates a temporary file in `folder`.
#[cfg(not(unix))]
pub(super) fn create_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
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

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay_also_where_a_link_leads_nowhere_yet() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("deep")).unwrap();
        symlink("deep/second", at("first")).unwrap();
        symlink("../file", at("deep/second")).unwrap();
        for text in ["one", "two"] {
            replace_file(&at("first"), |file| file.write_all(text.as_bytes())).unwrap();
            assert_eq!(std::fs::read_to_string(at("file")).unwrap(), text);
            assert!(at("first").is_symlink() && at("deep/second").is_symlink() && !at("file").is_symlink());
            std::fs::set_permissions(at("file"), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        replace_file(&at("first"), |file| file.write_all(b"x")).unwrap();
        assert_eq!(std::fs::metadata(at("file")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_no_file_is_written_to_and_stays_what_it_is() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        replace_file(&pipe, |file| file.write_all(b"text")).unwrap();
        assert_eq!(reader.join().unwrap(), "text");
        assert!(std::fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        // A link to a device, so that no device of this machine is in danger if this is wrong.
        let link = folder.path().join("full");
        symlink("/dev/full", &link).unwrap();
        let error = replace_file(&link, |file| file.write_all(b"text")).unwrap_err();
        assert!(matches!(&error, Error::Io { source, .. } if source.kind() == ErrorKind::StorageFull));
        assert!(link.is_symlink());
        assert!(replace_file(folder.path(), |file| file.write_all(b"text")).is_err());
    }
}
