//! `portamark compare`: two sets of result files, case by case.

mod command;
mod select;

pub(super) use command::parse_share;
pub use command::{Arguments, run};
pub(super) use select::{apart, find_case};
