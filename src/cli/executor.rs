//! `portamark executor`: the side of the child process. Not meant to be typed by hand.

use crate::error::{Error, Result};
#[cfg(unix)]
use portamark_executors::Guarding;
use portamark_executors::fake::{Fake, Script};
use portamark_executors::{HostService, Service, WgpuService, limit_own_memory, private_stdout, serve};
use portamark_kernels::{KernelSource, Rendering};
use portamark_model::error::Error as Library;
use portamark_model::text_file::read_text;
use portamark_runner::RENDERER_MEMORY;
#[cfg(unix)]
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The executor to serve.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Kind {
    /// Runs GPU plans through wgpu.
    Wgpu {
        /// Limit buffer bindings to this many bytes, for tests.
        #[arg(long, value_name = "BYTES")]
        binding_bytes: Option<u64>,
    },
    /// Runs cases on the CPU.
    Host {
        /// Set the number of threads [default: one per core].
        #[arg(long, value_name = "N")]
        threads: Option<u32>,
    },
    /// Simulates devices and failures from a script, for tests.
    Fake {
        /// TOML script of devices and failures [default: one device without failures].
        #[arg(long, value_name = "FILE")]
        script: Option<PathBuf>,
    },
    /// Renders templates that nobody has reviewed, within a limit of memory.
    Render,
    /// Starts an executor, and ends all that came from it when it or the runner ends.
    #[cfg(unix)]
    Guard {
        /// File descriptor of the connection to the runner.
        #[arg(long, value_name = "NUMBER")]
        connection: i32,
        /// Remove this folder at the end.
        #[arg(long, value_name = "PATH")]
        folder: Option<PathBuf>,
        /// Set a variable in the environment of the executor.
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<OsString>,
        /// Program of the executor with its arguments.
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

/// Serves the protocol on stdin and stdout until `bye`.
pub fn run(kind: &Kind) -> Result<()> {
    let mut service: Box<dyn Service> = match kind {
        Kind::Wgpu { binding_bytes: None } => Box::new(WgpuService::new()),
        Kind::Wgpu { binding_bytes: Some(most) } => Box::new(WgpuService::with_binding_bytes(*most)),
        Kind::Host { threads } => Box::new(HostService::new(*threads)),
        Kind::Fake { script } => Box::new(Fake::from_script(read_script(script.as_deref())?)),
        Kind::Render => return render().map_err(failed),
        #[cfg(unix)]
        Kind::Guard { connection, folder, set, command } => {
            let (connection, folder) = (*connection, folder.clone());
            let guarding =
                Guarding { connection, folder, environment: set.clone(), command: command.clone() };
            return guarding.perform().map_err(failed);
        }
    };
    requests().and_then(|requests| serve(service.as_mut(), requests, private_stdout()?)).map_err(failed)
}

fn failed(error: io::Error) -> Error {
    Library::Executor { name: "child".into(), message: error.to_string() }.into()
}

/// Answers each rendering, one a line of stdin, with one line on stdout; any other line ends it.
fn render() -> io::Result<()> {
    limit_own_memory(RENDERER_MEMORY);
    let mut answers = private_stdout()?;
    for line in requests()?.lines() {
        let Ok(rendering) = serde_json::from_str::<Rendering>(&line?) else { break };
        let mut answer = serde_json::to_vec(&KernelSource::perform(&rendering))?;
        answer.push(b'\n');
        answers.write_all(&answer)?;
    }
    Ok(())
}

/// Grace period in which a service may notice that its runner has exited.
const GRACE: Duration = Duration::from_secs(1);

/// Stdin, read by a thread that ends this process at end of file: a runner that was killed can no longer kill
/// its executor, and a hanging driver would keep the process alive forever.
fn requests() -> io::Result<impl BufRead> {
    let (requests, mut pipe) = io::pipe()?;
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut pipe);
        drop(pipe);
        thread::sleep(GRACE);
        std::process::exit(0);
    });
    Ok(BufReader::new(requests))
}

fn read_script(path: Option<&Path>) -> Result<Script> {
    let Some(path) = path else { return Ok(Script::default()) };
    let text = read_text(path)?;
    Script::from_toml(&text).map_err(|message| Error::input(path, message))
}
