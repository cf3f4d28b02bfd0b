//! Reads what a GPU driver tells of a kernel that it compiled ([`Compiled`](portamark_model::compiled::Compiled)), and
//! puts the words of each driver into one model: registers, spills, occupancy, instructions by class, the hot loop and
//! the largest share of the peak that this loop can issue. Everything is made from text and numbers: no GPU is needed,
//! and none is opened.
//!
//! ```
//! use portamark_inspect::{Class, Compiler, instructions, loops};
//!
//! let text = "BB0:\n\ts_mov_b32 s0, 0 ; be800080\nBB1:\n\tds_load_b128 v[0:3], v9 ; d\n\tv_fmac_f32_e32 v4, v0, v1 ; 5\n\
//!             \ts_cbranch_scc0 BB1 ; b\nBB2:\n\ts_endpgm ; b";
//! let program = instructions(Compiler::Radv, text);
//! let hot = loops(&program).into_iter().next().unwrap();
//! assert_eq!(hot.count(Class::MultiplyAdd), 1);
//! assert_eq!(hot.count(Class::WorkgroupLoad), 1);
//! ```

mod cell;
mod chip;
mod facts;
mod finding;
mod flow;
mod instruction;
mod issue;
mod listing;
mod reader;
mod scheduler;
mod stand_in;
mod statistics;
mod steps;

pub use cell::{Cell, Inspection, Outcome};
pub use chip::{Chip, chip, chips, of_device};
pub use facts::{Facts, HotLoop, facts};
pub use finding::{Demand, Finding, LOW_CEILING, LOW_OCCUPANCY};
pub use flow::{Loop, Program, hottest, loops};
pub use instruction::{Class, Instruction, Mix};
pub use issue::{Bound, Ceiling, ceiling};
pub use listing::{Compiler, instructions};
pub use reader::reader_source;
pub use scheduler::Scheduler;
pub use stand_in::StandIn;
pub use statistics::{Limiter, Resident, Statistics, statistics};
pub use steps::Steps;
