//! How the program ends after a run.

use crate::error::{Error, Result};

/// Returns the error, and so the exit code, for the outcome of a run.
pub(super) fn ending(interrupted: bool, defects: usize) -> Result<()> {
    if interrupted {
        return Err(Error::Interrupted("what was measured is saved; --resume continues".into()));
    }
    if defects > 0 {
        return Err(Error::Gate(format!("{defects} cases did not end well; their rows say why")));
    }
    Ok(())
}
