//! `portamark project`: speed of models on devices, from measured rows or predicted.

mod command;
mod given;
mod target;

pub use command::{Arguments, run};
