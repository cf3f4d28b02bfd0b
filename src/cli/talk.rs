//! Messages of the runner, on stderr.

use super::output::note;
use portamark_model::error::Error;
use portamark_runner::Events;

/// Prints each message as a line, without progress.
pub(super) struct Talk;

impl Events for Talk {
    fn note(&self, text: &str) {
        note(text);
    }

    fn no_gpu(&self, error: Option<&Error>) {
        match error {
            Some(error) => note(&format!(
                "note: no GPU driver can be used: {error}; run `portamark doctor` to find the cause"
            )),
            None => note("note: no GPU driver was found: only the CPU is benchmarked"),
        }
    }
}
