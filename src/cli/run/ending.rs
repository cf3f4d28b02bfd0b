//! How the program ends after a run.

use crate::error::{Error, Result};

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
