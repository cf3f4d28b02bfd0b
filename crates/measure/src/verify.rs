//! Verification of outputs against an f64 oracle. Outputs are poisoned first, so that unwritten elements
//! show.

use portamark_executors::{Executor, Fault};
use portamark_model::workload::{Case, Expected, Inputs, Tile};
use std::time::Duration;

/// Result of comparing an output with the oracle.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputProof {
    /// Number of elements compared.
    pub checked: u64,
    /// Number of elements of the output.
    pub total: u64,
    /// Number of elements that still hold the poison value.
    pub unwritten: u64,
    /// Largest |out − reference| / bound of all compared elements; infinite if an element is NaN.
    pub worst_ratio: f64,
    /// |out − reference| of the element with the largest ratio.
    pub worst_error: f64,
    /// Index of that element in the output.
    pub worst_element: u64,
    /// Value of that element in the output.
    pub found: f64,
    /// Reference value of that element.
    pub expected: f64,
}

impl OutputProof {
    /// Whether elements were compared, each is within its error bound, and every element was written.
    pub fn passed(&self) -> bool {
        self.checked > 0 && self.unwritten == 0 && self.worst_ratio <= 1.0
    }

    /// Describes why the output did not pass; `None` if it passed.
    pub fn reason(&self) -> Option<String> {
        if self.unwritten > 0 {
            Some(format!("{} of {} output elements were not written", self.unwritten, self.total))
        } else if self.worst_ratio > 1.0 {
            Some(format!(
                "element {} is {}, the oracle gives {:.7}; the error is {} times its bound",
                self.worst_element,
                self.found,
                self.expected,
                portamark_model::units::significant(self.worst_ratio)
            ))
        } else if self.checked == 0 {
            Some("no output element was compared with the oracle".into())
        } else {
            None
        }
    }
}

/// Reference values and error bounds of selected output elements of one case.
pub struct Oracle {
    /// Seed, buffer set and distribution of the inputs.
    pub inputs: Inputs,
    /// Indices of the selected elements, ascending.
    pub points: Vec<u64>,
    expected: Vec<Expected>,
    total: u64,
}

impl Oracle {
    /// Computes the reference for `case` on `inputs`, for a kernel that writes its output in tiles of `tile`.
    pub fn new(case: &Case, inputs: Inputs, tile: Tile) -> Self {
        let points = case.points(tile, inputs.seed ^ inputs.set);
        let expected = case.expected(inputs, &points);
        Oracle { inputs, points, expected, total: case.output_len() }
    }

    /// Returns the SHA-256 of the element indices with their reference values and bounds, in hexadecimal.
    /// Verifications of the same case on the same inputs share it.
    pub fn sha256(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        for (point, expected) in self.points.iter().zip(&self.expected) {
            digest.update(point.to_le_bytes());
            digest.update(expected.value.to_le_bytes());
            digest.update(expected.bound.to_le_bytes());
        }
        hex::encode(digest.finalize())
    }

    /// Compares `values`, the output at [`Oracle::points`], with the reference. `unwritten` is the number of
    /// elements that still hold poison.
    pub fn compare(&self, values: &[f64], unwritten: u64) -> OutputProof {
        let mut verdict = OutputProof {
            checked: values.len() as u64,
            total: self.total,
            unwritten,
            worst_ratio: 0.0,
            worst_error: 0.0,
            worst_element: 0,
            found: 0.0,
            expected: 0.0,
        };
        for ((&point, expected), &value) in self.points.iter().zip(&self.expected).zip(values) {
            let error = (value - expected.value).abs();
            // A bound of 0 requires the exact value; 0/0 counts as no error.
            let ratio = match error {
                e if e.is_nan() => f64::INFINITY,
                0.0 => 0.0,
                e => e / expected.bound,
            };
            if ratio > verdict.worst_ratio {
                verdict.worst_ratio = ratio;
                verdict.worst_error = error;
                verdict.worst_element = point;
                verdict.found = value;
                verdict.expected = expected.value;
            }
        }
        verdict
    }

    /// Reads the output of this oracle's buffer set from the executor and compares it.
    pub fn check(
        &self,
        executor: &mut dyn Executor,
        handle: u32,
        deadline: Duration,
    ) -> Result<OutputProof, Fault> {
        let (values, unwritten) = executor.read(handle, self.inputs.set, &self.points, deadline)?;
        Ok(self.compare(&values, unwritten))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oracle() -> Oracle {
        let case: Case = "gemm f32 m4 n4 k8 nn".parse().unwrap();
        Oracle::new(&case, Inputs::new(1, 0), Tile::ONE)
    }

    fn exact(oracle: &Oracle) -> Vec<f64> {
        oracle.expected.iter().map(|e| e.value).collect()
    }

    #[test]
    fn the_rounded_reference_passes() {
        let oracle = oracle();
        let verdict = oracle.compare(&exact(&oracle), 0);
        assert!(verdict.passed(), "{verdict:?}");
        assert_eq!((verdict.checked, verdict.total), (16, 16));
        assert_eq!(verdict.reason(), None);
    }

    #[test]
    fn the_hash_is_of_points_and_values() {
        let of =
            |key: &str, seed| Oracle::new(&key.parse().unwrap(), Inputs::new(seed, 0), Tile::ONE).sha256();
        let key = "gemm f32 m4 n4 k8 nn";
        assert_eq!(of(key, 1), of(key, 1));
        assert_ne!(of(key, 1), of(key, 2), "other inputs");
        assert_ne!(of(key, 1), of("gemm f32 m4 n4 k8 tn", 1), "another product");
    }

    #[test]
    fn one_element_off_by_twice_its_bound_fails_and_is_named() {
        let oracle = oracle();
        let mut values = exact(&oracle);
        values[5] = oracle.expected[5].value + 2.0 * oracle.expected[5].bound;
        let verdict = oracle.compare(&values, 0);
        assert!(!verdict.passed());
        assert_eq!(verdict.worst_element, 5);
        assert!(verdict.reason().unwrap().starts_with("element 5 is"));
    }

    #[test]
    fn nothing_compared_is_nothing_proven() {
        let empty = Oracle { points: Vec::new(), expected: Vec::new(), ..oracle() };
        let verdict = empty.compare(&[], 0);
        assert!(!verdict.passed());
        assert_eq!(verdict.reason().unwrap(), "no output element was compared with the oracle");
    }

    #[test]
    fn not_a_number_fails_and_so_does_poison_elsewhere() {
        let oracle = oracle();
        let mut values = exact(&oracle);
        values[3] = f64::NAN;
        assert!(!oracle.compare(&values, 0).passed());
        let verdict = oracle.compare(&exact(&oracle), 2);
        assert!(!verdict.passed());
        assert_eq!(verdict.reason().unwrap(), "2 of 16 output elements were not written");
    }
}
