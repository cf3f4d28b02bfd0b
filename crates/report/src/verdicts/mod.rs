//! The verdicts of a comparison: for a terminal, for a pull request, for programs, and for a CI server.

mod csv;
mod document;
mod explain;
mod junit;
mod markdown;
mod table;
mod view;

pub use explain::{explain, explain_json};
pub(super) use table::cells;
pub use table::verdict_table;
pub use view::{Verdicts, verdict_counts};
