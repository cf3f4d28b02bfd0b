//! The device and executor under test, and the operations that all checks share.

use portamark_executors::protocol::Prepare;
use portamark_executors::{Executor, Fault, FaultKind};
use portamark_kernels::{KernelSource, default_plan};
use portamark_model::device::{Capabilities, Takes};
use portamark_model::workload::Case;
use std::time::Duration;

/// The device under test, with its executor.
pub(super) struct Candidate<'a> {
    pub(super) executor: &'a mut dyn Executor,
    pub(super) device: &'a Capabilities,
    pub(super) source: &'a KernelSource,
    /// Timeout of each message.
    pub(super) deadline: Duration,
}

/// Reason why a case could not be prepared.
pub(super) enum Refused {
    /// The device does not support the case; holds the reason.
    Unsupported(String),
    /// Any other fault.
    Fault(Fault),
}

impl Candidate<'_> {
    /// Returns the request to prepare `case` with `sets` buffer sets, with the default plan if the executor
    /// takes plans.
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

    /// Sends `request` and returns the handle of the prepared case.
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

    /// Prepares the first of `keys` that the device supports, with `sets` buffer sets. Returns the case and
    /// its handle.
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
