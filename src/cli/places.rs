//! Which executors are asked for devices: flags that several commands share.

use super::note;
use crate::error::{Error, Result};
use portamark_model::error::Error as Library;
use portamark_runner::{BuiltIn, Executors};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Which executors there are to ask, and how they are started.
#[derive(Debug, Clone, clap::Args)]
pub struct ExecutorFlags {
    /// Command of an external executor, instead of the built-in ones.
    #[arg(long, value_name = "COMMAND")]
    pub(super) executor: Option<String>,
    /// Threads of the host's processor on the device `host`; without this one for each core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(super) threads: Option<u32>,
    /// Python that runs devices like `numpy`, `torch:npu` and `jax`; without this PORTAMARK_PYTHON, or
    /// python3.
    #[arg(long, value_name = "PATH")]
    pub(super) python: Option<PathBuf>,
    /// Port of the page of the device `browser`; 0 is a free one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) port: u16,
    /// Address where that page is served. Browsers offer WebGPU to pages of the same machine alone: a
    /// tunnel to this one serves others better than another address.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(super) listen: IpAddr,
}

impl ExecutorFlags {
    /// What the flags say.
    ///
    /// # Errors
    /// When the command of an executor is empty, or this program cannot be found.
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

/// The built-in executors, in child processes of this program.
///
/// # Errors
/// When this program cannot be found.
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
