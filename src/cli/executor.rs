//! `portamark executor`: the child process side. Not meant to be typed by hand.

use crate::error::{Error, Result};
use crate::executor::fake::{Fake, Script};
use crate::executor::{Service, WgpuService, serve};
use std::path::{Path, PathBuf};

/// Which executor to be.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Kind {
    /// GPU plans through wgpu.
    Wgpu,
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
        Kind::Wgpu => Box::new(WgpuService::new()),
        Kind::Fake { script } => Box::new(Fake::from_script(read_script(script.as_deref())?)),
    };
    serve(service.as_mut(), std::io::stdin().lock(), std::io::stdout().lock())
        .map_err(|error| Error::Executor { name: "child".into(), message: error.to_string() })
}

fn read_script(path: Option<&Path>) -> Result<Script> {
    let Some(path) = path else { return Ok(Script::default()) };
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    Script::from_toml(&text).map_err(|message| Error::input(path, message))
}
