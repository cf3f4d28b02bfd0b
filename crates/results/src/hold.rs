//! Exclusive use of a file that is written: two processes that write one file would lose each other's lines.
//!
//! The operating system holds each lock and drops it when its process ends, however that ends. A file system that has
//! no locks, as some network file systems, is used without them: [`RunWriter`](crate::RunWriter) then still sees that
//! a file changed under it.

use crate::replace::final_target;
use portamark_model::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Opens `path` for reading and writing, for this process alone; reading stays open to others. With `new` the file
/// must not exist.
///
/// # Errors
/// Fails with [`io::ErrorKind::WouldBlock`] if another process writes the file, and as opening does.
pub(super) fn open_alone(path: &Path, new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(new);
    // A lock of a file would stop its readers there; denying others to write does not.
    #[cfg(windows)]
    {
        const READ_AND_DELETE: u32 = 0x1 | 0x4;
        const SHARING_VIOLATION: i32 = 32;
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, READ_AND_DELETE);
        options.open(path).map_err(|error| match error.raw_os_error() {
            Some(SHARING_VIOLATION) => io::ErrorKind::WouldBlock.into(),
            _ => error,
        })
    }
    #[cfg(not(windows))]
    {
        let file = options.open(path)?;
        match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Ok(()) | Err(std::fs::TryLockError::Error(_)) => Ok(file),
        }
    }
}

/// Exclusive right to read a file, change it, and replace it: the file `<name>.lock` beside it, locked. It ends when
/// this is dropped.
#[derive(Debug)]
pub struct Hold(Option<(File, PathBuf)>);

impl Hold {
    /// Waits until no other process holds `path`, and holds it. The folder must exist. What is no regular file is not
    /// held: it is not replaced either.
    ///
    /// # Errors
    /// Fails if the lock file cannot be created.
    pub fn of(path: &Path) -> Result<Self> {
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Ok(Hold(None));
        }
        let target = final_target(path);
        let mut name = target.file_name().unwrap_or_default().to_os_string();
        name.push(".lock");
        let lock = target.with_file_name(name);
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let file = options.open(&lock).map_err(|e| Error::io("create", &lock, e))?;
            // Without locks of the file system there is nothing to wait for.
            let locked = file.lock().is_ok();
            if !locked || is_at(&file, &lock) {
                return Ok(Hold(Some((file, lock))));
            }
            // The one before removed the file after this one had opened it.
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Removed while it is locked, so that nobody else can hold what is removed. Where files cannot be told apart,
        // a waiting process could not see that, and the file stays.
        if let Some((_, lock)) = self.0.as_ref().filter(|_| cfg!(unix)) {
            let _ = std::fs::remove_file(lock);
        }
    }
}

/// Returns whether `path` still leads to `file`; true where files cannot be told apart.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let name = |found: std::fs::Metadata| (found.dev(), found.ino());
        let (open, there) = (file.metadata().map(name), std::fs::metadata(path).map(name));
        matches!((open, there), (Ok(open), Ok(there)) if open == there)
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};

    #[test]
    fn a_file_is_written_by_one_and_read_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut first = open_alone(&path, true).unwrap();
        first.write_all(b"x").unwrap();
        assert_eq!(open_alone(&path, false).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
        drop(first);
        assert!(open_alone(&path, false).is_ok());
        assert_eq!(open_alone(&path, true).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn of_many_that_count_in_one_file_none_loses_a_step_and_no_lock_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("count");
        std::fs::write(&path, "0").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _hold = Hold::of(&path).unwrap();
                        let count: u32 = std::fs::read_to_string(&path).unwrap().parse().unwrap();
                        crate::replace_file(&path, |file| write!(file, "{}", count + 1)).unwrap();
                    }
                });
            }
        });
        // 8 threads of 50 steps.
        let mut text = String::new();
        let mut file = File::open(&path).unwrap();
        file.rewind().and_then(|()| file.read_to_string(&mut text)).unwrap();
        assert_eq!(text, "400");
        #[cfg(unix)]
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
