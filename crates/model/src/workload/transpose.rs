//! Transposition Y = Xᵀ: a copy that changes the order of elements.

use super::dtype::Precision;
use super::family::Workload;
use super::parameters::{Parameters, Words, countable};
use super::tensor::{Expected, Inputs, Tensor};

/// Transposition of X, which is dense row-major m × n, into Y, which is n × m.
#[derive(Debug, Clone, PartialEq)]
pub struct Transpose {
    /// Number format of X and Y.
    pub precision: Precision,
    /// Number of rows of X.
    pub m: u64,
    /// Number of columns of X.
    pub n: u64,
}

impl Workload for Transpose {
    const FAMILY: &'static str = "transpose";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let precision = words.moved()?;
        let (m, n) = (words.number("m")?, words.number("n")?);
        words.finish()?;
        countable("x", &[m, n])?;
        Ok(Transpose { precision, m, n })
    }

    fn parameters(&self) -> Parameters {
        Parameters::of(self.precision).size("m", self.m).size("n", self.n)
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn flop(&self) -> u128 {
        0
    }

    fn is_bandwidth(&self) -> bool {
        true
    }

    fn tensors(&self) -> Vec<Tensor> {
        let len = self.m * self.n;
        vec![Tensor::input("x", 1, self.precision.input, len), Tensor::output("y", self.precision.input, len)]
    }

    fn output_shape(&self) -> (u64, u64) {
        (self.n, self.m)
    }

    fn bound_factor(&self) -> f64 {
        0.0
    }

    /// The result is exact, so the bound is 0.
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let x = inputs.reader(&self.tensors()[0]);
        let at = |&point: &u64| Expected { value: x(point % self.m * self.n + point / self.m), bound: 0.0 };
        points.iter().map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn element_j_i_of_the_output_is_i_j_of_the_input() {
        let transpose = Transpose::parse("bf16 m2 n3").unwrap();
        assert_eq!((transpose.bytes(), transpose.flop()), (2 * 6 + 2 * 6, 0));
        let inputs = Inputs::new(5, 0);
        let x = inputs.reader(&transpose.tensors()[0]);
        let found: Vec<f64> =
            transpose.expected(inputs, &[0, 1, 2, 3, 4, 5]).iter().map(|e| e.value).collect();
        assert_eq!(found, [0, 3, 1, 4, 2, 5].map(x));
        assert!(Transpose::parse("f16.f32 m2 n3").unwrap_err().contains("the formats are"));
    }
}
