//! The runner's side of the protocol: the [`Executor`] trait and its faults.

use super::lengths::bounded;
use super::protocol::{Failure, PROTOCOL, Prepare, Prepared, Request, Response, Sampled, decode_values};
use portamark_model::device::Capabilities;
use std::time::Duration;

/// Kind of fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The executor answered that the device or runtime lacks a feature.
    Unsupported,
    /// Memory does not suffice: the executor answered so, or died of it.
    OutOfMemory,
    /// The executor answered with another error and remains usable.
    Failed,
    /// The executor did not answer before the timeout and was killed.
    Timeout,
    /// The executor exited, lost the device, or violated the protocol. It is no longer running.
    Crashed,
}

/// Error of a failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Kind of fault.
    pub kind: FaultKind,
    /// Error message, including what the driver reported.
    pub reason: String,
    /// Whether the executor has ended because of the fault, so that all handles are invalid.
    ended: bool,
}

impl std::error::Error for Fault {}

impl Fault {
    /// Creates a fault of `kind`. It is fatal if `kind` is `Timeout` or `Crashed`.
    pub fn new(kind: FaultKind, reason: impl Into<String>) -> Self {
        let ended = matches!(kind, FaultKind::Timeout | FaultKind::Crashed);
        Fault { kind, reason: reason.into(), ended }
    }

    /// Creates a fault of `kind` that ended the executor, whatever the kind.
    pub fn fatal(kind: FaultKind, reason: impl Into<String>) -> Self {
        Fault { ended: true, ..Fault::new(kind, reason) }
    }

    /// Whether the executor has ended, so that all handles are invalid.
    pub fn is_fatal(&self) -> bool {
        self.ended
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Connection of the runner to an executor, which answers its requests. After a fatal fault all handles are
/// invalid, and the next request goes to a new executor.
pub trait Executor {
    /// Sends one request and waits for the response, for at most `deadline`.
    fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault>;

    /// Sends `line` unchanged, even if it is not a valid request, and waits for the response. Returns `None`
    /// if this executor does not receive requests as lines of text.
    fn line(&mut self, _line: &str, _deadline: Duration) -> Option<Result<Response, Fault>> {
        None
    }

    /// Asks the executor to exit by itself and returns whether it did within `patience`. Returns `None` if the
    /// executor is not a process. The next request starts a new one.
    fn leave(&mut self, _patience: Duration) -> Option<bool> {
        self.end();
        None
    }

    /// Returns the number of the executor that answers the next request. It changes with each restart;
    /// handles of an earlier executor are invalid.
    fn generation(&self) -> u32 {
        0
    }

    /// Kills the executor at once. The next request starts a new one.
    fn stop(&mut self) {}

    /// Ends the executor, letting it exit by itself where that is possible. The next request starts a new one.
    fn end(&mut self) {
        self.stop();
    }

    /// Checks the protocol version and that the devices can exist. Returns the name and version of the executor, and
    /// its devices.
    fn hello(&mut self, deadline: Duration) -> Result<(String, Vec<Capabilities>), Fault> {
        match self.call(&Request::Hello { protocol: PROTOCOL }, deadline)? {
            Response::Hello { protocol: PROTOCOL, executor, devices } => {
                let fault = devices.iter().find_map(|it| Some(format!("{} {}", it.id, it.impossible()?)));
                match fault {
                    Some(fault) => Err(Fault::new(FaultKind::Failed, format!("{executor}: device {fault}"))),
                    None => Ok((executor, devices)),
                }
            }
            Response::Hello { protocol, executor, .. } => Err(Fault::new(
                FaultKind::Failed,
                format!("{executor} speaks protocol {protocol}, this portamark speaks {PROTOCOL}"),
            )),
            other => Err(unexpected("hello", other)),
        }
    }

    /// Creates the buffers, inputs and pipelines of a case.
    fn prepare(&mut self, prepare: Prepare, deadline: Duration) -> Result<Prepared, Fault> {
        match self.call(&Request::Prepare(Box::new(prepare)), deadline)? {
            Response::Prepared(prepared) => Ok(prepared),
            other => Err(unexpected("prepare", other)),
        }
    }

    /// Times a batch of `k` executions. Execution i uses buffer set (`first_set` + i) mod sets.
    fn sample(&mut self, handle: u32, k: u32, first_set: u32, deadline: Duration) -> Result<Sampled, Fault> {
        match self.call(&Request::Sample { handle, k, first_set }, deadline)? {
            Response::Sampled(sampled) => Ok(sampled),
            other => Err(unexpected("sample", other)),
        }
    }

    /// Reads the output elements with the given indices from one buffer set. Also returns how many elements of
    /// the whole output still hold the poison pattern.
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

    /// Fills the outputs of all buffer sets with the poison pattern.
    fn poison(&mut self, handle: u32, deadline: Duration) -> Result<(), Fault> {
        done("poison", self.call(&Request::Poison { handle }, deadline)?)
    }

    /// Frees the buffers and pipelines of a preparation.
    fn release(&mut self, handle: u32, deadline: Duration) -> Result<(), Fault> {
        done("release", self.call(&Request::Release { handle }, deadline)?)
    }
}

/// Parses the answer of an executor. Returns an error message if the answer is not a response or reports a lost
/// device: in both cases the executor cannot continue.
pub(super) fn understood(answer: &str, whose: &str) -> Result<Response, String> {
    let read = serde_json::from_str(answer).map(bounded);
    match read {
        Ok(Ok(Response::Error { status: Failure::DeviceLost, reason })) => Err(reason),
        Ok(Ok(response)) => Ok(response),
        Ok(Err(what)) => Err(format!("{whose} answer is refused: {what}")),
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
