//! Import of results of other programs as rows with the status `imported`, with one module for each program.
//!
//! A new program needs a module here and an entry in `format.rs`. The module maps a number to a case of
//! portamark only if inputs, formats, layout and work are the same; otherwise the row keeps the program's own
//! name, in a key that cannot be mistaken for a case.

mod babelstream;
mod backend_ops;
mod clpeak;
mod criterion;
mod format;
mod google_benchmark;
mod hyperfine;
mod json;
mod llama_bench;
mod llama_table;
mod mamf_finder;
mod measured;
mod named_columns;
mod nvbench;
mod refused;
mod rocm_bench;
mod rows;
mod source;
mod table;

pub use format::{Format, read};
pub use measured::{Import, LeftOut, Measured, ToldDevice};
pub use rows::{ImportOptions, run_files};
