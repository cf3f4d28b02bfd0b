//! What compilers made of kernels: tables for one chip and for many, Markdown, CSV, the difference of two, the
//! instructions, and what a page shows of it.

mod csv;
mod difference;
mod grid;
mod lacks;
mod listing;
mod markdown;
mod matrix;
mod of_rows;
mod one_chip;
mod view;
mod words;

pub use csv::inspection_csv;
pub use difference::inspection_difference;
pub use listing::marked_listing;
pub use markdown::{inspection_letters, inspection_markdown};
pub use matrix::inspection_matrix;
pub use of_rows::all_cells;
pub use one_chip::inspection_table;
pub use view::InspectionView;
