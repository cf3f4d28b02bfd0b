//! The device of an executor that is checked, and what all checks do with it.

use super::{Finding, clock, inputs, messages, outputs, proofs};
use portamark_executors::protocol::Prepare;
use portamark_executors::{Executor, Fault, FaultKind};
use portamark_kernels::{KernelSource, default_plan};
use portamark_model::device::{Capabilities, Takes};
use portamark_model::workload::Case;
use std::time::Duration;

/// One device during its checks.
pub(super) struct Subject<'a> {
    pub(super) executor: &'a mut dyn Executor,
    pub(super) device: &'a Capabilities,
    pub(super) source: &'a KernelSource,
    /// Of each message.
    pub(super) deadline: Duration,
}

/// Runs every check of `device`, whose `executor` has answered `hello` before. The order is that of the
/// documentation; a check that ends the executor does not keep the others from a fresh one.
pub fn check(executor: &mut dyn Executor, device: &Capabilities, deadline: Duration) -> Vec<Finding> {
    let source = KernelSource::embedded();
    let mut subject = Subject { executor, device, source: &source, deadline };
    let mut findings = vec![messages::devices(&mut subject)];
    findings.extend(messages::versions(&mut subject));
    findings.extend(messages::lines(&mut subject));
    findings.push(messages::refusals(&mut subject));
    findings.push(inputs::check(&mut subject));
    findings.extend(outputs::check(&mut subject));
    findings.push(proofs::check(&mut subject));
    findings.extend(clock::check(&mut subject));
    findings.push(messages::farewell(&mut subject));
    findings
}

/// Why something could not be prepared.
pub(super) enum Refused {
    /// The device does not do it, in words.
    Unsupported(String),
    /// Anything else.
    Fault(Fault),
}

impl Subject<'_> {
    /// What is asked of the executor to prepare `case` in `sets` sets; by its default plan where it takes
    /// plans.
    pub(super) fn request(&self, case: &Case, sets: u32) -> Result<Prepare, Refused> {
        let plan = match self.device.takes {
            Takes::Cases => None,
            _ => Some(
                default_plan(case, self.device, self.source)
                    .map_err(|error| Refused::Unsupported(error.to_string()))?,
            ),
        };
        Ok(Prepare::new(self.device, case, plan).but(|it| {
            it.sets = sets;
            it.memory_limit = 1 << 30;
        }))
    }

    /// Prepares `request`.
    pub(super) fn prepare(&mut self, request: Prepare) -> Result<u32, Refused> {
        match self.executor.prepare(request, self.deadline) {
            Ok(prepared) => Ok(prepared.handle),
            Err(fault) if fault.kind == FaultKind::Unsupported => Err(Refused::Unsupported(fault.reason)),
            Err(fault) => Err(Refused::Fault(fault)),
        }
    }

    pub(super) fn sample(&mut self, handle: u32, k: u32, first_set: u32) -> Result<(), String> {
        let sampled = self.executor.sample(handle, k, first_set, self.deadline);
        sampled.map(|_| ()).map_err(|fault| format!("sample: {fault}"))
    }

    pub(super) fn poison(&mut self, handle: u32) -> Result<(), String> {
        self.executor.poison(handle, self.deadline).map_err(|fault| format!("poison: {fault}"))
    }

    pub(super) fn read(
        &mut self,
        handle: u32,
        set: u32,
        elements: &[u64],
    ) -> Result<(Vec<f64>, u64), String> {
        let read = self.executor.read(handle, set, elements, self.deadline);
        read.map_err(|fault| format!("read: {fault}"))
    }

    pub(super) fn release(&mut self, handle: u32) -> Result<(), String> {
        self.executor.release(handle, self.deadline).map_err(|fault| format!("release: {fault}"))
    }

    /// Prepares the first of `keys` that the device does, in `sets` sets.
    pub(super) fn first_of(&mut self, keys: &[&str], sets: u32) -> Result<(Case, u32), String> {
        let mut reasons = Vec::new();
        for key in keys {
            let case: Case = key.parse().expect("a valid key");
            let prepared = self.request(&case, sets).and_then(|request| self.prepare(request));
            match prepared {
                Ok(handle) => return Ok((case, handle)),
                Err(Refused::Unsupported(reason)) => reasons.push(format!("{key}: {reason}")),
                Err(Refused::Fault(fault)) => return Err(format!("{key}: {fault}")),
            }
        }
        Err(format!("none of these can be prepared: {}", reasons.join("; ")))
    }
}
