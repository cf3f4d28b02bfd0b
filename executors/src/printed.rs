//! What drivers print on stdout, kept apart from what this process writes there.

use std::fs::File;
use std::io;

/// Takes stdout for the protocol alone: returns it as a file, and leads what a driver prints from now on to stderr. A
/// driver that prints would break the protocol.
///
/// # Errors
/// Fails if the system has no further file descriptors.
#[cfg(unix)]
pub fn private_stdout() -> io::Result<File> {
    let own = rustix::io::dup(rustix::stdio::stdout())?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(File::from(own))
}

/// Returns stdout as a file.
///
/// # Errors
/// Fails if the system has no further handles.
#[cfg(windows)]
pub fn private_stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// Runs `work`, and returns what was printed on stdout meanwhile.
#[cfg(all(unix, feature = "wgpu"))]
pub fn printed_by<T>(work: impl FnOnce() -> T) -> (T, String) {
    let redirected = || -> io::Result<(File, std::os::fd::OwnedFd)> {
        let file = tempfile::tempfile()?;
        let before = rustix::io::dup(rustix::stdio::stdout())?;
        rustix::stdio::dup2_stdout(&file)?;
        Ok((file, before))
    };
    let Ok((mut file, before)) = redirected() else { return (work(), String::new()) };
    let result = work();
    // SAFETY: a null pointer stands for all streams of the C library, whose buffers are written out.
    unsafe { libc::fflush(std::ptr::null_mut()) };
    let _ = rustix::stdio::dup2_stdout(&before);
    let mut text = Vec::new();
    let read = io::Seek::rewind(&mut file).and_then(|()| io::Read::read_to_end(&mut file, &mut text));
    (result, read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&text).into_owned()))
}

/// Runs `work`. No driver is known here that prints what it compiles.
#[cfg(all(windows, feature = "wgpu"))]
pub fn printed_by<T>(work: impl FnOnce() -> T) -> (T, String) {
    (work(), String::new())
}
