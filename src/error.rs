//! Errors of commands: message, hint and exit code.

use portamark_model::error::{Error as Library, Hint};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Process exit codes, as documented in the README and `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// A gate failed: a regression, a wrong result, a row below its floor.
    Gate = 1,
    /// Wrong usage, unreadable input, or output that cannot be written.
    Usage = 2,
    /// No usable device.
    NoDevice = 3,
    /// Interrupted; what was measured is saved and can be resumed.
    Interrupted = 4,
}

/// Any failure of a command. The `Display` text is the one line a user reads.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of a library.
    #[error(transparent)]
    Library(#[from] Library),
    /// A gate failed.
    #[error("{0}")]
    Gate(String),
    /// Stdout takes no more.
    #[error("cannot write to stdout: {0}; the output is incomplete")]
    Output(std::io::Error),
    /// The user asked to stop.
    #[error("interrupted; {0}")]
    Interrupted(String),
}

/// `std::result::Result` with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns a usage error without a hint.
    pub fn usage(message: impl Into<String>) -> Self {
        Library::refused(message).into()
    }

    /// Returns a usage error with a hint.
    pub fn usage_hint(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Library::refused_hint(message, hint).into()
    }

    /// Returns the error for an unusable input file.
    pub fn input(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Library::input(path, message).into()
    }

    /// Returns the error for an input or output failure on `path`.
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Library::io(action, path, source).into()
    }

    /// Returns the exit code for this error.
    pub fn exit(&self) -> Exit {
        match self {
            Error::Library(Library::NoDevice { .. } | Library::Executor { .. }) => Exit::NoDevice,
            Error::Library(_) | Error::Output(_) => Exit::Usage,
            Error::Gate(_) => Exit::Gate,
            Error::Interrupted(_) => Exit::Interrupted,
        }
    }

    /// Returns the hint on what to do next, if there is one.
    pub fn hint(&self) -> Option<String> {
        let Error::Library(error) = self else { return None };
        let of_program = match error {
            Library::Io { source, .. } => match source.kind() {
                ErrorKind::PermissionDenied => "check the permissions, or name another place with -o",
                ErrorKind::StorageFull => {
                    "free some disk space; finished rows of a run are saved, and --resume continues it"
                }
                _ => return None,
            },
            Library::NoDevice { explained: true, .. } => return None,
            Library::NoDevice { .. } => "`portamark doctor` explains why and what to do",
            Library::Executor { .. } => "`portamark doctor` helps to find the cause",
            _ => return error.hint().map(by_flags),
        };
        Some(of_program.into())
    }
}

/// Words a hint in terms of the options of this program.
fn by_flags(hint: &Hint) -> String {
    match hint {
        Hint::SaveBaseline(name) => format!("create it with `portamark run --save-baseline {name}`"),
        Hint::BeginAnew => {
            "use the options of that run, or start a new run without --resume".into()
        }
        Hint::NameFormat(known) => format!("name the format with --from: {known}"),
        Hint::Tune => "create one with `portamark tune`, or use `run --untuned`".into(),
        Hint::NothingToRetry => {
            "name the folder of its result file with -o, or start a new run without --retry".into()
        }
        Hint::NameDevice => "name one, e.g. --ab device=0".into(),
        Hint::ListDevices => "`portamark devices` lists them with their numbers".into(),
        Hint::OtherDevice(found) => {
            format!("devices found: {found}; `portamark doctor` explains why another is not")
        }
        Hint::WaitForRun => {
            "another run is measuring into it; wait for it with --wait, or start a new run without --resume and --retry"
                .into()
        }
        Hint::OtherAddress => {
            "choose another port with --port (0 picks a free one), or an address of this machine with --listen".into()
        }
        other => other.to_string(),
    }
}
