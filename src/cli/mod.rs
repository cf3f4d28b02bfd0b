//! The command line: one file for each subcommand. Parsed flags are not resolved options.

mod command;
mod devices;
pub mod doctor;
mod executor;
mod report;
mod run;
mod verify;

use command::print;
pub use command::{Arguments, run};
