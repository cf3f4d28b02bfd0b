//! Messages between the runner and an executor. Each message is one JSON object on one line. The runner writes
//! requests to the executor's stdin; the executor writes exactly one response to each on its stdout. The
//! runner keeps the last lines of stderr to explain a crash.

use portamark_model::compiled::Compiled;
use portamark_model::device::{Capabilities, Takes};
use portamark_model::plan::Plan;
use portamark_model::workload::{Case, Distribution, Tensor};
use serde::{Deserialize, Serialize};

/// Version of the protocol. The runner refuses an executor that uses another version.
pub const PROTOCOL: u32 = 1;

/// Request from the runner to an executor. The executor answers each with exactly one response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "request", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Request {
    /// Asks for the protocol version and the list of devices. This is the first request.
    Hello {
        /// Protocol version of the runner.
        protocol: u32,
    },
    /// Creates the buffers, inputs and pipelines of a case. Nothing is timed yet.
    Prepare(Box<Prepare>),
    /// Runs `k` executions of a prepared case back to back and times the whole batch.
    Sample {
        /// Handle of the preparation, from the `prepared` response.
        handle: u32,
        /// Number of executions in the batch. 0 times an empty batch, which measures the overhead.
        k: u32,
        /// Buffer set of the first execution. Execution i, counted from 0, uses buffer set
        /// (first_set + i) mod sets.
        first_set: u32,
    },
    /// Reads elements of the output of one buffer set.
    Read {
        /// Handle of the preparation.
        handle: u32,
        /// Index of the buffer set, from 0 to sets − 1.
        set: u32,
        /// Indices of the output elements to read, counted from 0, in ascending order.
        elements: Vec<u64>,
    },
    /// Fills the outputs of all buffer sets with the poison pattern: 0x7fc0dead in each 32-bit element,
    /// 0x7ead in each 16-bit element.
    Poison {
        /// Handle of the preparation.
        handle: u32,
    },
    /// Frees all buffers and pipelines of a preparation.
    Release {
        /// Handle of the preparation; not valid afterwards.
        handle: u32,
    },
    /// Asks what the compiler makes of a plan, which is compiled and not run. Optional: an executor that cannot tell
    /// answers with the error `unsupported`.
    Inspect(Box<Inspect>),
    /// Asks what the compiler makes of SPIR-V that does not come from a plan. Answered like `inspect`, with one step.
    InspectSpirv(Box<InspectSpirv>),
    /// Ends the session: the executor answers `done` and exits.
    Bye,
}

/// Case to prepare on a device, with its inputs and its number of buffer sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Prepare {
    /// Identifier of the device: the `id` that the executor listed in its `hello` response.
    pub device: String,
    /// Key of the case, e.g. `gemm f32 m1024 n1024 k1024 nn`.
    pub case: String,
    /// Plan to run, for executors that take plans.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan: Option<Plan>,
    /// Tensors of the case in order, for executors that take cases: the inputs, which the executor
    /// generates, and the output. Empty for executors that take plans.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tensors: Vec<Tensor>,
    /// Seed of the generator that produces the values of the inputs.
    pub seed: u32,
    /// Distribution of the input values; `uniform` if absent.
    #[serde(default)]
    pub dist: Distribution,
    /// Number of buffer sets, at least 1. Each set has its own inputs and output. Consecutive executions
    /// rotate through the sets, so that caches do not serve them.
    pub sets: u32,
    /// Largest allowed size of all buffers together, in bytes. If the case needs more, the executor answers
    /// with the error `out-of-memory`.
    pub memory_limit: u64,
}

/// Plan to compile on a device, to see what its compiler makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Inspect {
    /// Identifier of the device: the `id` that the executor listed in its `hello` response.
    pub device: String,
    /// Plan to compile.
    pub plan: Plan,
    /// Whether the texts of the compiler are wanted, and the SPIR-V.
    #[serde(default)]
    pub texts: bool,
}

/// SPIR-V to compile on a device, to see what its compiler makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct InspectSpirv {
    /// Identifier of the device: the `id` that the executor listed in its `hello` response.
    pub device: String,
    /// Little-endian words in base64.
    pub spirv: String,
    /// Name of the entry point.
    pub entry: String,
    /// Specialisation constants: id and value, of 32 bits each.
    #[serde(default)]
    pub constants: Vec<(u32, u32)>,
    /// Subgroup size that is required, with full subgroups. Absent: that of the driver's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subgroup_size: Option<u32>,
    /// Whether the texts of the compiler are wanted.
    #[serde(default)]
    pub texts: bool,
}

impl InspectSpirv {
    /// Creates a request for the entry point `entry` of the module `bytes` on `device`, with the compiler's texts.
    pub fn new(device: &Capabilities, bytes: &[u8], entry: &str, constants: Vec<(u32, u32)>) -> Self {
        use base64::Engine;
        InspectSpirv {
            device: device.id_of_executor().into(),
            spirv: base64::engine::general_purpose::STANDARD.encode(bytes),
            entry: entry.into(),
            constants,
            subgroup_size: None,
            texts: true,
        }
    }

    /// Returns the request with a required subgroup size.
    pub fn with_subgroups(mut self, size: Option<u32>) -> Self {
        self.subgroup_size = size;
        self
    }
}

impl Inspect {
    /// Creates a request for `plan` on `device`, with the compiler's `texts` or without.
    pub fn new(device: &Capabilities, plan: Plan, texts: bool) -> Self {
        Inspect { device: device.id_of_executor().into(), plan, texts }
    }
}

impl Prepare {
    /// Returns this request after `change` has modified it.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Creates a request for `case` on `device`, with `plan` if the device takes plans. Defaults: one buffer
    /// set, uniform inputs of seed 1, no memory limit.
    pub fn new(device: &Capabilities, case: &Case, plan: Option<Plan>) -> Self {
        Prepare {
            device: device.id_of_executor().into(),
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

/// Response of an executor to one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "response", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Response {
    /// Answer to `hello`.
    Hello {
        /// Protocol version of the executor.
        protocol: u32,
        /// Name and version of the executor, e.g. `wgpu 0.1.0`.
        executor: String,
        /// Devices that the executor offers.
        devices: Vec<Capabilities>,
    },
    /// Answer to `prepare`.
    Prepared(Prepared),
    /// Answer to `sample`.
    Sampled(Sampled),
    /// Answer to `read`.
    Values {
        /// Values of the requested elements, in the requested order: little-endian f64, encoded in base64.
        /// f64 represents every output format exactly.
        values: String,
        /// Number of elements in the whole output that still hold the poison pattern, compared bit by bit.
        poisoned: u64,
    },
    /// Answer to `inspect`.
    Inspected {
        /// What the compiler made of each step of the plan, in order.
        steps: Vec<Compiled>,
    },
    /// Answer to `poison`, `release` and `bye`.
    Done,
    /// Answer to a request that failed.
    Error {
        /// Kind of failure.
        status: Failure,
        /// Error message for people, with the driver's or runtime's own message where there is one.
        reason: String,
    },
}

/// Prepared case, ready to be sampled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Prepared {
    /// Number that identifies this preparation in later requests.
    pub handle: u32,
    /// Time taken to compile all pipelines, in nanoseconds; 0 if nothing is compiled.
    pub compile_ns: u64,
    /// Total size of all buffers of this preparation, in bytes.
    pub held_bytes: u64,
    /// Name of the kernel or library function that computes the case, e.g. `torch.matmul`. Absent if the
    /// executor runs a plan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kernel: Option<String>,
}

/// Measured times of one batch of executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Sampled {
    /// Time of the whole batch by the device's own clock, in nanoseconds: the difference of the timestamps
    /// around the batch. Absent or null if the device has no timestamps or they are unusable.
    pub device_ns: Option<u64>,
    /// Time of the whole batch by the host's clock, in nanoseconds: from just before the first execution is
    /// submitted to just after the last one completes.
    pub host_ns: u64,
    /// Number of timestamp pairs of the batch that were unusable: zero, or going backwards.
    pub invalid: u32,
}

impl Sampled {
    /// Creates the result of a batch from its two times in nanoseconds and its number of unusable timestamp
    /// pairs.
    pub fn new(device_ns: Option<u64>, host_ns: u64, invalid: u32) -> Self {
        Sampled { device_ns, host_ns, invalid }
    }
}

/// Kind of failure of a request. It determines the status of the result row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Failure {
    /// The device or runtime lacks a feature that the case needs. This is not a defect.
    Unsupported,
    /// The memory does not suffice, or `memory_limit` would be exceeded.
    OutOfMemory,
    /// Any other failure. The device remains usable.
    Failed,
    /// The device is lost. The runner starts a new executor.
    DeviceLost,
}

/// Returns the JSON schema of all requests and responses, as in `docs/executor-protocol/schema.json`.
pub fn json_schema() -> String {
    /// Messages of portamark's executor protocol.
    #[derive(schemars::JsonSchema)]
    #[allow(dead_code)]
    struct Messages {
        /// Message from the runner to the executor.
        request: Request,
        /// Message from the executor to the runner.
        response: Response,
    }
    portamark_model::schema::json::<Messages>()
}

/// Bit patterns that fill an output before it is computed. An element that still holds the pattern afterwards
/// was not written: no kernel produces these values (a NaN in f32 and f16, a huge number in bf16 and i32).
pub mod poison {
    /// Pattern of each 32-bit element.
    pub const BITS_32: u32 = 0x7fc0_dead;
    /// Pattern of each 16-bit element.
    pub const BITS_16: u16 = 0x7ead;
}

/// Encodes `values` as little-endian f64 in base64.
pub fn encode_values(values: &[f64]) -> String {
    use base64::Engine;
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Decodes the output of [`encode_values`].
///
/// # Errors
/// Fails if `text` is not base64 or its length in bytes is not a multiple of 8.
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
