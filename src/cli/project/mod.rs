//! `portamark project`: speed of models on devices, from measured rows or predicted.

mod command;
mod given;
mod shortfall;
mod target;

pub use command::{Arguments, run};
