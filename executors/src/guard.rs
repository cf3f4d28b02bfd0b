//! A process between the runner and what it starts, which ends all of that when the runner is gone, however it went.
//!
//! The guard leads a session of its own, which no signal of a terminal reaches. It starts the executor, which has the
//! pipes of the runner to itself, and on Linux it adopts those of its descendants whose parent ends. So all that came
//! from the executor is below the guard, wherever it moved itself. This file is the side of the runner, `guarding.rs` is
//! the guard.
//!
//! Runner and guard are connected by a socket. The guard writes one line when the executor runs, or why it does not, and
//! another with the status of the executor when all is ended. The end of the runner's words asks it to end all: a runner
//! that is killed asks for it as well.

use super::guarding::STARTED;
#[cfg(target_os = "linux")]
use super::process_table;
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
/// Numbers of the guards that live. They are children of this process in other sessions, as what it adopts is.
static LIVING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Names the program, one of portamark, that is the guard of executors and temporary folders from now on. Without
/// it they end with this process only if it ends in order, by itself or by a panic.
pub fn guarded_by(program: PathBuf) {
    let _ = PROGRAM.set(program);
}

/// The runner's end of the connection to a guard.
#[derive(Debug)]
pub(super) struct Guard {
    number: u32,
    connection: BufReader<UnixStream>,
}

fn living() -> MutexGuard<'static, Vec<u32>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guard {
    /// Starts `executor` below a guard, which is returned with its connection and has the pipes of the executor. `None`
    /// if no program is named for it.
    ///
    /// # Errors
    /// Fails if the guard or the executor cannot be started.
    pub(super) fn of_executor(executor: &Command) -> Option<io::Result<(Child, Self)>> {
        let mut arguments: Vec<OsString> = Vec::new();
        for (name, value) in executor.get_envs() {
            let mut variable = name.to_os_string();
            variable.push("=");
            variable.push(value.unwrap_or_default());
            arguments.extend(["--set".into(), variable]);
        }
        arguments.extend(["--".into(), executor.get_program().into()]);
        arguments.extend(executor.get_args().map(OsString::from));
        PROGRAM.get().map(|program| Self::start(program, arguments, Stdio::piped))
    }

    /// Starts a guard that removes the folder `path` at its end. `None` if no program is named for it, or it does not
    /// start: the folder is of use without it.
    pub(super) fn of_folder(path: &Path) -> Option<(Child, Self)> {
        let arguments = vec!["--folder".into(), path.into()];
        PROGRAM.get().and_then(|program| Self::start(program, arguments, Stdio::null).ok())
    }

    fn start(program: &Path, arguments: Vec<OsString>, pipe: fn() -> Stdio) -> io::Result<(Child, Self)> {
        let (own, other) = UnixStream::pair()?;
        let descriptor = other.as_raw_fd();
        let mut command = Command::new(program);
        command.args(["executor", "guard", "--connection", &descriptor.to_string()]).args(arguments);
        command.stdin(pipe()).stdout(pipe()).stderr(pipe());
        // Set before the program runs, so that no signal of a terminal comes earlier; and only in the new process, so
        // that no other that starts now keeps the connection open.
        let prepare = move || {
            rustix::process::setsid()?;
            // SAFETY: the new process has the descriptors of this one, where `other` is open until it is started.
            fcntl_setfd(unsafe { BorrowedFd::borrow_raw(descriptor) }, FdFlags::empty())?;
            Ok(())
        };
        // SAFETY: both are system calls, which may be made between fork and exec.
        unsafe { command.pre_exec(prepare) };
        let (mut process, number) = {
            // Held, so that no guard is taken for a process that was adopted.
            let mut living = living();
            #[cfg(target_os = "linux")]
            process_table::adopt();
            let process = command.spawn()?;
            let number = process.id();
            living.push(number);
            (process, number)
        };
        // The connection has to end with the guard.
        drop(other);
        let mut guard = Guard { number, connection: BufReader::new(own) };
        match guard.line().as_deref() {
            Some(STARTED) => Ok((process, guard)),
            told => {
                let reason = told.unwrap_or("its guard exited").to_string();
                guard.ask();
                let _ = process.wait();
                guard.ended();
                Err(io::Error::other(reason))
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.connection.read_line(&mut line).ok()?;
        line.strip_suffix('\n').map(str::to_string)
    }

    /// Asks the guard to end all that it guards, and then itself.
    pub(super) fn ask(&self) {
        let _ = self.connection.get_ref().shutdown(Shutdown::Write);
    }

    /// Returns the status of the executor, after the end of the guard. A guard that was killed told none; what it left
    /// is ended here, on Linux, where this process adopted it.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.line().and_then(|line| line.parse().ok()).map(ExitStatus::from_raw);
        let mut living = living();
        living.retain(|number| *number != self.number);
        #[cfg(target_os = "linux")]
        if status.is_none() {
            process_table::end_adopted(&living);
        }
        status
    }
}
