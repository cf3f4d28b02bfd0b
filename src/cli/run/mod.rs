//! `portamark run`: measures cases × devices into rows on disk.

mod ab;
mod arguments;
mod choosing;
mod command;
mod ending;
mod flags;
mod isolation;
mod progress;
mod side;

pub(super) use arguments::labels;
pub use command::run;
pub use flags::Command;
