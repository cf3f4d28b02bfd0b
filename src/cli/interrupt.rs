//! Ctrl-C and other signals that end a run.

use super::output::note;
use crate::error::Exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flag set by Ctrl-C; a second Ctrl-C ends the program immediately, as a request to terminate and the end of the
/// terminal do. Called first, so that a signal finds its handler however early it comes.
pub(super) fn interrupt_flag() -> Arc<AtomicBool> {
    #[cfg(unix)]
    end_on_termination();
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

/// Lets a signal end the program with the exit code of an interrupted one. What ignores the end of its terminal, as
/// `nohup` does, ignores it still.
#[cfg(unix)]
fn end_on_termination() {
    let handler = ended as extern "C" fn(libc::c_int);
    for signal in [libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler calls only functions that a signal may interrupt anything for.
        unsafe {
            if libc::signal(signal, handler as libc::sighandler_t) == libc::SIG_IGN {
                libc::signal(signal, libc::SIG_IGN);
            }
        }
    }
}

#[cfg(unix)]
extern "C" fn ended(_signal: libc::c_int) {
    const WORDS: &[u8] = b"\nerror: interrupted; finished rows are saved; continue with --resume\n";
    // SAFETY: both may be called by a handler of signals, and the text is as long as is said.
    unsafe {
        libc::write(libc::STDERR_FILENO, WORDS.as_ptr().cast(), WORDS.len());
        libc::_exit(Exit::Interrupted as libc::c_int);
    }
}

/// Makes a write beyond the limit of file sizes (`ulimit -f`) an error, which is reported, and not the end of the
/// program.
pub fn survive_the_limit_of_file_sizes() {
    #[cfg(unix)]
    // SAFETY: no handler of this program is replaced, and none is set.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
