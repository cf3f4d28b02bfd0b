//! What people read: the terminal's summary, Markdown and HTML with charts, from result files alone.

mod accelerators;
mod anchor;
mod columns;
mod crowd;
mod history;
mod html;
mod markdown;
mod page;
mod plot;
mod portability;
mod projection;
mod room;
mod sensitivity;
mod sides;
mod table;
mod variants;
mod vendor;
mod verdicts;
mod wording;
mod writer;

pub use accelerators::{details as accelerator_details, list as accelerator_list};
pub use history::{history_json, history_table};
pub use markdown::portability_markdown;
pub use portability::{portability_table, score_lines};
pub use projection::{ModelOnDevice, projections};
pub use sides::BEFORE_AND_AFTER;
pub use table::{own_kernels, terminal};
pub use verdicts::{Verdicts, explain, explain_json, verdict_counts, verdict_table};
pub use writer::{Written, write};
