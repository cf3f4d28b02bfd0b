//! Conformance tests of the executor protocol, run by `portamark executor-check`.

mod candidate;
mod checks;
mod clock;
mod finding;
mod inputs;
mod load;
mod messages;
mod outputs;
mod proofs;

pub use checks::check;
pub use finding::{CheckOutcome, Finding};
