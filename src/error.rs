//! The error that reaches a user: what happened, to what, and what to do next.

use std::path::{Path, PathBuf};

/// Process exit codes, as documented in the README and `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// A gate failed: a regression, a wrong result, a row below its floor.
    Gate = 1,
    /// Wrong usage or unreadable input.
    Usage = 2,
    /// No usable device.
    NoDevice = 3,
    /// Interrupted; what was measured is saved and can be resumed.
    Interrupted = 4,
}

/// Any failure of a command. The `Display` text is the one line a user reads.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that does not exist or does not fit together.
    #[error("{message}")]
    Usage {
        /// What is wrong with the request.
        message: String,
        /// What to try instead.
        hint: Option<String>,
    },
    /// A file that was named cannot be used.
    #[error("{}: {message}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
        /// What to try instead.
        hint: Option<String>,
    },
    /// Reading or writing failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// "read", "write", "create", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// No device can be used.
    #[error("{message}")]
    NoDevice {
        /// What was looked for and not found.
        message: String,
        /// Whether the reasons were printed already.
        explained: bool,
    },
    /// The executor could not be started or broke the protocol.
    #[error("executor {name}: {message}")]
    Executor {
        /// Which executor.
        name: String,
        /// What it did.
        message: String,
    },
    /// Something that was to hold does not.
    #[error("{0}")]
    Gate(String),
    /// The user asked to stop.
    #[error("interrupted; {0}")]
    Interrupted(String),
}

/// `std::result::Result` with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A usage error without a hint.
    pub fn usage(message: impl Into<String>) -> Self {
        Error::Usage { message: message.into(), hint: None }
    }

    /// A usage error with advice.
    pub fn usage_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    /// An unusable input file.
    pub fn input(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Error::Input { path: path.into(), message: message.into(), hint: None }
    }

    /// An input/output failure on `path`.
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::Io { action, path: path.to_path_buf(), source }
    }

    /// The exit code that goes with this error.
    pub fn exit(&self) -> Exit {
        match self {
            Error::Usage { .. } | Error::Input { .. } | Error::Io { .. } => Exit::Usage,
            Error::Executor { .. } | Error::NoDevice { .. } => Exit::NoDevice,
            Error::Gate(_) => Exit::Gate,
            Error::Interrupted(_) => Exit::Interrupted,
        }
    }

    /// What to do next, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Usage { hint, .. } | Error::Input { hint, .. } => hint.clone(),
            Error::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    Some("check the permissions, or name another place with -o".into())
                }
                std::io::ErrorKind::StorageFull => {
                    Some("free some space; finished rows are safe, --resume continues".into())
                }
                _ => None,
            },
            Error::NoDevice { explained: true, .. } => None,
            Error::NoDevice { .. } => Some("`portamark doctor` explains why and what to do".into()),
            Error::Executor { .. } => Some("`portamark doctor` starts it by hand".into()),
            Error::Gate(_) | Error::Interrupted(_) => None,
        }
    }
}
