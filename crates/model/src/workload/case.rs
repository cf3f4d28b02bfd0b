//! A case: one workload with all its parameters fixed. Its text form is its key.

use super::family::Workload;
use super::parameters::Parameters;
use super::tensor::{Expected, Inputs, Role, Tensor};
use super::{Attention, Gemm, Gemv, Peak, Precision, Stream, Tile};
use super::{Gather, Latency, Launch, Layer, Moe, RmsNorm, Rope, Softmax, Swiglu, Transpose};
use std::fmt;
use std::str::FromStr;

/// Error for a key that cannot be parsed as a case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is not a case: {message}")]
pub struct ParseCaseError {
    /// Text that was given as the key.
    pub key: String,
    /// Problem with the key.
    pub message: String,
}

macro_rules! workloads {
    ($($family:ident),* $(,)?) => {
        /// One workload with all its parameters fixed.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        pub enum Case { $($family($family)),* }

        /// Names of all families, in the order in which suites run them.
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
            /// Returns the name of the family, the first word of the key.
            pub fn family(&self) -> &'static str {
                match self { $(Case::$family(_) => <$family as Workload>::FAMILY),* }
            }
            /// Returns the parameters, the key without its first word.
            pub fn parameters(&self) -> Parameters {
                match self { $(Case::$family(w) => w.parameters()),* }
            }
            /// Returns the number formats of inputs and accumulator.
            pub fn precision(&self) -> Precision {
                match self { $(Case::$family(w) => w.precision()),* }
            }
            /// Returns the floating-point operations of one execution.
            pub fn flop(&self) -> u128 {
                match self { $(Case::$family(w) => w.flop()),* }
            }
            /// Returns the bytes that one execution must move.
            pub fn bytes(&self) -> u64 {
                match self { $(Case::$family(w) => w.bytes()),* }
            }
            /// Whether the headline rate is in bytes per second and not in FLOP/s.
            pub fn is_bandwidth(&self) -> bool {
                match self { $(Case::$family(w) => w.is_bandwidth()),* }
            }
            /// Returns the number of dependent steps if the headline is the time per step; otherwise
            /// `None`.
            pub fn steps(&self) -> Option<u64> {
                match self { $(Case::$family(w) => w.steps()),* }
            }
            /// Returns the logical tensors: the inputs, then exactly one output. A layer has the tensors of
            /// all its parts.
            pub fn tensors(&self) -> Vec<Tensor> {
                match self { $(Case::$family(w) => w.tensors()),* }
            }
            /// Returns the output shape as (rows, columns).
            pub fn output_shape(&self) -> (u64, u64) {
                match self { $(Case::$family(w) => w.output_shape()),* }
            }
            /// Returns the indices of the output elements to verify, ascending, for a kernel that writes
            /// one `tile` per workgroup.
            pub fn points(&self, tile: Tile, seed: u32) -> Vec<u64> {
                match self { $(Case::$family(w) => w.points(tile, seed)),* }
            }
            /// Returns the oracle's value and error bound for each of the output elements `points`, which
            /// are ascending.
            pub fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
                match self { $(Case::$family(w) => w.expected(inputs, points)),* }
            }
            /// Returns the factor c of the error bound.
            pub fn bound_factor(&self) -> f64 {
                match self { $(Case::$family(w) => w.bound_factor()),* }
            }
        }

        $(impl From<$family> for Case {
            fn from(workload: $family) -> Case { Case::$family(workload) }
        })*
    };
}

// List of families. A new family adds its name here.
workloads!(
    Stream, Peak, Latency, Launch, Gemm, Gemv, Moe, Attention, Softmax, RmsNorm, Rope, Swiglu, Gather,
    Transpose, Layer,
);

impl Case {
    /// Returns the key: family and parameters, separated by spaces.
    pub fn key(&self) -> String {
        self.to_string()
    }

    /// Returns in words how tokens are routed to experts, and how many experts are read; `None` if the case has
    /// no experts. A layer has those of all its parts.
    pub fn routing(&self) -> Option<String> {
        match self {
            Case::Moe(moe) => Some(moe.routing_words()),
            Case::Layer(layer) => {
                let mut parts: Vec<String> = layer.parts.iter().filter_map(Case::routing).collect();
                parts.dedup();
                Some(parts.join("; ")).filter(|words| !words.is_empty())
            }
            _ => None,
        }
    }

    /// Returns the size `name`, e.g. `m`; `None` if the case has no such size.
    pub fn size(&self, name: &str) -> Option<u64> {
        self.parameters().sizes().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Returns the case with the size `name` set to `value`; the same case if it has no such size.
    ///
    /// # Errors
    /// Fails if the family does not allow the new size, e.g. if a K is not a multiple of the group of the
    /// weight format.
    pub fn with_size(&self, name: &str, value: u64) -> Result<Case, ParseCaseError> {
        self.with_parameters(&self.parameters().with_size(name, value))
    }

    /// Returns the case of the same family with other parameters.
    ///
    /// # Errors
    /// Fails if the family refuses them.
    pub fn with_parameters(&self, parameters: &Parameters) -> Result<Case, ParseCaseError> {
        format!("{} {parameters}", self.family()).parse()
    }

    /// Returns the output tensor, which is verified; for a layer, the first one.
    pub fn output(&self) -> Tensor {
        self.tensors().into_iter().find(|t| t.role == Role::Output).expect("every case has an output")
    }

    /// Returns the reason if the case is too large to run, because the generator counts elements in 32 bits and
    /// rows count FLOP in 64; otherwise `None`.
    pub fn too_large(&self) -> Option<String> {
        if let Some(tensor) = self.tensors().into_iter().find(|t| t.len > u64::from(u32::MAX)) {
            return Some(format!(
                "tensor {} has {} elements; the limit is 2^32 - 1",
                tensor.name, tensor.len
            ));
        }
        let flop = self.flop();
        (flop > u128::from(u64::MAX)).then(|| format!("it takes {flop} FLOP; the limit is 2^64 - 1"))
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

    /// A case of each family but the layer, which consists of them.
    const KEYS: &[&str] = &[
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
    ];

    #[test]
    fn keys_read_back_to_the_same_case() {
        for key in KEYS {
            let case: Case = key.parse().unwrap();
            assert_eq!(case.key(), *key);
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
    fn no_size_makes_a_count_overflow() {
        // Overflow panics in tests. Sizes of each key are set to the largest ones, alone and all together.
        let huge = [1 << 16, 1 << 20, 1 << 31, u64::from(u32::MAX) / 1024 * 1024, u64::from(u32::MAX)];
        for case in KEYS.iter().map(|key| key.parse::<Case>().unwrap()) {
            let names: Vec<&str> = case.parameters().sizes().map(|(name, _)| name).collect();
            let sets = names.iter().map(|name| vec![*name]).chain([names.clone()]);
            for (set, size) in sets.flat_map(|set| huge.map(|size| (set.clone(), size))) {
                let sizes = set.iter().fold(case.parameters(), |all, name| all.with_size(name, size));
                let Ok(case) = case.with_parameters(&sizes) else { continue };
                let tensors: u128 = case.tensors().iter().map(|tensor| u128::from(tensor.bytes())).sum();
                assert!(u128::from(case.bytes()) <= tensors.max(1 << 40) && tensors < 1 << 56, "{case}");
                assert!(case.flop() < 1 << 100, "{case}");
                let counted = crate::workload::Convention::ALL.map(|convention| convention.count(&case));
                assert!(counted[0].is_some(), "{case}");
            }
        }
    }

    #[test]
    fn every_family_has_one_output_which_is_last_and_a_layer_those_of_its_parts() {
        let outputs = |case: &Case| case.tensors().iter().filter(|t| t.role == Role::Output).count();
        let mut families = std::collections::BTreeSet::new();
        for key in KEYS {
            let case: Case = key.parse().unwrap();
            assert_eq!((outputs(&case), case.tensors().last().unwrap().role), (1, Role::Output), "{key}");
            let (rows, columns) = case.output_shape();
            assert_eq!(rows * columns, case.output().len, "{key}");
            families.insert(case.family());
        }
        assert_eq!(families.len(), FAMILIES.len() - 1, "a family has no key here");
        let layer: Case = format!("layer {} + {}", KEYS[3], KEYS[5]).parse().unwrap();
        assert_eq!(outputs(&layer), 2);
    }
}
