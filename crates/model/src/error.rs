//! Error type of the libraries: what happened, to which object, and a hint on what to do next.

use std::fmt;
use std::path::{Path, PathBuf};

/// Suggested next step after an error. A program phrases it in terms of its own commands; the `Display`
/// text mentions none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// Free text.
    Words(String),
    /// No baseline of this name exists yet; save a run as one.
    SaveBaseline(String),
    /// The run to resume was made with other options: give the same options, or start a new run.
    BeginAnew,
    /// The format of the file must be named; holds the list of known formats.
    NameFormat(String),
    /// Create a table of tuned variants, or run without one.
    Tune,
    /// There is no run to retry here: name the folder of the earlier run, or start a new one.
    NothingToRetry,
    /// One side of a comparison contains several devices: name one of them.
    NameDevice,
    /// List the devices to see their numbers.
    ListDevices,
    /// No device has the name; holds those that were found. Find out why another one was not.
    OtherDevice(String),
    /// Serve the page at another address or port.
    OtherAddress,
    /// Another run writes the file: wait for it, or start a new run.
    WaitForRun,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::Words(words) => f.write_str(words),
            Hint::SaveBaseline(name) => write!(f, "save a run as baseline {name} first"),
            Hint::BeginAnew => f.write_str("use the options of that run, or start a new run"),
            Hint::NameFormat(known) => write!(f, "name the format: {known}"),
            Hint::Tune => f.write_str("create a table of tuned variants, or run untuned"),
            Hint::NothingToRetry => f.write_str("name the folder of its result file, or start a new run"),
            Hint::NameDevice => f.write_str("name one device"),
            Hint::ListDevices => f.write_str("list the devices to see their numbers"),
            Hint::OtherDevice(found) => write!(f, "devices found: {found}"),
            Hint::WaitForRun => f.write_str("wait until that run has ended, or start a new run"),
            Hint::OtherAddress => {
                f.write_str("choose another port (0 picks a free one), or an address of this machine")
            }
        }
    }
}

impl From<&str> for Hint {
    fn from(words: &str) -> Self {
        Hint::Words(words.into())
    }
}

impl From<String> for Hint {
    fn from(words: String) -> Self {
        Hint::Words(words)
    }
}

/// Error of a portamark library. The `Display` text is one line.
///
/// The program decides which exit code it maps to and which flag to suggest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request names something that does not exist, or its parts do not fit together.
    #[error("{message}")]
    Refused {
        /// Problem with the request.
        message: String,
        /// Suggested next step; `None` if there is none.
        hint: Option<Hint>,
    },
    /// A file named by the user cannot be used.
    #[error("{}: {message}", path.display())]
    Input {
        /// Path of the file.
        path: PathBuf,
        /// Problem with the file.
        message: String,
        /// Suggested next step; `None` if there is none.
        hint: Option<Hint>,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// Verb for the message: "read", "write", "create", …
        action: &'static str,
        /// Path of the file or folder.
        path: PathBuf,
        /// Error reported by the operating system.
        source: std::io::Error,
    },
    /// Another process writes the file.
    #[error("{}: another process is writing this file", path.display())]
    Busy {
        /// Path of the file.
        path: PathBuf,
    },
    /// No usable device was found.
    #[error("{message}")]
    NoDevice {
        /// Message that says which device was searched for.
        message: String,
        /// Whether `message` already gives the reasons.
        explained: bool,
    },
    /// An executor could not be started or violated the protocol.
    #[error("executor {name}: {message}")]
    Executor {
        /// Name of the executor.
        name: String,
        /// Description of the failure.
        message: String,
    },
}

/// `std::result::Result` with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an [`Error::Refused`] without a hint.
    pub fn refused(message: impl Into<String>) -> Self {
        Error::Refused { message: message.into(), hint: None }
    }

    /// Creates an [`Error::Refused`] with a hint.
    pub fn refused_hint(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Error::Refused { message: message.into(), hint: Some(hint.into()) }
    }

    /// Creates an [`Error::Input`] without a hint.
    pub fn input(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Error::Input { path: path.into(), message: message.into(), hint: None }
    }

    /// Creates an [`Error::Io`] for `path`.
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::Io { action, path: path.to_path_buf(), source }
    }

    /// Returns the suggested next step; `None` if there is none.
    pub fn hint(&self) -> Option<&Hint> {
        match self {
            Error::Refused { hint, .. } | Error::Input { hint, .. } => hint.as_ref(),
            Error::Busy { .. } => Some(&Hint::WaitForRun),
            Error::Io { .. } | Error::NoDevice { .. } | Error::Executor { .. } => None,
        }
    }
}
