//! The guard itself: starts an executor and ends all that comes from it, or removes a folder. `guard.rs` says when.

#[cfg(target_os = "linux")]
use super::process_table;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, WaitOptions, wait};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{BorrowedFd, FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// What the guard tells when it guards.
pub(super) const STARTED: &str = "started";
/// Times that descendants are searched for and ended: one may start another meanwhile, and one that waits for a
/// device ends only then.
const ROUNDS: usize = 1000;
/// Time between two of these.
const PAUSE: Duration = Duration::from_millis(5);
/// Times that removing a folder is tried: what was just ended may still write to it.
const REMOVALS: usize = 10;

/// What a guard is asked to do.
#[derive(Debug, Clone)]
pub struct Guarding {
    /// Number of the file descriptor of the socket to the runner.
    pub connection: RawFd,
    /// Folder to remove at the end.
    pub folder: Option<PathBuf>,
    /// `NAME=VALUE` for the environment of the executor.
    pub environment: Vec<OsString>,
    /// Program and arguments of the executor; empty if there is none.
    pub command: Vec<OsString>,
}

/// What a guard learns.
enum News {
    /// The runner is gone, or asks for the end.
    Asked,
    /// The executor has ended, with this status of the system.
    Ended(i32),
    /// No descendant is left.
    Alone,
}

impl Guarding {
    /// Guards until the executor has ended or the runner is gone or asks for the end; then ends all that is left.
    ///
    /// # Errors
    /// Fails if `connection` is no open descriptor, or the system has no further ones.
    pub fn perform(&self) -> io::Result<()> {
        // SAFETY: only looked at; a number that is no descriptor is an error.
        fcntl_setfd(unsafe { BorrowedFd::borrow_raw(self.connection) }, FdFlags::CLOEXEC)?;
        // SAFETY: it is open, and the runner gave it to this process for this alone.
        let mut runner = unsafe { UnixStream::from_raw_fd(self.connection) };
        outlive_signals();
        #[cfg(target_os = "linux")]
        process_table::adopt();
        let executor = self.start();
        // The pipes are the executor's: they have to end with it.
        let nothing = File::options().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(&nothing)?;
        rustix::stdio::dup2_stdout(&nothing)?;
        rustix::stdio::dup2_stderr(&nothing)?;
        let executor = match executor {
            Ok(executor) => executor,
            Err(error) => return writeln!(runner, "{error}"),
        };
        // A runner that is gone already is noticed below.
        let _ = writeln!(runner, "{STARTED}");
        let (tell, news) = channel();
        let (asked, mut words) = (tell.clone(), runner.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut words, &mut io::sink());
            let _ = asked.send(News::Asked);
        });
        match executor {
            Some(executor) => {
                thread::spawn(move || wait_for_all(executor, &tell));
                if let Some(status) = end_all(executor, &news) {
                    let _ = writeln!(runner, "{status}");
                }
            }
            None => drop(news.recv()),
        }
        self.folder.as_deref().map_or(Ok(()), remove)
    }

    fn start(&self) -> io::Result<Option<Pid>> {
        let Some((program, arguments)) = self.command.split_first() else { return Ok(None) };
        let mut command = Command::new(program);
        command.args(arguments);
        for variable in &self.environment {
            let bytes = variable.as_bytes();
            let at = bytes.iter().position(|byte| *byte == b'=').unwrap_or(bytes.len());
            let value = bytes.get(at + 1..).unwrap_or_default();
            command.env(OsStr::from_bytes(&bytes[..at]), OsStr::from_bytes(value));
        }
        // What the executor signals to its group must not reach the guard.
        let executor = command.process_group(0).spawn()?;
        Ok(Some(Pid::from_child(&executor)))
    }
}

/// Tells the end of `executor`, and that no child is left. Asks for the status of every other child as well: it was
/// adopted, and would stay in the table of processes.
fn wait_for_all(executor: Pid, tell: &Sender<News>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((child, status))) if child == executor => {
                let _ = tell.send(News::Ended(status.as_raw()));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break,
        }
    }
    let _ = tell.send(News::Alone);
}

/// Waits until the executor has ended or has to end, and ends all that came from it. Returns its status; `None` if
/// it does not end.
fn end_all(executor: Pid, news: &Receiver<News>) -> Option<i32> {
    let mut status = None;
    let mut next = news.recv().ok();
    for _ in 0..ROUNDS {
        match next {
            Some(News::Alone) => break,
            Some(News::Ended(told)) => {
                status = Some(told);
                end_group(executor);
            }
            Some(News::Asked) | None => {
                end_group(executor);
                #[cfg(target_os = "linux")]
                process_table::end_own_descendants();
            }
        }
        // After the end of the executor mostly nothing is left, which is told at once.
        next = news.recv_timeout(PAUSE).ok();
    }
    status
}

fn end_group(leader: Pid) {
    let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
}

fn remove(folder: &Path) -> io::Result<()> {
    let mut removed = Ok(());
    for _ in 0..REMOVALS {
        removed = std::fs::remove_dir_all(folder);
        if removed.is_ok() || !folder.exists() {
            return Ok(());
        }
        thread::sleep(20 * PAUSE);
    }
    removed
}

/// Lets this process outlive signals that ask all processes of a service or of a terminal to end; the executor, which
/// is started later, does not inherit that. What is ignored stays so.
fn outlive_signals() {
    extern "C" fn nothing(_signal: libc::c_int) {}
    let handler = nothing as extern "C" fn(libc::c_int);
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: the handler does nothing.
        unsafe {
            if libc::signal(signal, handler as libc::sighandler_t) == libc::SIG_IGN {
                libc::signal(signal, libc::SIG_IGN);
            }
        }
    }
}
