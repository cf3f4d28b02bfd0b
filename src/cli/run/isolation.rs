//! Options of isolation and of repeating failed cases.

use portamark_runner::{self as runner, Earlier};

/// Unit that gets a child process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Isolate {
    /// One process per device; a new one after a failure.
    #[default]
    Device,
    /// One process per case: no earlier case can disturb it, at the cost of starting a process.
    Case,
}

impl From<Isolate> for runner::Isolation {
    fn from(isolate: Isolate) -> Self {
        match isolate {
            Isolate::Device => runner::Isolation::Device,
            Isolate::Case => runner::Isolation::Case,
        }
    }
}

/// Rows of an earlier run that are measured again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Retry {
    /// Rows that failed, crashed, timed out or ran out of memory.
    Failed,
}

/// Options of isolation and of repeating failed cases.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Isolation {
    /// Choose what gets a child process of its own.
    #[arg(long, value_name = "WHAT", default_value = "device")]
    pub(super) isolate: Isolate,
    /// Continue the newest run of this suite on this device, finished or not, and measure these rows again.
    #[arg(long, value_name = "WHICH")]
    pub(super) retry: Option<Retry>,
    /// With --resume or --retry: wait while another run measures into that file, instead of ending with an error.
    #[arg(long)]
    pub(super) wait: bool,
}

impl Isolation {
    /// Returns how to treat an earlier run; `resume` continues an interrupted one.
    pub(super) fn earlier(&self, resume: bool) -> Earlier {
        match self.retry {
            Some(Retry::Failed) => Earlier::RetryFailed,
            None if resume => Earlier::Resume,
            None => Earlier::Leave,
        }
    }
}
