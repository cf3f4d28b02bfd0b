//! Instruction text of each driver, read into blocks of instructions.

mod adreno;
mod amd;
mod apple;
mod compiler;
mod matrix_name;
mod nvidia;

pub use compiler::{Compiler, instructions};
