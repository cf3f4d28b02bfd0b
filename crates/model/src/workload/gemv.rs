//! Matrix times a few vectors, as in a decode step through a linear layer.

use super::dtype::Precision;
use super::family::Workload;
use super::gemm::Gemm;
use super::parameters::{Parameters, Words};
use super::tensor::{Expected, Inputs, Tensor};

/// Largest number of vectors of one case; with more, arithmetic becomes the limit and the work is a `gemm`
/// case.
pub const MOST_VECTORS: u64 = 8;

/// Product Y = X·Wᵀ for 1 to [`MOST_VECTORS`] vectors: X is m × k (the activations of m tokens), W is n × k
/// (the weights), Y is m × n. The mathematics is that of the product with layout `nt`, but reading W is the
/// limit, so the rate is in bytes per second.
#[derive(Debug, Clone, PartialEq)]
pub struct Gemv {
    /// Equivalent matrix product, with layout `nt` and a batch of one.
    pub product: Gemm,
}

impl Workload for Gemv {
    const FAMILY: &'static str = "gemv";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let precision = words.first("the format, e.g. f32")?;
        let m = words.optional_number("m")?.unwrap_or(1);
        let (n, k) = (words.number("n")?, words.number("k")?);
        words.finish()?;
        if m > MOST_VECTORS {
            return Err(format!("m{m}: gemv has 1 to {MOST_VECTORS} vectors; gemm takes more"));
        }
        let product = Gemm::parse(&format!("{precision} m{m} n{n} k{k} nt"))?;
        Ok(Gemv { product })
    }

    fn parameters(&self) -> Parameters {
        let Gemm { precision, m, n, k, .. } = self.product;
        Parameters::of(precision).size("m", m).size("n", n).size("k", k)
    }

    fn precision(&self) -> Precision {
        self.product.precision()
    }

    fn flop(&self) -> u128 {
        self.product.flop()
    }

    fn is_bandwidth(&self) -> bool {
        true
    }

    fn tensors(&self) -> Vec<Tensor> {
        self.product.tensors()
    }

    fn output_shape(&self) -> (u64, u64) {
        self.product.output_shape()
    }

    fn bound_factor(&self) -> f64 {
        self.product.bound_factor()
    }

    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        self.product.expected(inputs, points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_vector_is_meant_where_none_is_named_and_then_it_is_written() {
        let gemv = Gemv::parse("f16xq4_0.f32 n4096 k4096").unwrap();
        assert_eq!(gemv.parameters().to_string(), "f16xq4_0.f32 m1 n4096 k4096");
        assert_eq!(Gemv::parse(&gemv.parameters().to_string()).unwrap(), gemv);
    }

    #[test]
    fn bytes_are_the_weights_with_their_scales_and_both_sides() {
        let gemv = Gemv::parse("f16xq4_0.f32 m2 n64 k128").unwrap();
        // 18 bytes for 32 weights, 2 for each value of X and of Y.
        assert_eq!(gemv.bytes(), 64 * 128 / 32 * 18 + 2 * 2 * 128 + 2 * 2 * 64);
        assert_eq!(gemv.flop(), 2 * 2 * 64 * 128);
        assert!(gemv.is_bandwidth());
    }

    #[test]
    fn the_value_is_a_row_of_the_weights_times_a_vector() {
        let gemv = Gemv::parse("f32 m2 n3 k2").unwrap();
        let inputs = Inputs::new(5, 0);
        let tensors = gemv.tensors();
        let (x, w) = (inputs.reader(&tensors[0]), inputs.reader(&tensors[1]));
        // Element 5 of the 2 x 3 output: the second vector, the third row.
        let by_hand = x(2) * w(4) + x(3) * w(5);
        assert_eq!(gemv.expected(inputs, &[5])[0].value, by_hand);
    }

    #[test]
    fn what_is_no_gemv_is_said() {
        for (text, part) in [
            ("f32 m9 n4 k4", "1 to 8 vectors; gemm takes more"),
            ("f32 m1 n4 k4 nt", "`nt` is not understood"),
            ("f32 b2 m1 n4 k4", "`b2` is not understood"),
            ("f32 m1 n4", "k<number> is missing"),
            ("f16xq4_0.f32 n4 k48", "k48 is not a multiple of 32"),
            ("f9 n4 k4", "f9"),
        ] {
            let error = Gemv::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
