//! The processes that one executor starts, and how all of them are ended: by the runner, or without it if the
//! runner is killed.
//!
//! On Unix a [`Guard`] between the runner and the executor ends them. Where no program is named for it the runner does
//! so alone, and what outlives the executor outside its process group is not found. On Windows all processes are in a job
//! object, which the system ends together with the runner.

#[cfg(unix)]
use super::guard::Guard;
#[cfg(target_os = "linux")]
use super::process_table;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Time that a guard gets to end all that it guards. What waits for a device ends only then.
#[cfg(unix)]
const GUARDED_END: Duration = Duration::from_secs(10);

/// An executor's process with all of its descendants. They are ended when it is dropped.
#[derive(Debug)]
pub(super) struct Family {
    /// The guard if there is one, otherwise the executor.
    leader: Child,
    #[cfg(unix)]
    guard: Option<Guard>,
    #[cfg(windows)]
    job: Option<win32job::Job>,
    ended: bool,
    status: Option<ExitStatus>,
}

impl Family {
    /// Starts `command` with pipes, and what ends its descendants if this process is killed.
    ///
    /// # Errors
    /// Fails if the program cannot be started.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        #[cfg(unix)]
        if let Some(guarded) = Guard::of_executor(&command) {
            let (leader, guard) = guarded?;
            return Ok(Family { leader, guard: Some(guard), ended: false, status: None });
        }
        // Ctrl-C signals the whole foreground process group. The executor gets its own group and survives, so
        // that the runner can finish the current row.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        #[cfg(windows)]
        let job = job();
        let leader = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        #[cfg(windows)]
        if let Some(job) = &job {
            use std::os::windows::io::AsRawHandle;
            // A failure leaves the process outside the job: it is then ended alone.
            let _ = job.assign_process(leader.as_raw_handle() as isize);
        }
        Ok(Family {
            leader,
            #[cfg(unix)]
            guard: None,
            #[cfg(windows)]
            job,
            ended: false,
            status: None,
        })
    }

    /// Returns the process that has the pipes of the executor.
    pub(super) fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }

    /// Whether the executor has exited and, with a guard, all that it started is ended. On Unix the number of the
    /// process stays reserved until [`end`](Self::end), so that no signal to its group can reach another one.
    pub(super) fn has_exited(&mut self) -> bool {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            let pid = Pid::from_child(&self.leader);
            self.ended || !matches!(waitid(WaitId::Pid(pid), look), Ok(None))
        }
        #[cfg(not(unix))]
        {
            !matches!(self.leader.try_wait(), Ok(None))
        }
    }

    /// Waits until the executor has exited, for at most `patience`; whether it has.
    pub(super) fn exits_within(&mut self, patience: Duration) -> bool {
        let started = Instant::now();
        loop {
            if self.has_exited() {
                return true;
            }
            if started.elapsed() >= patience {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends the executor and all of its descendants at once. Returns the status of the executor, which is its own if it
    /// had exited before.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        if !self.ended {
            #[cfg(unix)]
            let told = match self.guard.take() {
                Some(guard) => end_guarded(&mut self.leader, guard),
                None => {
                    let leader = rustix::process::Pid::from_child(&self.leader);
                    // As long as parents live, children are known by them.
                    #[cfg(target_os = "linux")]
                    process_table::end_below(leader.as_raw_nonzero().get());
                    let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
                    None
                }
            };
            // Closing the job ends all of its processes.
            #[cfg(windows)]
            let told = {
                drop(self.job.take());
                None
            };
            self.ended = true;
            let _ = self.leader.kill();
            self.status = told.or(self.leader.wait().ok());
        }
        self.status
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.end();
    }
}

/// Lets the guard end all that it guards, and ends it if it does not. Returns the status of the executor, if told.
#[cfg(unix)]
fn end_guarded(process: &mut Child, mut guard: Guard) -> Option<ExitStatus> {
    guard.ask();
    let started = Instant::now();
    while matches!(process.try_wait(), Ok(None)) {
        if started.elapsed() >= GUARDED_END {
            let _ = process.kill();
        }
        thread::sleep(Duration::from_millis(1));
    }
    guard.ended()
}

/// Returns a job object whose processes end when its last handle is closed; the system closes the handles of a
/// process that ends.
#[cfg(windows)]
fn job() -> Option<win32job::Job> {
    let mut limits = win32job::ExtendedLimitInfo::new();
    limits.limit_kill_on_job_close();
    win32job::Job::create_with_limit_info(&limits).ok()
}

/// Temporary folder that is removed when it is dropped and, on Unix, also if this process is killed.
#[derive(Debug)]
pub struct TemporaryFolder {
    folder: tempfile::TempDir,
    #[cfg(unix)]
    guard: Option<(Child, Guard)>,
}

impl TemporaryFolder {
    /// Creates an empty folder in the system's folder for temporary files.
    ///
    /// # Errors
    /// Fails if the folder cannot be created.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("portamark-").tempdir()?;
        #[cfg(unix)]
        let guard = Guard::of_folder(folder.path());
        Ok(TemporaryFolder {
            folder,
            #[cfg(unix)]
            guard,
        })
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[cfg(unix)]
impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // The guard removes the folder, and this process what it leaves.
        if let Some((mut process, guard)) = self.guard.take() {
            end_guarded(&mut process, guard);
        }
    }
}
