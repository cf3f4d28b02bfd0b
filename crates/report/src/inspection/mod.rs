//! What compilers made of kernels, as text: tables for one chip and for many, Markdown, CSV, the difference of two, and
//! the instructions.

mod csv;
mod difference;
mod listing;
mod markdown;
mod matrix;
mod one_chip;
mod words;

pub use csv::inspection_csv;
pub use difference::inspection_difference;
pub use listing::marked_listing;
pub use markdown::inspection_markdown;
pub use matrix::inspection_matrix;
pub use one_chip::inspection_table;
