//! Whether an executor keeps the protocol: what `portamark executor-check` runs any of them through.

mod clock;
mod finding;
mod inputs;
mod messages;
mod outputs;
mod proofs;
mod subject;

pub use finding::{Finding, Outcome};
pub use subject::check;
