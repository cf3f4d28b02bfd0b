//! Human-readable reports made from result files alone: a terminal summary, Markdown, and an HTML page with
//! charts.
//!
//! ```no_run
//! use portamark_model::kernel_text::NoTexts;
//!
//! let runs = portamark_results::load_all(&["results".into()])?;
//! print!("{}", portamark_report::terminal(&runs, Some(80)));
//! let written = portamark_report::write(&runs, None, &NoTexts, &[], "report".as_ref())?;
//! println!("{}", written.html.display());
//! # Ok::<(), portamark_model::error::Error>(())
//! ```

mod accelerators;
mod anchor;
mod columns;
mod count;
mod crowd;
mod decoding_cost;
mod excerpt;
mod facts;
mod history;
mod html;
mod inspection;
mod markdown;
mod markdown_text;
mod page;
mod plot;
mod portability;
mod projection;
mod ranking;
mod sensitivity;
mod sides;
mod table;
mod variants;
mod vendor;
mod verdicts;
mod wording;
mod writer;

pub use accelerators::{details as accelerator_details, list as accelerator_list};
pub use columns::columns;
pub use count::count_table;
pub use decoding_cost::decoding_cost_table;
pub use history::{history_json, history_table};
pub use html::inspection_page;
pub use inspection::{
    inspection_csv, inspection_difference, inspection_markdown, inspection_matrix, inspection_table,
    marked_listing,
};
pub use markdown::portability_markdown;
pub use plot::{decoding_cost_chart, ranking_chart};
pub use portability::{portability_table, score_lines};
pub use projection::{EnergyOfTokens, ModelOnDevice, projections};
pub use ranking::{RankedPass, Unranked, criterion, ranking_table};
pub use table::{own_kernels, terminal};
pub use verdicts::{Verdicts, explain, explain_json, verdict_table};
pub use wording::rate;
pub use writer::{Written, write};
