//! `portamark executor`: the child process side. Not meant to be typed by hand.

use crate::error::{Error, Result};
use portamark_executors::fake::{Fake, Script};
use portamark_executors::{HostService, Service, WgpuService, serve};
use portamark_model::error::Error as Library;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Which executor to be.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Kind {
    /// GPU plans through wgpu.
    Wgpu {
        /// Bind at most so many bytes of a buffer, as if the device could no more; for tests.
        #[arg(long, value_name = "BYTES")]
        binding_bytes: Option<u64>,
    },
    /// Cases on the host's processor.
    Host {
        /// Threads; without this one for each core.
        #[arg(long, value_name = "N")]
        threads: Option<u32>,
    },
    /// Devices and failures from a script, for tests.
    Fake {
        /// TOML file that says what happens; without one everything goes well.
        #[arg(long, value_name = "FILE")]
        script: Option<PathBuf>,
    },
}

/// Serves the protocol on stdin and stdout until `bye`.
pub fn run(kind: &Kind) -> Result<()> {
    let mut service: Box<dyn Service> = match kind {
        Kind::Wgpu { binding_bytes: None } => Box::new(WgpuService::new()),
        Kind::Wgpu { binding_bytes: Some(most) } => Box::new(WgpuService::with_binding_bytes(*most)),
        Kind::Host { threads } => Box::new(HostService::new(*threads)),
        Kind::Fake { script } => Box::new(Fake::from_script(read_script(script.as_deref())?)),
    };
    requests()
        .and_then(|requests| serve(service.as_mut(), requests, std::io::stdout().lock()))
        .map_err(|error| Library::Executor { name: "child".into(), message: error.to_string() }.into())
}

/// Time that a service has to notice by itself that its runner is gone.
const GRACE: Duration = Duration::from_secs(1);

/// Stdin, passed on by a thread that ends this process when stdin ends: a runner that was killed
/// cannot kill its executor any more, and a driver that hangs would keep it for ever.
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
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    Script::from_toml(&text).map_err(|message| Error::input(path, message))
}
