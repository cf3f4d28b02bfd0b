//! Verdicts of a comparison in formats for terminals, pull requests, programs and CI servers.

mod csv;
mod document;
mod explain;
mod junit;
mod markdown;
mod table;
mod view;

pub use explain::{explain, explain_json};
pub use table::verdict_table;
pub(super) use table::{cells, run_spread};
pub use view::{Verdicts, verdict_counts};
