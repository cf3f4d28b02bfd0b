//! The command line: one file for each subcommand. Parsed flags are not resolved options.

mod catalog;
#[cfg(unix)]
mod closed_stdout;
mod command;
mod compare;
mod completions;
mod cost;
mod count;
mod devices;
pub mod doctor;
mod executor;
mod executor_check;
mod export;
mod history;
mod import;
mod inspect;
mod interrupt;
mod man;
mod output;
mod places;
mod portability;
mod project;
mod report;
mod results;
mod run;
mod selection;
mod serve;
mod talk;
mod tune;
mod values;
mod verify;

pub use command::{Arguments, run};
pub use interrupt::survive_the_limit_of_file_sizes;
pub use output::print_help;
