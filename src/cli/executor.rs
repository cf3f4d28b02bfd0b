//! `portamark executor`: the child process side. Not meant to be typed by hand.

use crate::error::{Error, Result};
use crate::executor::{WgpuService, serve};

/// Which executor to be.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Kind {
    /// GPU plans through wgpu.
    Wgpu,
}

/// Serves the protocol on stdin and stdout until `bye`.
pub fn run(kind: &Kind) -> Result<()> {
    let broken = |error: std::io::Error| Error::Executor { name: "child".into(), message: error.to_string() };
    match kind {
        Kind::Wgpu => serve(&mut WgpuService::new(), std::io::stdin().lock(), std::io::stdout().lock()),
    }
    .map_err(broken)
}
