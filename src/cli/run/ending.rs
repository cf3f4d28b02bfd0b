//! How the program ends after a run.

use crate::error::{Error, Result};
use portamark_model::error::Error as Library;
use std::sync::atomic::{AtomicBool, Ordering};

/// Returns the error of a run that measured nothing. If the user asked to stop while it waited for another run, it was
/// interrupted.
pub(super) fn not_begun(error: Library, stop: &AtomicBool) -> Error {
    match error {
        Library::Busy { path } if stop.load(Ordering::SeqCst) => Error::Interrupted(format!(
            "nothing was measured, since another run still writes {}",
            path.display()
        )),
        other => other.into(),
    }
}

/// Returns the error, and so the exit code, for the outcome of a run.
pub(super) fn ending(interrupted: bool, defects: usize) -> Result<()> {
    if interrupted {
        return Err(Error::Interrupted("finished rows are saved; continue with --resume".into()));
    }
    if defects > 0 {
        return Err(Error::Gate(format!(
            "cases that failed or gave a wrong result: {defects}; their rows give the reasons"
        )));
    }
    Ok(())
}
