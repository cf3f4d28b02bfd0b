//! The service that answers requests with the CPU.

use super::array::Array;
use super::processor::{describe, pool, usual_threads};
use super::registry::work;
use super::work::Work;
use crate::protocol::{Failure, PROTOCOL, Prepare, Prepared, Request, Response, Sampled, encode_values};
use crate::serve::Service;
use portamark_model::plan::{Buffer, Content};
use portamark_model::workload::{Case, Inputs, Tensor};
use rayon::ThreadPool;
use std::collections::BTreeMap;
use std::time::Instant;

/// Buffers of one buffer set.
struct Set {
    inputs: Vec<Array>,
    output: Array,
}

/// Prepared case with its buffers.
struct Ready {
    work: Box<dyn Work>,
    sets: Vec<Set>,
    output: Tensor,
}

/// The CPU executor inside its own process.
pub struct HostService {
    threads: u32,
    pool: Option<ThreadPool>,
    ready: BTreeMap<u32, Ready>,
    next_handle: u32,
}

type Refusal = (Failure, String);

fn failed(reason: impl Into<String>) -> Refusal {
    (Failure::Failed, reason.into())
}

impl HostService {
    /// Creates a service with `threads` threads; `None` uses as many as the system makes available to this
    /// process. The threads start at the first preparation.
    pub fn new(threads: Option<u32>) -> Self {
        let threads = threads.unwrap_or_else(usual_threads);
        HostService { threads, pool: None, ready: BTreeMap::new(), next_handle: 0 }
    }

    fn pool(&mut self) -> Result<&ThreadPool, Refusal> {
        if self.pool.is_none() {
            self.pool = Some(pool(self.threads).map_err(failed)?);
        }
        Ok(self.pool.as_ref().expect("just set"))
    }

    fn prepare(&mut self, prepare: &Prepare) -> Result<Response, Refusal> {
        let device = describe(self.threads);
        if prepare.device != device.id {
            return Err(failed(format!("no device `{}`", prepare.device)));
        }
        let case: Case = prepare.case.parse().map_err(|error| failed(format!("{error}")))?;
        // Sizes are counted in 32 and 64 bits from here on.
        if let Some(reason) = case.too_large() {
            return Err((Failure::Unsupported, reason));
        }
        if prepare.sets == 0 {
            return Err(failed("there must be a buffer set"));
        }
        let buffers = Buffer::all(&case);
        // Inside the pool, because the division of the work depends on its number of threads.
        let work = self.pool()?.install(|| work(&case));
        let work = work.map_err(|reason| (Failure::Unsupported, reason))?;
        let of_set: u64 = buffers.iter().map(|buffer| buffer.dtype.bytes(buffer.len)).sum();
        let held_bytes = of_set.saturating_mul(prepare.sets.into()).saturating_add(work.held_bytes());
        let memory = device.limits.memory_bytes.unwrap_or(u64::MAX);
        let room = prepare.memory_limit.min(memory / 10 * 9);
        if held_bytes > room {
            return Err((Failure::OutOfMemory, format!("{held_bytes} bytes are more than {room}")));
        }
        let inputs = |set: u32| Inputs::new(prepare.seed, set).of(prepare.dist);
        let sets = self
            .pool()?
            .install(|| (0..prepare.sets).map(|set| make(&case, inputs(set))).collect::<Result<Vec<_>, _>>());
        let sets = sets.map_err(|reason| (Failure::OutOfMemory, reason))?;
        let kernel = Some(work.kernel());
        self.next_handle += 1;
        let handle = self.next_handle;
        self.ready.insert(handle, Ready { work, sets, output: case.output() });
        Ok(Response::Prepared(Prepared { handle, compile_ns: 0, held_bytes, kernel }))
    }

    fn sample(&mut self, handle: u32, k: u32, first_set: u32) -> Result<Response, Refusal> {
        self.pool()?;
        let pool = self.pool.as_ref().expect("there is one now");
        let ready = self.ready.get_mut(&handle).ok_or_else(|| failed(format!("no handle {handle}")))?;
        let Ready { work, sets, .. } = ready;
        let started = Instant::now();
        // An empty batch measures the cost of entering the pool and waiting for it.
        pool.install(|| {
            for execution in 0..u64::from(k) {
                let at = (u64::from(first_set) + execution) % sets.len() as u64;
                let Set { inputs, output } = &mut sets[at as usize];
                work.run(inputs, output);
            }
        });
        let host_ns = started.elapsed().as_nanos() as u64;
        Ok(Response::Sampled(Sampled { device_ns: None, host_ns, invalid: 0 }))
    }

    fn ready(&mut self, handle: u32) -> Result<&mut Ready, Refusal> {
        self.ready.get_mut(&handle).ok_or_else(|| failed(format!("no handle {handle}")))
    }

    fn answer(&mut self, request: Request) -> Result<Response, Refusal> {
        match request {
            Request::Hello { .. } => Ok(Response::Hello {
                protocol: PROTOCOL,
                executor: format!("host {}", env!("CARGO_PKG_VERSION")),
                devices: vec![describe(self.threads)],
            }),
            Request::Prepare(prepare) => self.prepare(&prepare),
            Request::Sample { handle, k, first_set } => self.sample(handle, k, first_set),
            Request::Read { handle, set, elements } => {
                let Ready { sets, output, .. } = self.ready(handle)?;
                let set = sets.get(set as usize).ok_or_else(|| failed(format!("no buffer set {set}")))?;
                if elements.iter().any(|element| *element >= output.len) {
                    return Err(failed(format!("elements must be below {}", output.len)));
                }
                let values: Vec<f64> = elements.iter().map(|element| set.output.value(*element)).collect();
                Ok(Response::Values { values: encode_values(&values), poisoned: set.output.poisoned() })
            }
            Request::Poison { handle } => {
                self.ready(handle)?.sets.iter_mut().for_each(|set| set.output.poison());
                Ok(Response::Done)
            }
            Request::Release { handle } => {
                self.ready.remove(&handle).ok_or_else(|| failed(format!("no handle {handle}")))?;
                Ok(Response::Done)
            }
            Request::Inspect(_) | Request::InspectSpirv(_) => {
                Err((Failure::Unsupported, "the host takes no plans".into()))
            }
            Request::Bye => Ok(Response::Done),
        }
    }
}

/// Creates one buffer set: generated inputs and a poisoned output.
fn make(case: &Case, inputs: Inputs) -> Result<Set, String> {
    let mut set = Vec::new();
    for tensor in case.tensors() {
        for (part, buffer) in tensor.parts().iter().zip(Buffer::of(&tensor)) {
            match &buffer.content {
                Content::Generated { .. } => set.push(Array::generated(part, inputs)?),
                Content::Table { words } => set.push(Array::table(words)),
                Content::Output | Content::Scratch => {}
                other => return Err(format!("a buffer of this kind is not known here: {other:?}")),
            }
        }
    }
    let output = case.output();
    let mut output = Array::zeros(output.dtype, output.len)?;
    output.poison();
    Ok(Set { inputs: set, output })
}

impl Service for HostService {
    fn handle(&mut self, request: Request) -> Response {
        self.answer(request).unwrap_or_else(|(status, reason)| Response::Error { status, reason })
    }
}
