//! An executor in a child process: spawn, deadline, kill, restart.
//!
//! A driver that crashes, hangs or aborts ends the child and never the run.

use super::protocol::{Request, Response};
use super::remote::{Executor, Fault, FaultKind};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Lines of the child's stderr that are kept to explain its death.
const KEPT_LINES: usize = 20;
/// A response may carry the sampled elements of an output, never more.
const LONGEST_RESPONSE: u64 = 64 << 20;

/// How to start an executor.
#[derive(Debug, Clone)]
pub struct Program {
    /// Path of the program.
    pub program: std::path::PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Environment variables to set.
    pub environment: Vec<(String, String)>,
}

struct Running {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<std::io::Result<String>>,
    stderr: Arc<Mutex<VecDeque<String>>>,
}

/// An [`Executor`] behind a child's stdin and stdout. It starts at the first request and starts
/// anew at the first request after a fatal fault.
pub struct ChildExecutor {
    program: Program,
    running: Option<Running>,
    starts: u32,
}

impl ChildExecutor {
    /// Prepares to start `program`; nothing is started yet.
    pub fn new(program: Program) -> Self {
        ChildExecutor { program, running: None, starts: 0 }
    }

    /// This binary's own wgpu executor.
    pub fn wgpu() -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        let arguments = vec!["executor".into(), "wgpu".into()];
        Ok(Self::new(Program { program, arguments, environment: Vec::new() }))
    }

    /// How often a child was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// Which child answers the next request: a handle of an earlier one is worth nothing.
    pub fn generation(&self) -> u32 {
        self.starts + u32::from(self.running.is_none())
    }

    /// Ends the child; the next request starts a new one.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }

    fn start(&mut self) -> Result<&mut Running, Fault> {
        if self.running.is_none() {
            self.running = Some(spawn(&self.program)?);
            self.starts += 1;
        }
        Ok(self.running.as_mut().expect("just set"))
    }

    /// Ends a child that misbehaved and says how it ended.
    fn post_mortem(&mut self, what: &str) -> String {
        let Some(mut running) = self.running.take() else { return what.to_string() };
        // A dying child may need a moment to be reaped; a live one is ended.
        let until = Instant::now() + Duration::from_millis(200);
        let status = loop {
            match running.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
                _ => break None,
            }
        };
        let ended = match status {
            Some(status) => format!(" ({})", describe(status)),
            None => String::new(),
        };
        let _ = running.child.kill();
        let _ = running.child.wait();
        // Readers of stderr end with the pipe, so what the driver said last is complete by now.
        thread::sleep(Duration::from_millis(10));
        let said =
            running.stderr.lock().map(|lines| lines.iter().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let said = said.join(" | ");
        if said.is_empty() { format!("{what}{ended}") } else { format!("{what}{ended}; it said: {said}") }
    }
}

/// Signals by name on Unix; the plain code elsewhere.
fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            let name = match signal {
                4 => "SIGILL",
                6 => "SIGABRT",
                7 => "SIGBUS",
                8 => "SIGFPE",
                9 => "SIGKILL",
                11 => "SIGSEGV",
                15 => "SIGTERM",
                _ => return format!("ended by signal {signal}"),
            };
            return format!("ended by {name}");
        }
    }
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => "ended".into(),
    }
}

fn spawn(program: &Program) -> Result<Running, Fault> {
    let mut command = Command::new(&program.program);
    command.args(&program.arguments).envs(program.environment.iter().cloned());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Ctrl-C reaches the whole foreground group: the child must outlive it, so that the runner can
    // finish the row it is on.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|e| {
        let name = program.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Fault::new(FaultKind::Crashed, format!("cannot start {name}: {e}"))
    })?;
    let stdin = child.stdin.take().expect("piped");
    let stdout = child.stdout.take().expect("piped");
    let stderr = child.stderr.take().expect("piped");

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
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line: String = String::from_utf8_lossy(&line).chars().take(300).collect();
            let Ok(mut lines) = keep.lock() else { break };
            if lines.len() == KEPT_LINES {
                lines.pop_front();
            }
            lines.push_back(line.trim().to_string());
        }
    });
    Ok(Running { child, stdin, lines, stderr: kept })
}

impl Executor for ChildExecutor {
    fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault> {
        let mut text = serde_json::to_string(request).expect("requests are plain data");
        text.push('\n');
        let running = self.start()?;
        if let Err(error) = running.stdin.write_all(text.as_bytes()).and_then(|()| running.stdin.flush()) {
            let reason = self.post_mortem(&format!("the executor is gone: {error}"));
            return Err(Fault::new(FaultKind::Crashed, reason));
        }
        match running.lines.recv_timeout(deadline) {
            Ok(Ok(line)) => match serde_json::from_str::<Response>(&line) {
                Ok(Response::Error { status: super::protocol::Failure::DeviceLost, reason }) => {
                    let reason = self.post_mortem(&reason);
                    Err(Fault::new(FaultKind::Crashed, reason))
                }
                Ok(response) => Ok(response),
                Err(error) => {
                    let start: String = line.trim_end().chars().take(60).collect();
                    let what = format!("the executor's answer is not a response: {error}: `{start}`");
                    Err(Fault::new(FaultKind::Crashed, self.post_mortem(&what)))
                }
            },
            Ok(Err(error)) => {
                let reason = self.post_mortem(&format!("the executor's answer ended early: {error}"));
                Err(Fault::new(FaultKind::Crashed, reason))
            }
            Err(RecvTimeoutError::Timeout) => {
                self.stop();
                let reason = format!(
                    "no answer within {}; the executor was ended",
                    crate::units::seconds(deadline.as_secs_f64())
                );
                Err(Fault::new(FaultKind::Timeout, reason))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let reason = self.post_mortem("the executor died");
                Err(Fault::new(FaultKind::Crashed, reason))
            }
        }
    }
}

impl Drop for ChildExecutor {
    fn drop(&mut self) {
        if let Some(running) = self.running.as_mut() {
            // A polite end lets the driver write its caches; a stuck child is ended below.
            let _ = running.stdin.write_all(b"{\"request\":\"bye\"}\n").and_then(|()| running.stdin.flush());
            let until = Instant::now() + Duration::from_millis(500);
            while Instant::now() < until && matches!(running.child.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(2));
            }
        }
        self.stop();
    }
}
