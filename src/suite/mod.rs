//! WHICH cases run: built-in suites, suite files, and the filters of the command line.

mod builtin;
mod cases;
mod file;
mod filter;
pub mod model;

pub use cases::Suite;
pub use filter::{Pattern, parse_list};
