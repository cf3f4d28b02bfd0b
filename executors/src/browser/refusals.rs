//! What is refused is said, one line each and a few at a time: what comes from outside can neither
//! write to a terminal nor flood it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Says a line to the person who started the run.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Lines that are said within a [`WINDOW`].
const LINES: u32 = 5;
/// After it as many lines may be said again.
const WINDOW: Duration = Duration::from_secs(10);
/// Characters of a line.
const LONGEST: usize = 240;

/// Says refusals, but not more than a few at a time.
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

    /// Says `what` was refused, unless too much was of late.
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

/// `text` without characters that steer a terminal or turn the writing round, and not too long.
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
