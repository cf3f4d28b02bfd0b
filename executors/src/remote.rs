//! The runner's side of the protocol: the [`Executor`] trait and its faults.

use super::lengths::bounded;
use super::protocol::{
    Failure, Inspect, InspectSpirv, PROTOCOL, Prepare, Prepared, Request, Response, Sampled, decode_values,
};
use portamark_model::compiled::Compiled;
use portamark_model::device::Capabilities;
use portamark_model::plain_text::{clean, cut, printable};
use portamark_model::privacy::{identity, redact};
use std::collections::BTreeSet;
use std::time::Duration;

/// Largest number of characters of the name of a library's kernel.
const KERNEL_LIMIT: usize = 400;

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
    /// Creates a fault of `kind`. It is fatal if `kind` is `Timeout` or `Crashed`. What identifies a machine or
    /// its user is removed from the `reason`, and what a terminal would interpret.
    pub fn new(kind: FaultKind, reason: impl Into<String>) -> Self {
        let ended = matches!(kind, FaultKind::Timeout | FaultKind::Crashed);
        Fault { kind, reason: redact(&reason.into()), ended }
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

    /// Whether the time that the runner waits for a batch tells of the batch: the executor is a process of its own,
    /// whose answers nothing delays but the machine. A page in a hidden tab is slowed down, and simulated time is none.
    fn takes_real_time(&self) -> bool {
        false
    }

    /// Kills the executor at once. The next request starts a new one.
    fn stop(&mut self) {}

    /// Ends the executor, letting it exit by itself where that is possible. The next request starts a new one.
    fn end(&mut self) {
        self.stop();
    }

    /// Checks the protocol version and that the devices can exist. Returns the name and version of the executor, and
    /// its devices, without what identifies a machine or its user.
    fn hello(&mut self, deadline: Duration) -> Result<(String, Vec<Capabilities>), Fault> {
        match self.call(&Request::Hello { protocol: PROTOCOL }, deadline)? {
            Response::Hello { protocol: PROTOCOL, executor, devices } => {
                let (executor, devices) = (identity(&executor), public(devices));
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

    /// Asks what the compiler makes of each step of a plan, in order.
    fn inspect(&mut self, inspect: Inspect, deadline: Duration) -> Result<Vec<Compiled>, Fault> {
        let steps = inspect.plan.steps.len();
        self.inspected(&Request::Inspect(Box::new(inspect)), steps, deadline)
    }

    /// Asks what the compiler makes of SPIR-V that does not come from a plan.
    fn inspect_spirv(&mut self, inspect: InspectSpirv, deadline: Duration) -> Result<Compiled, Fault> {
        let told = self.inspected(&Request::InspectSpirv(Box::new(inspect)), 1, deadline)?;
        Ok(told.into_iter().next().unwrap_or_default())
    }

    /// Sends a request that is answered with what the compiler made of `steps` steps.
    fn inspected(
        &mut self,
        request: &Request,
        steps: usize,
        deadline: Duration,
    ) -> Result<Vec<Compiled>, Fault> {
        match self.call(request, deadline)? {
            Response::Inspected { steps: told } if told.len() == steps => {
                Ok(told.into_iter().map(plain).collect())
            }
            Response::Inspected { steps: told } => {
                let reason = format!("asked for {steps} steps, got {}", told.len());
                Err(Fault::new(FaultKind::Crashed, reason))
            }
            other => Err(unexpected("inspect", other)),
        }
    }

    /// Creates the buffers, inputs and pipelines of a case.
    fn prepare(&mut self, prepare: Prepare, deadline: Duration) -> Result<Prepared, Fault> {
        match self.call(&Request::Prepare(Box::new(prepare)), deadline)? {
            Response::Prepared(mut prepared) => {
                let kernel = prepared.kernel.take();
                prepared.kernel = kernel.map(|kernel| clean(&redact(&cut(&kernel, KERNEL_LIMIT))));
                Ok(prepared)
            }
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

/// Returns the devices without what identifies a machine or its user. Ids that only differed in that get a number,
/// so that all differ.
fn public(devices: Vec<Capabilities>) -> Vec<Capabilities> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut devices: Vec<Capabilities> = devices.into_iter().map(Capabilities::without_private).collect();
    for device in devices.iter_mut().filter(|device| device.own_id.is_some()) {
        let plain = device.id.clone();
        let numbered = (2..).map(|number| format!("{plain} ({number})"));
        let free = std::iter::once(plain.clone()).chain(numbered).find(|id| !seen.contains(id));
        device.id = free.unwrap_or(plain);
        seen.insert(device.id.clone());
    }
    devices
}

/// Returns what a compiler told, with names and texts that do nothing but show themselves.
fn plain(mut told: Compiled) -> Compiled {
    for program in &mut told.executables {
        program.name = identity(&program.name);
        for statistic in &mut program.statistics {
            statistic.name = identity(&statistic.name);
        }
        for listing in &mut program.listings {
            listing.name = identity(&listing.name);
            listing.text = printable(&listing.text).into_owned();
        }
    }
    told
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Prepare;

    /// Answers every request with the same response.
    struct Says(Response);

    impl Executor for Says {
        fn call(&mut self, _: &Request, _: Duration) -> Result<Response, Fault> {
            Ok(self.0.clone())
        }
    }

    const SOON: Duration = Duration::from_secs(1);

    #[test]
    fn what_an_executor_says_of_itself_and_its_devices_identifies_nobody() {
        let device = |slot: &str| {
            Capabilities::example().but(|it| {
                it.id = format!("x/card/driver at {slot}");
                it.name = "card\u{1b}[2J SN12345678".into();
                it.driver = "/srv/alice/libfoo.so".into();
                it.driver_version = "2.1 on 192.168.1.17".into();
            })
        };
        let devices = vec![device("0000:65:00.0"), device("0000:66:00.0")];
        let executor = "x 1 /srv/alice/bin/x".into();
        let (name, devices) =
            Says(Response::Hello { protocol: PROTOCOL, executor, devices }).hello(SOON).unwrap();
        assert_eq!(name, "x 1 x");
        // The two ids only differed in the PCI address; requests still name the device in the executor's words.
        let ids: Vec<&str> = devices.iter().map(|device| device.id.as_str()).collect();
        assert_eq!(ids, ["x/card/driver at <slot>", "x/card/driver at <slot> (2)"]);
        let case = "gemm f32 m8 n8 k8 nn".parse().unwrap();
        assert_eq!(Prepare::new(&devices[1], &case, None).device, "x/card/driver at 0000:66:00.0");
        assert_eq!(devices[0].name, "card [2J <serial>");
        assert_eq!(devices[0].driver, "libfoo.so");
        assert_eq!(devices[0].driver_version, "2.1 on <address>");
        assert!(!serde_json::to_string(&devices).unwrap().contains("66:00"));
    }

    #[test]
    fn the_name_of_a_kernel_and_a_reason_identify_nobody_and_are_cut() {
        let kernel = Some(format!("lib\u{202e}.mm /srv/alice/lib.so {}", "x".repeat(10_000)));
        let prepared = Prepared { handle: 1, compile_ns: 0, held_bytes: 0, kernel };
        let case = "gemm f32 m8 n8 k8 nn".parse().unwrap();
        let prepare = Prepare::new(&Capabilities::example(), &case, None);
        let kernel = Says(Response::Prepared(prepared)).prepare(prepare, SOON).unwrap().kernel.unwrap();
        assert!(kernel.starts_with("lib .mm lib.so xxx") && kernel.chars().count() <= 400, "{kernel}");
        let fault = Fault::new(FaultKind::Failed, format!("\u{1b}[31m /srv/alice/x {}", "y".repeat(1 << 20)));
        assert!(fault.reason.starts_with(" [31m x yyy") && fault.reason.chars().count() <= 4000);
    }
}
