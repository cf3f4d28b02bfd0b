//! A case: one workload with all its parameters fixed. Its text form is its key.

use super::tensor::{Expected, Inputs, Role, Tensor};
use super::{Attention, Gemm, Gemv, Peak, Precision, Stream, Tile, points};
use super::{Gather, Latency, Launch, Layer, Moe, RmsNorm, Rope, Softmax, Swiglu, Transpose};
use std::fmt;
use std::str::FromStr;

/// What every family of work provides.
pub trait Workload: Clone + fmt::Debug + PartialEq {
    /// The first word of the key.
    const FAMILY: &'static str;
    /// Reads the key without its first word.
    fn parse(text: &str) -> Result<Self, String>;
    /// The key without its first word; [`Workload::parse`] reads it back.
    fn parameters(&self) -> String;
    /// Formats of inputs and accumulator.
    fn precision(&self) -> Precision;
    /// Floating-point operations of one execution, by the project's convention.
    fn flop(&self) -> u64;
    /// Bytes that must move: each input read once, each output written once.
    fn bytes(&self) -> u64 {
        self.tensors().iter().map(Tensor::bytes).sum()
    }
    /// Whether the headline rate is bytes per second and not FLOP/s.
    fn is_bandwidth(&self) -> bool {
        false
    }
    /// How many steps follow one another, where the headline is the time of one and not a rate.
    fn steps(&self) -> Option<u64> {
        None
    }
    /// The logical tensors, inputs first, exactly one output last; a layer has those of its parts.
    fn tensors(&self) -> Vec<Tensor>;
    /// The output as rows × columns, for choosing what to verify.
    fn output_shape(&self) -> (u64, u64);
    /// The output elements to verify for a kernel that writes `tile` at a time, ascending.
    fn points(&self, tile: Tile, seed: u32) -> Vec<u64> {
        let (rows, columns) = self.output_shape();
        points::choose(rows, columns, tile, seed)
    }
    /// The oracle's value and bound for the output elements `points`, which are ascending.
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected>;
    /// The factor c of the error bound, stored in each row.
    fn bound_factor(&self) -> f64;
}

/// A key that cannot be read as a case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is not a case: {message}")]
pub struct ParseCaseError {
    /// The text.
    pub key: String,
    /// What is wrong with it.
    pub message: String,
}

macro_rules! workloads {
    ($($family:ident),* $(,)?) => {
        /// One workload with all its parameters fixed.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        pub enum Case { $($family($family)),* }

        /// The names of all families.
        pub const FAMILIES: &[&str] = &[$(<$family as Workload>::FAMILY),*];

        impl FromStr for Case {
            type Err = ParseCaseError;
            fn from_str(key: &str) -> Result<Self, ParseCaseError> {
                let error = |message: String| ParseCaseError { key: key.into(), message };
                let key = key.trim();
                let (family, rest) = key.split_once(char::is_whitespace).unwrap_or((key, ""));
                $(if family == <$family as Workload>::FAMILY {
                    return <$family as Workload>::parse(rest).map(Case::$family).map_err(error);
                })*
                Err(error(format!("no family `{family}`; there are {}", FAMILIES.join(", "))))
            }
        }

        impl Case {
            /// The first word of the key.
            pub fn family(&self) -> &'static str {
                match self { $(Case::$family(_) => <$family as Workload>::FAMILY),* }
            }
            /// The key without its first word.
            pub fn parameters(&self) -> String {
                match self { $(Case::$family(w) => w.parameters()),* }
            }
            /// Formats of inputs and accumulator.
            pub fn precision(&self) -> Precision {
                match self { $(Case::$family(w) => w.precision()),* }
            }
            /// Floating-point operations of one execution.
            pub fn flop(&self) -> u64 {
                match self { $(Case::$family(w) => w.flop()),* }
            }
            /// Bytes that one execution must move.
            pub fn bytes(&self) -> u64 {
                match self { $(Case::$family(w) => w.bytes()),* }
            }
            /// Whether the headline rate is bytes per second and not FLOP/s.
            pub fn is_bandwidth(&self) -> bool {
                match self { $(Case::$family(w) => w.is_bandwidth()),* }
            }
            /// How many steps follow one another, where the headline is the time of one.
            pub fn steps(&self) -> Option<u64> {
                match self { $(Case::$family(w) => w.steps()),* }
            }
            /// The logical tensors, inputs first, exactly one output last.
            pub fn tensors(&self) -> Vec<Tensor> {
                match self { $(Case::$family(w) => w.tensors()),* }
            }
            /// The output as rows × columns.
            pub fn output_shape(&self) -> (u64, u64) {
                match self { $(Case::$family(w) => w.output_shape()),* }
            }
            /// The output elements to verify for a kernel that writes `tile` at a time, ascending.
            pub fn points(&self, tile: Tile, seed: u32) -> Vec<u64> {
                match self { $(Case::$family(w) => w.points(tile, seed)),* }
            }
            /// The oracle's value and bound for ascending output elements.
            pub fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
                match self { $(Case::$family(w) => w.expected(inputs, points)),* }
            }
            /// The factor c of the error bound.
            pub fn bound_factor(&self) -> f64 {
                match self { $(Case::$family(w) => w.bound_factor()),* }
            }
        }

        $(impl From<$family> for Case {
            fn from(workload: $family) -> Case { Case::$family(workload) }
        })*
    };
}

// The list of workloads. A new family is one more name here.
workloads!(
    Stream, Peak, Latency, Launch, Gemm, Gemv, Moe, Attention, Softmax, RmsNorm, Rope, Swiglu, Gather,
    Transpose, Layer,
);

impl Case {
    /// The key: family and parameters.
    pub fn key(&self) -> String {
        self.to_string()
    }

    /// The tensor that is checked; of a layer the first.
    pub fn output(&self) -> Tensor {
        self.tensors().into_iter().find(|t| t.role == Role::Output).expect("every case has an output")
    }

    /// Why this case cannot exist at all, if so: the generator counts elements in 32 bits.
    pub fn too_large(&self) -> Option<String> {
        let tensor = self.tensors().into_iter().find(|t| t.len > u64::from(u32::MAX))?;
        Some(format!("tensor {} has {} elements; the limit is 2^32 - 1", tensor.name, tensor.len))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family(), self.parameters())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_to_the_same_case() {
        for key in [
            "stream f32 triad n1048576",
            "peak f32 fma c4096 s1024",
            "peak f16.f32 matrix e8 t64 s128",
            "gemm f32 m512 n512 k512 nn",
            "gemm f16.f32 m4096 n11008 k4096 nt",
            "gemv f16xq4_0.f32 m1 n4096 k4096",
            "attention f32 b1 hq8 hkv2 q128 kv128 d64 causal",
            "attention f16.f32 b4 hq32 hkv8 q1 kv8192 d128",
            "softmax f32 r4096 c4096",
            "rmsnorm f16.f32 r4096 c4096",
            "rope f16.f32 t4096 h32 d128",
            "swiglu bf16.f32 r4096 c14336",
            "gather f16 r4096 c4096 v128256",
            "transpose f32 m4096 n4096",
            "latency i32 n1024 s65536",
            "launch i32 d64",
            "moe f16xq4_0.f32 e128 k8 t64 n768 d2048 skewed",
        ] {
            let case: Case = key.parse().unwrap();
            assert_eq!(case.key(), key);
        }
    }

    #[test]
    fn a_key_that_is_wrong_says_where() {
        for (key, part) in [
            ("", "no family ``"),
            ("conv f32", "no family `conv`"),
            ("gemm f32 m0 n1 k1 nn", "sizes start at 1"),
            ("gemm f32 m1 n1 nn", "k<number> is missing"),
            ("gemm f32 m1 n1 k1 xx", "`xx` is not understood"),
            ("gemm f9 m1 n1 k1 nn", "f9"),
            ("stream f32 jump n4", "jump"),
            ("attention f32 b1 hq3 hkv2 q4 kv4 d64", "multiple"),
            ("gemm f32 m99999999999 n1 k1 nn", "sizes end at"),
        ] {
            let error = key.parse::<Case>().unwrap_err().to_string();
            assert!(error.contains(part), "{key}: {error}");
        }
    }

    #[test]
    fn every_case_has_exactly_one_output_and_it_is_last() {
        for key in ["stream f32 read n4096", "peak f32 fma c64 s128", "gemm f32 m2 n3 k4 tn"] {
            let case: Case = key.parse().unwrap();
            let tensors = case.tensors();
            assert_eq!(tensors.iter().filter(|t| t.role == Role::Output).count(), 1);
            assert_eq!(tensors.last().unwrap().role, Role::Output);
            let (rows, columns) = case.output_shape();
            assert_eq!(rows * columns, case.output().len);
        }
    }
}
