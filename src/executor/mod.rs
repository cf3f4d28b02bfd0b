//! WHERE a plan or case runs: the protocol, and the executors that speak it.

pub mod fake;
pub mod loader;
pub mod protocol;
mod remote;
pub mod serve;

pub use remote::{Executor, Fault, FaultKind};
