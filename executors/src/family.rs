//! The processes that one executor starts, and how all of them are ended: by the runner, or without it if the
//! runner is killed.
//!
//! On Unix an executor leads a process group of its own. On Linux its environment carries a mark as well, which
//! finds descendants that left the group. Those that left the group and cleared their environment are found by their
//! parents: this process adopts the children of those that end. A shell waits for the end of the runner ([`Guard`]). On
//! Windows all processes are in a job object, which the system ends together with the runner.
//!
//! One kind survives a runner that is ended at once (SIGKILL, SIGTERM, SIGHUP, the second Ctrl-C): a process without the
//! environment, outside the group, whose parent had ended before. Only the runner knew it, and the shell cannot adopt.

use std::io;
use std::path::Path;
#[cfg(unix)]
use std::process::Stdio;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// Environment variable with the mark of an executor and its descendants.
const MARK: &str = "PORTAMARK_EXECUTOR_MARK";
/// Times that marked processes are searched for: one may start another while it is ended.
#[cfg(target_os = "linux")]
const ROUNDS: usize = 20;

/// Number of families that live. What this process adopted is of one of them, and nobody knows of which.
#[cfg(target_os = "linux")]
static LIVING: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// An executor's process with all of its descendants. They are ended when it is dropped.
#[derive(Debug)]
pub(super) struct Family {
    leader: Child,
    #[cfg(target_os = "linux")]
    mark: String,
    guard: Guard,
    #[cfg(windows)]
    job: Option<win32job::Job>,
    ended: bool,
}

impl Family {
    /// Starts `command`, and what ends its descendants if this process is killed.
    ///
    /// # Errors
    /// Fails if the program cannot be started.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let mark = new_mark();
        command.env(MARK, &mark);
        // Ctrl-C signals the whole foreground process group. The executor gets its own group and survives, so
        // that the runner can finish the current row.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        #[cfg(windows)]
        let job = job();
        #[cfg(target_os = "linux")]
        super::adopted::adopt();
        let leader = command.spawn()?;
        #[cfg(target_os = "linux")]
        LIVING.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        #[cfg(windows)]
        if let Some(job) = &job {
            use std::os::windows::io::AsRawHandle;
            // A failure leaves the process outside the job: it is then ended alone.
            let _ = job.assign_process(leader.as_raw_handle() as isize);
        }
        let guard = Guard::of_processes(leader.id(), &mark);
        Ok(Family {
            leader,
            #[cfg(target_os = "linux")]
            mark,
            guard,
            #[cfg(windows)]
            job,
            ended: false,
        })
    }

    /// Returns the process that was started, to take its pipes.
    pub(super) fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }

    /// Whether the process that was started has exited. On Unix its number stays reserved until
    /// [`end`](Self::end), so that no signal to its group can reach another process.
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

    /// Waits until the process that was started has exited, for at most `patience`; whether it has.
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

    /// Ends the process and all of its descendants at once. Returns the status of the process that was started,
    /// which is its own if it had exited before.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        if !self.ended {
            // As long as parents live, children are known by them.
            #[cfg(target_os = "linux")]
            super::adopted::end_descendants(rustix::process::Pid::from_child(&self.leader));
            #[cfg(unix)]
            {
                use rustix::process::{Pid, Signal, kill_process_group};
                let _ = kill_process_group(Pid::from_child(&self.leader), Signal::KILL);
            }
            #[cfg(target_os = "linux")]
            end_marked(&self.mark);
            // Closing the job ends all of its processes.
            #[cfg(windows)]
            drop(self.job.take());
            let _ = self.leader.kill();
            self.guard.dismiss();
            self.ended = true;
            #[cfg(target_os = "linux")]
            {
                let _ = self.leader.wait();
                if LIVING.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
                    super::adopted::end_adopted();
                }
            }
        }
        self.leader.wait().ok()
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns a text that no other executor has: 32 hexadecimal digits.
fn new_mark() -> String {
    use std::hash::{BuildHasher, Hasher};
    // The hasher's keys are random in each process and differ at each call.
    let number = || {
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        hasher.finish()
    };
    format!("{:016x}{:016x}", number(), number())
}

/// Ends all processes whose environment carries `mark`, wherever they stand in the tree of processes.
#[cfg(target_os = "linux")]
fn end_marked(mark: &str) {
    use rustix::process::{Pid, Signal, kill_process};
    for _ in 0..ROUNDS {
        let found = marked(mark);
        if found.is_empty() {
            return;
        }
        for pid in found.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Numbers of the living processes whose environment carries `mark`. That of an exited process is empty.
#[cfg(target_os = "linux")]
fn marked(mark: &str) -> Vec<i32> {
    let wanted = format!("{MARK}={mark}").into_bytes();
    let number = |entry: io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let carries = |pid: &i32| {
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == wanted))
    };
    std::fs::read_dir("/proc").into_iter().flatten().filter_map(number).filter(carries).collect()
}

/// Returns a job object whose processes end when its last handle is closed; the system closes the handles of a
/// process that ends.
#[cfg(windows)]
fn job() -> Option<win32job::Job> {
    let mut limits = win32job::ExtendedLimitInfo::new();
    limits.limit_kill_on_job_close();
    win32job::Job::create_with_limit_info(&limits).ok()
}

/// What [`Guard`] runs, with the number of a process group (or an empty text), the mark, and a folder (or an empty
/// text). It reads one line: end of file means that the runner is gone.
#[cfg(unix)]
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
read -r word && exit 0
if [ -n "$1" ]; then
    tree=$1
    new=$1
    while [ -n "$new" ]; do
        found=
        for parent in $new; do
            found="$found $(grep -l "^PPid:[[:space:]]*$parent\$" /proc/[0-9]*/status)"
        done
        new=
        for file in $found; do
            number=${file#/proc/}
            new="$new ${number%/status}"
        done
        new=$(echo $new)
        tree="$tree $new"
    done
    kill -KILL "-$1"
    for number in ${tree#"$1"}; do
        kill -KILL "$number"
    done
    for round in 1 2 3 4 5; do
        found=$(grep -l -a -F "$2" /proc/[0-9]*/environ)
        [ -n "$found" ] || break
        for file in $found; do
            number=${file#/proc/}
            kill -KILL "${number%/environ}"
        done
    done
fi
if [ -n "$3" ]; then
    for round in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf -- "$3" && break
        sleep 0.1
    done
fi
"#;

/// A shell that outlives this process, if that is killed, and then ends an executor's processes or removes a
/// folder. Only another process can do so after SIGKILL. Without a shell, on Windows among others, it does nothing.
#[derive(Debug)]
struct Guard(Option<Child>);

impl Guard {
    /// Guards the process group `group` and all processes that carry `mark`.
    fn of_processes(group: u32, mark: &str) -> Self {
        Self::start(&group.to_string(), &format!("{MARK}={mark}"), Path::new(""))
    }

    /// Guards the folder `path`, which is removed if this process is killed.
    fn of_folder(path: &Path) -> Self {
        Self::start("", "", path)
    }

    #[cfg(unix)]
    fn start(group: &str, mark: &str, folder: &Path) -> Self {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "portamark-guard", group, mark]).arg(folder).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // It must not carry the mark of a runner above this one, nor get the signals of its terminal.
        command.env_remove(MARK).process_group(0);
        Guard(command.spawn().ok())
    }

    #[cfg(not(unix))]
    fn start(_group: &str, _mark: &str, _folder: &Path) -> Self {
        Guard(None)
    }

    /// Ends the guard: there is nothing left to guard.
    fn dismiss(&mut self) {
        use std::io::Write;
        let Some(mut shell) = self.0.take() else { return };
        let told = shell.stdin.take().is_some_and(|mut pipe| pipe.write_all(b"done\n").is_ok());
        if !told {
            let _ = shell.kill();
        }
        let _ = shell.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.dismiss();
    }
}

/// Temporary folder that is removed when it is dropped and, on Unix, also if this process is killed.
#[derive(Debug)]
pub struct TemporaryFolder {
    // Removed before its guard is told that there is nothing left to do.
    folder: tempfile::TempDir,
    _guard: Guard,
}

impl TemporaryFolder {
    /// Creates an empty folder in the system's folder for temporary files.
    ///
    /// # Errors
    /// Fails if the folder cannot be created.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("portamark-").tempdir()?;
        let guard = Guard::of_folder(folder.path());
        Ok(TemporaryFolder { folder, _guard: guard })
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
