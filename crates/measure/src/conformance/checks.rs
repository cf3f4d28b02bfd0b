//! All conformance checks of a device, in their order.

use super::candidate::Candidate;
use super::{Finding, clock, inputs, messages, outputs, proofs};
use portamark_executors::Executor;
use portamark_kernels::KernelSource;
use portamark_model::device::Capabilities;
use std::time::Duration;

/// Runs every check on `device`, in the order of the documentation. `executor` must have answered `hello`
/// before; `deadline` is the timeout of each message. If a check ends the executor, the next one gets a fresh
/// executor.
pub fn check(executor: &mut dyn Executor, device: &Capabilities, deadline: Duration) -> Vec<Finding> {
    let source = KernelSource::embedded();
    let mut candidate = Candidate { executor, device, source: &source, deadline };
    let mut findings = vec![messages::devices(&mut candidate)];
    findings.extend(messages::versions(&mut candidate));
    findings.extend(messages::lines(&mut candidate));
    findings.push(messages::refusals(&mut candidate));
    findings.push(inputs::check(&mut candidate));
    findings.extend(outputs::check(&mut candidate));
    findings.push(proofs::check(&mut candidate));
    findings.extend(clock::check(&mut candidate));
    findings.push(messages::farewell(&mut candidate));
    findings
}
