//! How far cases are kept apart, and which are tried again.

use portamark_runner::{self as runner, Earlier};

/// What has a child process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Isolate {
    /// Each device; a fresh child follows one that failed.
    #[default]
    Device,
    /// Each case: nothing of an earlier case can disturb it, and starting costs a moment.
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

/// Which rows of an earlier run are made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Retry {
    /// Those that failed, crashed, ran out of memory, or into their deadline.
    Failed,
}

/// How far cases are kept apart, and which are tried again.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Isolation {
    /// What has a child process of its own.
    #[arg(long, value_name = "WHAT", default_value = "device")]
    pub(super) isolate: Isolate,
    /// Go on with the newest run of this suite on this device, finished or not.
    #[arg(long, value_name = "WHICH")]
    pub(super) retry: Option<Retry>,
}

impl Isolation {
    /// What is done with an earlier run, where `resume` says whether an interrupted one goes on.
    pub(super) fn earlier(&self, resume: bool) -> Earlier {
        match self.retry {
            Some(Retry::Failed) => Earlier::RetryFailed,
            None if resume => Earlier::Resume,
            None => Earlier::Leave,
        }
    }
}
