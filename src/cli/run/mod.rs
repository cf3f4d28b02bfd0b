//! `portamark run`: cases × devices → rows on disk.

mod arguments;
mod case;
mod progress;
mod session;
mod track;

pub use arguments::Arguments;
pub use session::run;
