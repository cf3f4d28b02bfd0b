//! An executor in a child process: starts it, waits for its answers with a timeout, kills and restarts it.
//!
//! A driver that crashes, hangs or aborts ends only the child process; the run continues. What the child started
//! itself ends with it.

use super::family::{Family, TemporaryFolder};
use super::post_mortem::{describe, kind_of_death, memory_kills, next_start, tail};
use super::protocol::{Request, Response};
use super::remote::{Executor, Fault, FaultKind, understood};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Number of the last lines of the child's stderr that are kept, to explain why it exited.
const KEPT_LINES: usize = 20;
/// Largest accepted response, in bytes. The largest legitimate one carries sampled elements of an output.
const LONGEST_RESPONSE: u64 = 64 << 20;
/// Time that an executor gets to exit by itself after `bye`.
const FAREWELL: Duration = Duration::from_millis(500);
/// Time after which the runner looks, again and again, whether an executor that does not answer is still alive:
/// a descendant may hold its stdout open after its death. Most answers come earlier, so nothing looks while a
/// batch is timed.
const LOOK: Duration = Duration::from_millis(250);
/// Time that the answer of an executor which has exited may take through the pipe.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Command that starts an executor.
#[derive(Debug, Clone)]
pub struct Program {
    /// Path or name of the program.
    pub program: std::path::PathBuf,
    /// Arguments of the program.
    pub arguments: Vec<String>,
    /// Environment variables to set, in addition to those of this process.
    pub environment: Vec<(String, String)>,
    /// Temporary folder with the program's own files, removed when the last clone is dropped. `None` if it
    /// needs no such folder.
    pub folder: Option<Arc<TemporaryFolder>>,
}

impl Program {
    /// Creates a command that runs `program` with `arguments` in the environment of this process.
    pub fn new(program: impl Into<std::path::PathBuf>, arguments: Vec<String>) -> Self {
        Program { program: program.into(), arguments, environment: Vec::new(), folder: None }
    }
}

struct Running {
    family: Family,
    /// Queue to the thread that writes to the child's stdin. A child that does not read blocks the pipe; with
    /// a thread of its own, it does not block the runner.
    requests: Sender<Vec<u8>>,
    lines: Receiver<std::io::Result<String>>,
    stderr: Arc<Mutex<VecDeque<String>>>,
    /// Number of processes that the OOM killer had ended when the child started.
    memory_kills: Option<u64>,
}

impl Running {
    /// Waits for the next line of the executor, for at most `deadline`. An executor that has exited is
    /// `Disconnected`, also if a process that it started holds its stdout open.
    fn line(&mut self, deadline: Duration) -> Result<std::io::Result<String>, RecvTimeoutError> {
        let started = Instant::now();
        loop {
            let left = deadline.saturating_sub(started.elapsed());
            match self.lines.recv_timeout(left.min(LOOK)) {
                Err(RecvTimeoutError::Timeout) if self.family.has_exited() => {
                    let last = self.lines.recv_timeout(LAST_WORDS);
                    return last.map_err(|_| RecvTimeoutError::Disconnected);
                }
                Err(RecvTimeoutError::Timeout) if left > LOOK => {}
                answer => return answer,
            }
        }
    }
}

/// [`Executor`] in a child process, connected through stdin and stdout. The first request starts the child;
/// the first request after a fatal fault starts a new one.
pub struct ChildExecutor {
    program: Program,
    running: Option<Running>,
    starts: u32,
}

impl ChildExecutor {
    /// Creates an executor without starting `program`. The first request starts it.
    pub fn new(program: Program) -> Self {
        ChildExecutor { program, running: None, starts: 0 }
    }

    /// Creates an executor that runs this program as a child with the arguments `executor wgpu`.
    pub fn wgpu() -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        let arguments = vec!["executor".into(), "wgpu".into()];
        Ok(Self::new(Program::new(program, arguments)))
    }

    /// Number of child processes started so far.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    fn start(&mut self) -> Result<&mut Running, Fault> {
        if self.running.is_none() {
            self.running = Some(spawn(&self.program)?);
            self.starts += 1;
        }
        Ok(self.running.as_mut().expect("just set"))
    }

    fn exchange(&mut self, text: Vec<u8>, deadline: Duration) -> Result<Response, Fault> {
        let line = self.ask(text, deadline)?;
        understood(&line, "the executor's").map_err(|what| self.post_mortem(FaultKind::Crashed, &what))
    }

    /// Sends one line and returns the line that answers it, whatever it says. A child that does not answer within
    /// `deadline` is killed.
    ///
    /// # Errors
    /// Fails if there is no answer.
    pub fn ask(&mut self, mut text: Vec<u8>, deadline: Duration) -> Result<String, Fault> {
        text.push(b'\n');
        let running = self.start()?;
        let _ = running.requests.send(text);
        let crashed = FaultKind::Crashed;
        match running.line(deadline) {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(error)) => {
                Err(self.post_mortem(crashed, &format!("the executor's answer ended early: {error}")))
            }
            Err(RecvTimeoutError::Timeout) => {
                let deadline = portamark_model::units::seconds(deadline.as_secs_f64());
                let what = format!("no answer within {deadline}; the executor was killed");
                Err(self.post_mortem(FaultKind::Timeout, &what))
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.post_mortem(crashed, "the executor exited")),
        }
    }

    /// Kills a child that failed. Returns a fault with the child's exit status and its last stderr lines.
    fn post_mortem(&mut self, kind: FaultKind, what: &str) -> Fault {
        let Some(mut running) = self.running.take() else { return Fault::fatal(kind, what) };
        // A crashed child may take a moment to exit; waiting yields its own exit status. After a timeout
        // there is nothing to wait for.
        let patience = if kind == FaultKind::Crashed { Duration::from_millis(200) } else { Duration::ZERO };
        let exited = running.family.exits_within(patience);
        let status = running.family.end().filter(|_| exited);
        // The thread that reads stderr ends with the pipe; give it time to store the last lines.
        thread::sleep(Duration::from_millis(10));
        let said = running.stderr.lock().map(|lines| tail(&lines)).unwrap_or_default();
        let ended = status.map_or(String::new(), |status| format!(" ({})", describe(status)));
        let mut reason = format!("{what}{ended}");
        if !said.is_empty() {
            reason = format!("{reason}; stderr: {said}");
        }
        let starved = match (running.memory_kills, memory_kills()) {
            (Some(before), Some(now)) => now > before,
            _ => false,
        };
        Fault::fatal(
            if kind == FaultKind::Crashed { kind_of_death(status, starved, &reason) } else { kind },
            reason,
        )
    }
}

fn spawn(program: &Program) -> Result<Running, Fault> {
    let mut command = Command::new(&program.program);
    command.args(&program.arguments).envs(program.environment.iter().cloned());
    let mut family = Family::start(command).map_err(|e| {
        let name = program.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Fault::new(FaultKind::Crashed, format!("cannot start {name}: {e}"))
    })?;
    let child = family.leader();
    let mut stdin = child.stdin.take().expect("piped");
    let stdout = child.stdout.take().expect("piped");
    let stderr = child.stderr.take().expect("piped");

    let (requests, to_write) = channel::<Vec<u8>>();
    thread::spawn(move || {
        // A write error needs no report: whoever waits for the answer notices that the child is gone.
        while let Ok(request) = to_write.recv() {
            if stdin.write_all(&request).and_then(|()| stdin.flush()).is_err() {
                break;
            }
        }
    });

    let (send, lines) = sync_channel(4);
    thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        loop {
            let mut line = Vec::new();
            let read = std::io::Read::take(&mut reader, LONGEST_RESPONSE).read_until(b'\n', &mut line);
            let message = match read {
                Ok(0) => break,
                Ok(_) if line.ends_with(b"\n") => Ok(String::from_utf8_lossy(&line).into_owned()),
                Ok(_) => Err(std::io::Error::other("half a line")),
                Err(error) => Err(error),
            };
            let end = message.is_err();
            if send.send(message).is_err() || end {
                break;
            }
        }
    });
    let kept = Arc::new(Mutex::new(VecDeque::new()));
    let keep = Arc::clone(&kept);
    thread::spawn(move || {
        let mut stderr = BufReader::new(stderr);
        while let Ok(Some(line)) = next_start(&mut stderr) {
            let line: String = String::from_utf8_lossy(&line).chars().take(300).collect();
            let Ok(mut lines) = keep.lock() else { break };
            if lines.len() == KEPT_LINES {
                lines.pop_front();
            }
            lines.push_back(line.trim().to_string());
        }
    });
    Ok(Running { family, requests, lines, stderr: kept, memory_kills: memory_kills() })
}

impl Executor for ChildExecutor {
    fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault> {
        let text = serde_json::to_vec(request).expect("requests are plain data");
        if matches!(request, Request::Prepare(_)) {
            // stderr lines of earlier cases must not be reported for this one.
            self.start()?.stderr.lock().map(|mut lines| lines.clear()).unwrap_or_default();
        }
        self.exchange(text, deadline)
    }

    fn line(&mut self, line: &str, deadline: Duration) -> Option<Result<Response, Fault>> {
        Some(self.exchange(line.as_bytes().to_vec(), deadline))
    }

    fn generation(&self) -> u32 {
        self.starts + u32::from(self.running.is_none())
    }

    fn takes_real_time(&self) -> bool {
        true
    }

    fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.family.end();
        }
    }

    /// Gives the child a moment to exit by itself, so that the driver can write its caches.
    fn end(&mut self) {
        self.leave(FAREWELL);
    }

    fn leave(&mut self, patience: Duration) -> Option<bool> {
        let mut ended = true;
        if let Some(running) = self.running.as_mut() {
            let _ = running.requests.send(b"{\"request\":\"bye\"}\n".to_vec());
            ended = running.family.exits_within(patience);
        }
        self.stop();
        Some(ended)
    }
}

impl Drop for ChildExecutor {
    fn drop(&mut self) {
        self.end();
    }
}
