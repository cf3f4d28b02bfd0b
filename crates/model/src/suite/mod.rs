//! Suites, which determine the cases to run: built-in suites, suite files, suites of models, and the
//! filters of the command line.

mod builtin;
mod cases;
mod file;
mod filter;
mod find;
pub mod model;
mod model_memory;
mod pieces;
mod sharding;

pub use cases::Suite;
pub use filter::{Pattern, parse_list};
pub use model::PREFIX as MODEL_PREFIX;
pub use model_memory::ModelMemory;
