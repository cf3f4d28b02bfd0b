//! Ctrl-C during a run.

use super::output::note;
use crate::error::Exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flag set by Ctrl-C; a second Ctrl-C ends the program immediately.
pub(super) fn interrupt_flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&flag);
    let _ = ctrlc::set_handler(move || {
        if shared.swap(true, Ordering::SeqCst) {
            std::process::exit(Exit::Interrupted as i32);
        }
        note("\nfinishing the current case; press Ctrl-C again to stop at once");
    });
    flag
}
