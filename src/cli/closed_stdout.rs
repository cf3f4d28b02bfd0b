//! Whether the program was started without a stdout (`>&-`).
//!
//! The runtime of Rust opens `/dev/null` in place of what is closed, before `main`: what is written would be lost
//! without an error. Later nothing tells it from a `/dev/null` that the caller gave, which is fine.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: AtomicBool = AtomicBool::new(false);

/// Returns the error of writing to a stdout that was closed at the start; `None` if it was open.
pub(super) fn error() -> Option<io::Error> {
    CLOSED.load(Ordering::Relaxed).then(|| io::Error::from_raw_os_error(libc::EBADF))
}

/// Called by the system's loader before the runtime.
#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static BEFORE_THE_RUNTIME: extern "C" fn() = look;

extern "C" fn look() {
    // SAFETY: only asks for the flags of the descriptor.
    if unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } == -1 {
        CLOSED.store(true, Ordering::Relaxed);
    }
}
