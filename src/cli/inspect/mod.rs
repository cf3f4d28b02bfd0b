//! `portamark inspect`: what compilers make of kernels.

mod arguments;
mod cells;
mod command;
mod targets;

pub use arguments::Arguments;
pub use command::run;
