//! `portamark run`: cases × devices → rows on disk.

mod ab;
mod arguments;
mod case;
mod choosing;
mod conditions;
mod done;
mod isolation;
mod order;
mod progress;
mod sensors;
mod session;
mod side;
mod track;

pub(super) use arguments::labels;
pub(super) use session::interrupt_flag;
pub use session::{Command, run};
pub(super) use track::test_timer;
