//! What can go wrong, in words for whoever asked: what happened, to what, and what to do next.

use std::fmt;
use std::path::{Path, PathBuf};

/// What to do next. A program says it in terms of its own commands; the `Display` text has none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// What these words say.
    Words(String),
    /// No baseline of this name was saved yet; a run makes one.
    SaveBaseline(String),
    /// The run to go on with was made with other options: give those, or begin a new run.
    BeginAnew,
    /// Say which of these formats a file is of.
    NameFormat(String),
    /// Make a table of tuned variants, or go without.
    Tune,
    /// Nothing can be tried again here: name the folder of the earlier run, or begin a new one.
    NothingToRetry,
    /// One side of a comparison is several devices: name one.
    NameDevice,
    /// A list of the devices has their numbers.
    ListDevices,
    /// The page needs another address or port.
    OtherAddress,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::Words(words) => f.write_str(words),
            Hint::SaveBaseline(name) => write!(f, "save a run as baseline {name} first"),
            Hint::BeginAnew => f.write_str("give the options that it was made with, or begin a new run"),
            Hint::NameFormat(known) => write!(f, "say which format it is: {known}"),
            Hint::Tune => f.write_str("make a table of tuned variants, or go without"),
            Hint::NothingToRetry => f.write_str("name the folder of its file, or begin a new run"),
            Hint::NameDevice => f.write_str("name one device"),
            Hint::ListDevices => f.write_str("a list of the devices has their numbers"),
            Hint::OtherAddress => {
                f.write_str("give another port, 0 for a free one, or an address of this machine")
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

/// Any failure of a library of portamark. The `Display` text is one line.
///
/// Which exit code it means, and by which flag it can be helped, is for the program to say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for does not exist or does not fit together.
    #[error("{message}")]
    Refused {
        /// What is wrong with the request.
        message: String,
        /// What to try instead.
        hint: Option<Hint>,
    },
    /// A file that was named cannot be used.
    #[error("{}: {message}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
        /// What to try instead.
        hint: Option<Hint>,
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
        /// Whether `message` has the reasons.
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
}

/// `std::result::Result` with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A refusal without a hint.
    pub fn refused(message: impl Into<String>) -> Self {
        Error::Refused { message: message.into(), hint: None }
    }

    /// A refusal with advice.
    pub fn refused_hint(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Error::Refused { message: message.into(), hint: Some(hint.into()) }
    }

    /// An unusable input file.
    pub fn input(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Error::Input { path: path.into(), message: message.into(), hint: None }
    }

    /// An input/output failure on `path`.
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::Io { action, path: path.to_path_buf(), source }
    }

    /// What to do next, where there is something to say.
    pub fn hint(&self) -> Option<&Hint> {
        match self {
            Error::Refused { hint, .. } | Error::Input { hint, .. } => hint.as_ref(),
            Error::Io { .. } | Error::NoDevice { .. } | Error::Executor { .. } => None,
        }
    }
}
