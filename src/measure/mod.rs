//! WHEN: verification, warm-up, batch size, stopping, rotation, the timer's self-test.

mod verify;

pub use verify::{Oracle, Verdict};
