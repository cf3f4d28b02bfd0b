//! Messages of the runner, on stderr.

use super::output::note;
use portamark_model::error::Error;
use portamark_runner::Events;

/// Prints each message as a line, without progress.
pub(super) struct Talk;

/// What follows where no GPU driver can be used, and what to do about it.
const NEXT: &str = "only the CPU is benchmarked; `portamark doctor` explains why; `-d host` asks for the CPU, and \
                    `-d gpu` ends with exit code 3 if there is no GPU";

impl Events for Talk {
    fn note(&self, text: &str) {
        note(text);
    }

    fn no_gpu(&self, error: Option<&Error>) {
        match error {
            Some(error) => note(&format!("note: no GPU driver can be used ({error}): {NEXT}")),
            None => note(&format!("note: no GPU driver was found: {NEXT}")),
        }
    }
}
