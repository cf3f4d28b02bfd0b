//! The messages between the runner and an executor: one JSON object per line, requests on the
//! executor's stdin, exactly one response to each on its stdout. Its stderr is kept for messages.

use portamark_model::device::{Capabilities, Takes};
use portamark_model::plan::Plan;
use portamark_model::workload::{Case, Distribution, Tensor};
use serde::{Deserialize, Serialize};

/// Version of the messages; an executor that speaks another one is refused.
pub const PROTOCOL: u32 = 1;

/// What the runner asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "request", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Request {
    /// First message: agree on the version and list the devices.
    Hello {
        /// [`PROTOCOL`] of the runner.
        protocol: u32,
    },
    /// Make buffers, inputs and pipelines for a case.
    Prepare(Box<Prepare>),
    /// Run k executions back to back and time them.
    Sample {
        /// Which preparation.
        handle: u32,
        /// Executions in the batch; 0 times an empty pass.
        k: u32,
        /// Execution i uses buffer set (first_set + i) mod sets.
        first_set: u32,
    },
    /// Read elements of the output.
    Read {
        /// Which preparation.
        handle: u32,
        /// Which buffer set.
        set: u32,
        /// Element indices, ascending.
        elements: Vec<u64>,
    },
    /// Fill the outputs of every set with the poison.
    Poison {
        /// Which preparation.
        handle: u32,
    },
    /// Free a preparation.
    Release {
        /// Which preparation.
        handle: u32,
    },
    /// End.
    Bye,
}

/// What is to be prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Prepare {
    /// [`Capabilities::id`] of the device.
    pub device: String,
    /// Key of the case.
    pub case: String,
    /// The plan, for executors that take plans.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan: Option<Plan>,
    /// The tensors of the case in their order, for executors that take cases: the inputs that they
    /// are to generate, and the output.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tensors: Vec<Tensor>,
    /// Seed of the inputs.
    pub seed: u32,
    /// What the inputs are drawn from.
    #[serde(default)]
    pub dist: Distribution,
    /// Number of buffer sets to rotate through, at least 1.
    pub sets: u32,
    /// Refuse to hold more than so many bytes.
    pub memory_limit: u64,
}

impl Prepare {
    /// The same with what `change` makes of it.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// `case` on `device`, by `plan` where it takes plans: one set of uniform inputs of seed 1, and
    /// whatever memory it takes.
    pub fn new(device: &Capabilities, case: &Case, plan: Option<Plan>) -> Self {
        Prepare {
            device: device.id.clone(),
            case: case.key(),
            plan,
            tensors: if device.takes == Takes::Cases { case.tensors() } else { Vec::new() },
            seed: 1,
            dist: Distribution::default(),
            sets: 1,
            memory_limit: u64::MAX,
        }
    }
}

/// What an executor answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "response", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Response {
    /// To `hello`.
    Hello {
        /// Version that the executor speaks.
        protocol: u32,
        /// Name and version of the executor.
        executor: String,
        /// Its devices.
        devices: Vec<Capabilities>,
    },
    /// To `prepare`.
    Prepared(Prepared),
    /// To `sample`.
    Sampled(Sampled),
    /// To `read`.
    Values {
        /// Little-endian f64 of the elements asked for, base64: exact for every format.
        values: String,
        /// Elements of the whole output that still hold the poison.
        poisoned: u64,
    },
    /// To `poison`, `release` and `bye`.
    Done,
    /// To anything that did not work.
    Error {
        /// What kind of failure.
        status: Failure,
        /// In words.
        reason: String,
    },
}

/// A preparation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Prepared {
    /// For later requests.
    pub handle: u32,
    /// Time to compile all pipelines.
    pub compile_ns: u64,
    /// Bytes of all buffers.
    pub held_bytes: u64,
    /// What computes the case where the executor brings its own kernels, e.g. `torch.matmul`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kernel: Option<String>,
}

/// One timed batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Sampled {
    /// Time between the timestamps around the batch, if there are any and they are usable.
    pub device_ns: Option<u64>,
    /// Host time from submission to completion.
    pub host_ns: u64,
    /// Timestamp pairs that were zero or went backwards.
    pub invalid: u32,
}

impl Sampled {
    /// What a batch took by the two clocks, with so many unusable pairs of timestamps.
    pub fn new(device_ns: Option<u64>, host_ns: u64, invalid: u32) -> Self {
        Sampled { device_ns, host_ns, invalid }
    }
}

/// How an executor fails; each becomes the status of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Failure {
    /// The device or runtime lacks something.
    Unsupported,
    /// Not enough memory, or more than the limit.
    OutOfMemory,
    /// Anything else; the device may go on.
    Failed,
    /// The device is lost; a new child is needed.
    DeviceLost,
}

/// The JSON schema of both kinds of messages, as in `docs/executor-protocol/schema.json`.
pub fn json_schema() -> String {
    /// Messages of portamark's executor protocol.
    #[derive(schemars::JsonSchema)]
    #[allow(dead_code)]
    struct Messages {
        /// From the runner to the executor.
        request: Request,
        /// From the executor to the runner.
        response: Response,
    }
    portamark_model::schema::json::<Messages>()
}

/// The pattern an output is filled with before it is checked: a NaN, huge bf16 or i32 that no kernel
/// produces.
pub mod poison {
    /// For 32-bit elements.
    pub const BITS_32: u32 = 0x7fc0_dead;
    /// For 16-bit elements.
    pub const BITS_16: u16 = 0x7ead;
}

/// Little-endian f64 as base64.
pub fn encode_values(values: &[f64]) -> String {
    use base64::Engine;
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Reads [`encode_values`] back.
pub fn decode_values(text: &str) -> Result<Vec<f64>, String> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|e| format!("values are not base64: {e}"))?;
    let (values, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(format!("{} bytes are not a whole number of f64", bytes.len()));
    }
    Ok(values.iter().map(|value| f64::from_le_bytes(*value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_poison_is_a_nan_of_its_format() {
        assert!(f32::from_bits(poison::BITS_32).is_nan());
        assert!(half::f16::from_bits(poison::BITS_16).is_nan());
    }

    #[test]
    fn messages_keep_their_wire_form() {
        let wire = |r: &Request| serde_json::to_string(r).unwrap();
        assert_eq!(wire(&Request::Hello { protocol: 1 }), r#"{"request":"hello","protocol":1}"#);
        assert_eq!(
            wire(&Request::Sample { handle: 1, k: 8, first_set: 0 }),
            r#"{"request":"sample","handle":1,"k":8,"first_set":0}"#
        );
        let error = r#"{"response":"error","status":"out-of-memory","reason":"2 GB","later":1}"#;
        let read: Response = serde_json::from_str(error).unwrap();
        assert_eq!(read, Response::Error { status: Failure::OutOfMemory, reason: "2 GB".into() });
    }

    proptest! {
        #[test]
        fn values_survive_bit_for_bit(bits in proptest::collection::vec(any::<u64>(), 0..64)) {
            let values: Vec<f64> = bits.iter().map(|b| f64::from_bits(*b)).collect();
            let back = decode_values(&encode_values(&values)).unwrap();
            let back: Vec<u64> = back.iter().map(|v| v.to_bits()).collect();
            prop_assert_eq!(back, bits);
        }
    }
}
