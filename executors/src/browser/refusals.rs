//! Reports refused requests, one line each and at a limited rate, so that data from outside can neither
//! inject control characters into a terminal nor flood it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Callback that prints a line for the person who started the run.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Largest number of lines reported within one [`WINDOW`].
const LINES: u32 = 5;
/// Time after which the count of lines starts again.
const WINDOW: Duration = Duration::from_secs(10);
/// Largest length of a line, in characters.
const LONGEST: usize = 240;

/// Reporter of refused requests with a limited rate.
pub(super) struct Refusals {
    say: Say,
    window: Mutex<Window>,
}

#[derive(Default)]
struct Window {
    began: Option<Instant>,
    said: u32,
    held_back: u64,
}

impl Refusals {
    pub(super) fn new(say: Say) -> Self {
        Refusals { say, window: Mutex::default() }
    }

    /// Reports that `what` was refused, unless the limit of this window is reached.
    pub(super) fn note(&self, what: &str) {
        let Ok(mut window) = self.window.lock() else { return };
        if window.began.is_none_or(|began| began.elapsed() > WINDOW) {
            if window.held_back > 0 {
                (self.say)(&format!("note: refused {} more", window.held_back));
            }
            *window = Window { began: Some(Instant::now()), ..Window::default() };
        }
        if window.said == LINES {
            window.held_back += 1;
            return;
        }
        window.said += 1;
        (self.say)(&format!("note: refused {}", one_line(what)));
    }
}

/// Returns `text` without control characters and characters that change the writing direction, cut to
/// [`LONGEST`] characters.
pub(super) fn one_line(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(|c| !steers(*c)).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_said_in_a_few_lines() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&lines);
        let refusals = Refusals::new(Arc::new(move |line: &str| heard.lock().unwrap().push(line.to_owned())));
        for number in 0..1000 {
            refusals.note(&format!("{number}"));
        }
        assert_eq!(lines.lock().unwrap().len(), LINES as usize);
        assert_eq!(lines.lock().unwrap()[0], "note: refused 0");
        assert_eq!(refusals.window.lock().unwrap().held_back, 1000 - u64::from(LINES));
    }

    #[test]
    fn a_line_holds_nothing_that_steers_a_terminal() {
        assert_eq!(one_line("a\u{1b}[2J\r\nb\u{202e}c\u{7}"), "a[2Jbc");
        assert_eq!(one_line(&"x".repeat(5000)).len(), LONGEST);
    }
}
