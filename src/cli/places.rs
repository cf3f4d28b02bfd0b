//! Options that choose executors, shared by several commands.

use super::output::note;
use crate::error::{Error, Result};
use portamark_model::error::Error as Library;
use portamark_runner::{BuiltIn, Executors};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Options that choose executors and how they are started.
#[derive(Debug, Clone, clap::Args)]
pub struct ExecutorFlags {
    /// Run this external executor instead of the built-in ones.
    #[arg(long, value_name = "COMMAND")]
    pub(super) executor: Option<String>,
    /// Set the number of CPU threads of the device `host` [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(super) threads: Option<u32>,
    /// Run devices like `numpy`, `torch:npu` and `jax` with this Python [default: PORTAMARK_PYTHON, or
    /// python3].
    #[arg(long, value_name = "PATH")]
    pub(super) python: Option<PathBuf>,
    /// Serve the page of the device `browser` on this port; 0 chooses a free one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) port: u16,
    /// Serve that page on this address. Browsers offer WebGPU only to pages from the same machine, so prefer a
    /// tunnel to another address.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(super) listen: IpAddr,
}

impl ExecutorFlags {
    /// Returns the executors that the options choose.
    ///
    /// # Errors
    /// Fails if the command of an executor is empty, or this program cannot be found.
    pub(super) fn resolve(&self) -> Result<Executors> {
        if self.executor.as_ref().is_some_and(|command| command.trim().is_empty()) {
            return Err(Error::usage("--executor needs a command"));
        }
        let mut executors = built_in()?;
        executors.command = self.executor.clone();
        executors.threads = self.threads;
        executors.python = self.python.clone();
        executors.page = SocketAddr::new(self.listen, self.port);
        Ok(executors)
    }
}

/// Returns the built-in executors, as child processes of this program.
///
/// # Errors
/// Fails if this program cannot be found.
pub(super) fn built_in() -> Result<Executors> {
    let program = std::env::current_exe().map_err(|error| Library::Executor {
        name: "wgpu".into(),
        message: format!("cannot find this program: {error}"),
    })?;
    let mut executors = Executors::default();
    executors.built_in = BuiltIn::Program(program);
    executors.say = note;
    Ok(executors)
}
