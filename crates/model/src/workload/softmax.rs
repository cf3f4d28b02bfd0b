//! Softmax of each row: y_j = exp(x_j − m) / Σ exp(x_i − m) with m the largest x_i of the row, which
//! keeps every exponential at or below 1.

use super::dtype::Precision;
use super::family::Workload;
use super::matrix::Matrix;
use super::parameters::Parameters;
use super::tensor::{Expected, Inputs, Tensor};

/// Softmax along the rows of a dense row-major matrix; X and Y are rows × columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Softmax {
    /// Formats, rows and columns of X and Y.
    pub matrix: Matrix,
}

/// Binary exponent of the scale of X, which is drawn from [−8, 8], so that the weights of a row differ by
/// up to e¹⁶.
const SCALE: i8 = 3;

/// Factor c of the error bound; see [`Softmax::expected`].
const BOUND_FACTOR: f64 = 16.0;

impl Workload for Softmax {
    const FAMILY: &'static str = "softmax";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Softmax { matrix: Matrix::parse(text)? })
    }

    fn parameters(&self) -> Parameters {
        self.matrix.parameters()
    }

    fn precision(&self) -> Precision {
        self.matrix.precision
    }

    /// Counts 5 FLOP per element: comparison, difference, exponential, sum, and the division of the result.
    fn flop(&self) -> u128 {
        5 * u128::from(self.matrix.elements())
    }

    fn is_bandwidth(&self) -> bool {
        true
    }

    fn tensors(&self) -> Vec<Tensor> {
        let len = self.matrix.elements();
        vec![
            Tensor::input("x", 1, self.matrix.precision.input, len).scaled(SCALE),
            Tensor::output("y", self.matrix.precision.output(), len),
        ]
    }

    fn output_shape(&self) -> (u64, u64) {
        (self.matrix.rows, self.matrix.columns)
    }

    fn bound_factor(&self) -> f64 {
        BOUND_FACTOR
    }

    /// Bound: c·u·(1 + √n + |d| + Σp|d|)·y + the storage error ([`super::DType::store_error`]), for n
    /// columns, d = x − m and p the exact weights.
    ///
    /// Vulkan allows exp(d) an error of 3 + 2|d| units in the last place, 2u each, and d itself and its
    /// conversion to base 2 are rounded: (6 + 9|d|)·u. The sum has the mean of these errors, weighted by p,
    /// and √n roundings (Higham & Mary 2019). A division has an error of 5u (Vulkan 1.3, "Precision and
    /// Operation of SPIR-V Instructions").
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let read = inputs.reader(&self.tensors()[0]);
        let n = self.matrix.columns;
        let u = self.matrix.precision.accumulate.unit_roundoff();
        let mut row: Option<(u64, Vec<f64>, f64, f64)> = None;
        let mut expected = Vec::with_capacity(points.len());
        for &point in points {
            let (i, j) = (point / n, (point % n) as usize);
            if row.as_ref().is_none_or(|(at, ..)| *at != i) {
                let x: Vec<f64> = (i * n..(i + 1) * n).map(&read).collect();
                let top = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let d: Vec<f64> = x.iter().map(|x| x - top).collect();
                let total: f64 = d.iter().map(|d| d.exp()).sum();
                let mean = d.iter().map(|d| d.exp() * d.abs()).sum::<f64>() / total;
                row = Some((i, d, total, mean));
            }
            let (_, d, total, mean) = row.as_ref().expect("set above");
            let value = d[j].exp() / total;
            let growth = 1.0 + (n as f64).sqrt() + d[j].abs() + mean;
            let bound = BOUND_FACTOR * u * growth * value + self.matrix.precision.output().store_error(value);
            expected.push(Expected { value, bound });
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: Inputs = Inputs::new(5, 0);

    #[test]
    fn counts_are_five_flop_an_element_and_both_matrices_once() {
        let softmax = Softmax::parse("f16.f32 r3 c8").unwrap();
        assert_eq!(softmax.flop(), 120);
        assert_eq!(softmax.bytes(), 2 * 24 + 2 * 24);
        assert_eq!(softmax.parameters().to_string(), "f16.f32 r3 c8");
    }

    #[test]
    fn two_columns_are_the_logistic_function_of_their_difference() {
        let softmax = Softmax::parse("f32 r2 c2").unwrap();
        let x = INPUTS.reader(&softmax.tensors()[0]);
        let expected = softmax.expected(INPUTS, &[2, 3]);
        let by_hand = 1.0 / (1.0 + (x(3) - x(2)).exp());
        assert!((expected[0].value - by_hand).abs() < 1e-15);
        assert!((expected[0].value + expected[1].value - 1.0).abs() < 1e-15);
    }

    #[test]
    fn leaving_out_a_heavy_element_is_beyond_the_bound() {
        let softmax = Softmax::parse("f32 r1 c1000").unwrap();
        let points: Vec<u64> = (0..1000).collect();
        let expected = softmax.expected(INPUTS, &points);
        let heaviest = expected.iter().map(|e| e.value).fold(0.0, f64::max);
        for e in expected {
            assert!(e.value * heaviest > e.bound, "{e:?}");
        }
    }
}
