//! The runner's side of the protocol.

use super::protocol::{Failure, PROTOCOL, Prepare, Prepared, Request, Response, Sampled, decode_values};
use portamark_model::device::Capabilities;
use std::time::Duration;

/// What went wrong with an executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It answered that the device lacks something.
    Unsupported,
    /// It answered that memory does not suffice.
    OutOfMemory,
    /// It answered with another error and can go on.
    Failed,
    /// It did not answer in time and was ended.
    Timeout,
    /// It died, lost the device, or broke the protocol; it was ended.
    Crashed,
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// In words, with what the driver said.
    pub reason: String,
    /// The executor was ended with it, and all handles are gone.
    ended: bool,
}

impl std::error::Error for Fault {}

impl Fault {
    /// A fault of `kind`.
    pub fn new(kind: FaultKind, reason: impl Into<String>) -> Self {
        let ended = matches!(kind, FaultKind::Timeout | FaultKind::Crashed);
        Fault { kind, reason: reason.into(), ended }
    }

    /// A fault of `kind` that ended the executor, whatever the kind.
    pub fn fatal(kind: FaultKind, reason: impl Into<String>) -> Self {
        Fault { ended: true, ..Fault::new(kind, reason) }
    }

    /// Whether all handles are gone because the executor was ended.
    pub fn is_fatal(&self) -> bool {
        self.ended
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Anything that answers requests. After a fatal fault all handles are gone and the next request
/// goes to a fresh executor.
pub trait Executor {
    /// Sends one request and waits for the response, at most `deadline`.
    fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault>;

    /// Sends `line` as it is, and waits for the response to it; none where requests are no lines.
    fn line(&mut self, _line: &str, _deadline: Duration) -> Option<Result<Response, Fault>> {
        None
    }

    /// Lets the executor end by itself, and says whether it did within `patience`; none where it is no
    /// process. The next request starts a new one.
    fn leave(&mut self, _patience: Duration) -> Option<bool> {
        self.end();
        None
    }

    /// Which executor answers the next request: a handle of an earlier one is worth nothing.
    fn generation(&self) -> u32 {
        0
    }

    /// Ends the executor at once; the next request starts a new one.
    fn stop(&mut self) {}

    /// Lets the executor end by itself; the next request starts a new one.
    fn end(&mut self) {
        self.stop();
    }

    /// Agrees on the protocol and lists the devices. Returns the executor's name and its devices.
    fn hello(&mut self, deadline: Duration) -> Result<(String, Vec<Capabilities>), Fault> {
        match self.call(&Request::Hello { protocol: PROTOCOL }, deadline)? {
            Response::Hello { protocol: PROTOCOL, executor, devices } => Ok((executor, devices)),
            Response::Hello { protocol, executor, .. } => Err(Fault::new(
                FaultKind::Failed,
                format!("{executor} speaks protocol {protocol}, this portamark speaks {PROTOCOL}"),
            )),
            other => Err(unexpected("hello", other)),
        }
    }

    /// Makes buffers and pipelines.
    fn prepare(&mut self, prepare: Prepare, deadline: Duration) -> Result<Prepared, Fault> {
        match self.call(&Request::Prepare(Box::new(prepare)), deadline)? {
            Response::Prepared(prepared) => Ok(prepared),
            other => Err(unexpected("prepare", other)),
        }
    }

    /// Times k executions.
    fn sample(&mut self, handle: u32, k: u32, first_set: u32, deadline: Duration) -> Result<Sampled, Fault> {
        match self.call(&Request::Sample { handle, k, first_set }, deadline)? {
            Response::Sampled(sampled) => Ok(sampled),
            other => Err(unexpected("sample", other)),
        }
    }

    /// Reads output elements, and how many of the whole output are still poisoned.
    fn read(
        &mut self,
        handle: u32,
        set: u32,
        elements: &[u64],
        deadline: Duration,
    ) -> Result<(Vec<f64>, u64), Fault> {
        let request = Request::Read { handle, set, elements: elements.to_vec() };
        match self.call(&request, deadline)? {
            Response::Values { values, poisoned } => {
                let values = decode_values(&values).map_err(|e| Fault::new(FaultKind::Crashed, e))?;
                if values.len() != elements.len() {
                    let text = format!("asked for {} elements, got {}", elements.len(), values.len());
                    return Err(Fault::new(FaultKind::Crashed, text));
                }
                Ok((values, poisoned))
            }
            other => Err(unexpected("read", other)),
        }
    }

    /// Fills the outputs with the poison.
    fn poison(&mut self, handle: u32, deadline: Duration) -> Result<(), Fault> {
        done("poison", self.call(&Request::Poison { handle }, deadline)?)
    }

    /// Frees a preparation.
    fn release(&mut self, handle: u32, deadline: Duration) -> Result<(), Fault> {
        done("release", self.call(&Request::Release { handle }, deadline)?)
    }
}

/// The response in what an executor answered; what is wrong with it where the executor cannot go on.
pub(super) fn understood(answer: &str, whose: &str) -> Result<Response, String> {
    match serde_json::from_str::<Response>(answer) {
        Ok(Response::Error { status: Failure::DeviceLost, reason }) => Err(reason),
        Ok(response) => Ok(response),
        Err(error) => {
            let start: String = answer.trim_end().chars().take(60).collect();
            Err(format!("{whose} answer is not a response: {error}: `{start}`"))
        }
    }
}

fn done(request: &str, response: Response) -> Result<(), Fault> {
    match response {
        Response::Done => Ok(()),
        other => Err(unexpected(request, other)),
    }
}

fn unexpected(request: &str, response: Response) -> Fault {
    match response {
        Response::Error { status, reason } => {
            let kind = match status {
                Failure::Unsupported => FaultKind::Unsupported,
                Failure::OutOfMemory => FaultKind::OutOfMemory,
                Failure::Failed => FaultKind::Failed,
                Failure::DeviceLost => FaultKind::Crashed,
            };
            Fault::new(kind, reason)
        }
        other => {
            let answer = serde_json::to_string(&other).unwrap_or_default();
            let answer: String = answer.chars().take(80).collect();
            Fault::new(FaultKind::Crashed, format!("answered {request} with {answer}"))
        }
    }
}
