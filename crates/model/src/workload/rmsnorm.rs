//! Root mean square normalisation of each row (Zhang & Sennrich 2019, arXiv:1910.07467):
//! y_j = g_j · x_j / √(Σ x_i² / n + ε).

use super::dtype::Precision;
use super::family::Workload;
use super::matrix::Matrix;
use super::parameters::Parameters;
use super::tensor::{Expected, Inputs, Tensor};

/// Constant ε: the power of two nearest to the usual 10⁻⁵, so that every format and language uses the same
/// number.
pub const RMSNORM_EPSILON: f64 = 1.0 / 131_072.0;

/// Root mean square normalisation of the rows of X, multiplied by the weights G. X and Y are dense rows ×
/// columns; G has one element per column.
#[derive(Debug, Clone, PartialEq)]
pub struct RmsNorm {
    /// Formats, rows and columns of X and Y.
    pub matrix: Matrix,
}

/// Factor c of the error bound; see [`RmsNorm::expected`].
const BOUND_FACTOR: f64 = 4.0;

impl Workload for RmsNorm {
    const FAMILY: &'static str = "rmsnorm";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(RmsNorm { matrix: Matrix::parse(text)? })
    }

    fn parameters(&self) -> Parameters {
        self.matrix.parameters()
    }

    fn precision(&self) -> Precision {
        self.matrix.precision
    }

    /// Counts 4 FLOP per element (the square, its sum and two products) and 3 per row (mean, ε, inverse
    /// root).
    fn flop(&self) -> u128 {
        u128::from(4 * self.matrix.elements() + 3 * self.matrix.rows)
    }

    fn is_bandwidth(&self) -> bool {
        true
    }

    fn tensors(&self) -> Vec<Tensor> {
        let len = self.matrix.elements();
        vec![
            Tensor::input("x", 1, self.matrix.precision.input, len),
            Tensor::input("g", 2, self.matrix.precision.input, self.matrix.columns),
            Tensor::output("y", self.matrix.precision.output(), len),
        ]
    }

    fn output_shape(&self) -> (u64, u64) {
        (self.matrix.rows, self.matrix.columns)
    }

    fn bound_factor(&self) -> f64 {
        BOUND_FACTOR
    }

    /// Bound: c·u·(4 + √n)·|y| + the storage error ([`super::DType::store_error`]), for n columns.
    ///
    /// A sum of n squares, all positive, has an error of √n roundings (Higham & Mary 2019), of which the
    /// root keeps half. The inverse root has an error of 2 units in the last place and each product one of
    /// half a unit (Vulkan 1.3, "Precision and Operation of SPIR-V Instructions").
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let tensors = self.tensors();
        let (x, g) = (inputs.reader(&tensors[0]), inputs.reader(&tensors[1]));
        let n = self.matrix.columns;
        let growth =
            BOUND_FACTOR * self.matrix.precision.accumulate.unit_roundoff() * (4.0 + (n as f64).sqrt());
        let mut row: Option<(u64, f64)> = None;
        let mut expected = Vec::with_capacity(points.len());
        for &point in points {
            let (i, j) = (point / n, point % n);
            let factor = match row {
                Some((at, factor)) if at == i => factor,
                _ => {
                    let squares: f64 = (i * n..(i + 1) * n).map(|at| x(at) * x(at)).sum();
                    1.0 / (squares / n as f64 + RMSNORM_EPSILON).sqrt()
                }
            };
            row = Some((i, factor));
            let value = g(j) * x(point) * factor;
            let bound = growth * value.abs() + self.matrix.precision.output().store_error(value);
            expected.push(Expected { value, bound: bound + 1e-30 });
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_four_flop_an_element_and_three_a_row() {
        let norm = RmsNorm::parse("bf16.f32 r3 c8").unwrap();
        assert_eq!(norm.flop(), 96 + 9);
        assert_eq!(norm.bytes(), 2 * (24 + 8 + 24));
        assert_eq!(norm.parameters().to_string(), "bf16.f32 r3 c8");
    }

    #[test]
    fn one_column_becomes_its_sign_times_the_weight() {
        // x / √(x² + ε) is ±(1 − ε / 2x²) to first order.
        let norm = RmsNorm::parse("f32 r4 c1").unwrap();
        let inputs = Inputs::new(5, 0);
        let tensors = norm.tensors();
        let (x, g) = (inputs.reader(&tensors[0]), inputs.reader(&tensors[1]));
        for (i, e) in norm.expected(inputs, &[0, 1, 2, 3]).iter().enumerate() {
            let x = x(i as u64);
            let by_hand = x.signum() * (1.0 - RMSNORM_EPSILON / (2.0 * x * x)) * g(0);
            assert!((e.value - by_hand).abs() < (RMSNORM_EPSILON / (x * x)).powi(2) * g(0).abs());
        }
    }

    #[test]
    fn leaving_out_a_typical_square_is_beyond_the_bound() {
        // One of n squares of typical size changes the root by 1 / 2n.
        let norm = RmsNorm::parse("f32 r1 c4096").unwrap();
        for e in norm.expected(Inputs::new(5, 0), &[0, 1, 4095]) {
            assert!(e.bound < e.value.abs() / 8192.0, "{e:?}");
        }
    }
}
