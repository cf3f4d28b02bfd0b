//! WHERE a plan or case runs: the protocol, and the executors that speak it.

pub mod protocol;
mod remote;

pub use remote::{Executor, Fault, FaultKind};
