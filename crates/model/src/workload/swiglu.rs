//! SwiGLU, the gate of a feed-forward layer (Shazeer 2020, arXiv:2002.05202): y = silu(gate)·up with
//! silu(z) = z / (1 + exp(−z)), element by element.

use super::dtype::Precision;
use super::family::Workload;
use super::matrix::Matrix;
use super::parameters::Parameters;
use super::tensor::{Expected, Inputs, Tensor};

/// SwiGLU of the matrices `gate` and `up`. They and the output Y are dense rows × columns: tokens × hidden
/// size.
#[derive(Debug, Clone, PartialEq)]
pub struct Swiglu {
    /// Formats, rows and columns of `gate`, `up` and Y.
    pub matrix: Matrix,
}

/// Binary exponent of the scale of the gate, which is drawn from [−4, 4], where silu is far from linear.
const SCALE: i8 = 2;

/// Factor c of the error bound; see [`Swiglu::expected`].
const BOUND_FACTOR: f64 = 16.0;

impl Workload for Swiglu {
    const FAMILY: &'static str = "swiglu";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Swiglu { matrix: Matrix::parse(text)? })
    }

    fn parameters(&self) -> Parameters {
        self.matrix.parameters()
    }

    fn precision(&self) -> Precision {
        self.matrix.precision
    }

    /// Counts 4 FLOP per element: exponential, sum, division and product.
    fn flop(&self) -> u128 {
        4 * u128::from(self.matrix.elements())
    }

    fn is_bandwidth(&self) -> bool {
        true
    }

    fn tensors(&self) -> Vec<Tensor> {
        let len = self.matrix.elements();
        vec![
            Tensor::input("gate", 1, self.matrix.precision.input, len).scaled(SCALE),
            Tensor::input("up", 2, self.matrix.precision.input, len),
            Tensor::output("y", self.matrix.precision.output(), len),
        ]
    }

    fn output_shape(&self) -> (u64, u64) {
        (self.matrix.rows, self.matrix.columns)
    }

    fn bound_factor(&self) -> f64 {
        BOUND_FACTOR
    }

    /// Bound: c·u·(1 + |gate|)·|y| + the storage error ([`super::DType::store_error`]).
    ///
    /// Vulkan allows exp(z) an error of 3 + 2|z| units in the last place, 2u each, before the conversion to
    /// base 2: (6 + 6|z|)·u of a term that is at most the whole sum. Sum and product have an error of u
    /// each, the division one of 5u (Vulkan 1.3, "Precision and Operation of SPIR-V Instructions").
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let tensors = self.tensors();
        let (gate, up) = (inputs.reader(&tensors[0]), inputs.reader(&tensors[1]));
        let u = self.matrix.precision.accumulate.unit_roundoff();
        let at = |&point: &u64| {
            let z = gate(point);
            let value = z / (1.0 + (-z).exp()) * up(point);
            let rounding = BOUND_FACTOR * u * (1.0 + z.abs()) * value.abs();
            Expected { value, bound: rounding + self.matrix.precision.output().store_error(value) + 1e-30 }
        };
        points.iter().map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_four_flop_and_three_tensors() {
        let swiglu = Swiglu::parse("f16.f32 r3 c8").unwrap();
        assert_eq!(swiglu.flop(), 96);
        assert_eq!(swiglu.bytes(), 3 * 2 * 24);
        assert_eq!(swiglu.parameters().to_string(), "f16.f32 r3 c8");
    }

    #[test]
    fn silu_of_z_and_of_minus_z_differ_by_z() {
        // z σ(z) − (−z) σ(−z) = z (σ(z) + σ(−z)) = z.
        let swiglu = Swiglu::parse("f32 r1 c64").unwrap();
        let inputs = Inputs::new(5, 0);
        let tensors = swiglu.tensors();
        let (gate, up) = (inputs.reader(&tensors[0]), inputs.reader(&tensors[1]));
        let points: Vec<u64> = (0..64).collect();
        for (i, e) in swiglu.expected(inputs, &points).iter().enumerate() {
            let (z, w) = (gate(i as u64), up(i as u64));
            let other = z / (1.0 + z.exp());
            assert!((e.value - (z - other) * w).abs() < 1e-12);
            assert!(e.bound < 1e-4, "swapping gate and up is far outside");
        }
    }
}
