//! The command line: one file for each subcommand. Parsed flags are not resolved options.

pub mod doctor;
