//! `portamark run`: cases × devices → rows on disk.

mod ab;
mod arguments;
mod choosing;
mod command;
mod isolation;
mod progress;
mod side;

pub(super) use arguments::labels;
pub(super) use command::interrupt_flag;
pub use command::{Command, run};
