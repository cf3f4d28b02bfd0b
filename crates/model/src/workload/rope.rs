//! Rotary position embedding (Su et al. 2021, arXiv:2104.09864) of one tensor of queries or keys.
//!
//! Element i of the first half of a head and element i + d/2 are a pair, as in GPT-NeoX and Llama, and are
//! rotated by the angle of their token and position, whose cosine and sine are in two tables:
//!
//! ```text
//! y_i        = x_i·cos − x_(i+d/2)·sin
//! y_(i+d/2)  = x_(i+d/2)·cos + x_i·sin          0 ≤ i < d/2
//! ```
//!
//! The tables are inputs, as in practice, where they are made once for a model. Here they hold generated
//! numbers instead of true cosines and sines; the operation and its time are the same.

use super::dtype::Precision;
use super::family::Workload;
use super::parameters::{Parameters, Words, countable};
use super::tensor::{Expected, Inputs, Tensor};

/// Rotary embedding of X into Y. X and Y are dense tokens × heads × d; the tables are tokens × d/2 in the
/// accumulator's format.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Number formats of X and Y, and of tables and arithmetic.
    pub precision: Precision,
    /// Number of tokens.
    pub tokens: u64,
    /// Number of heads per token; all are rotated by the same angles.
    pub heads: u64,
    /// Head dimension, an even number.
    pub dim: u64,
}

impl Workload for Rope {
    const FAMILY: &'static str = "rope";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let precision = words.computed_in_f32()?;
        let (tokens, heads, dim) = (words.number("t")?, words.number("h")?, words.number("d")?);
        words.finish()?;
        if !dim.is_multiple_of(2) {
            return Err(format!("d{dim} is odd: elements are rotated in pairs"));
        }
        countable("x", &[tokens, heads, dim])?;
        Ok(Rope { precision, tokens, heads, dim })
    }

    fn parameters(&self) -> Parameters {
        Parameters::of(self.precision).size("t", self.tokens).size("h", self.heads).size("d", self.dim)
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    /// Counts 6 FLOP per pair: four products and two sums.
    fn flop(&self) -> u128 {
        u128::from(3 * self.tokens * self.heads * self.dim)
    }

    fn is_bandwidth(&self) -> bool {
        true
    }

    fn tensors(&self) -> Vec<Tensor> {
        let (len, angles) = (self.tokens * self.heads * self.dim, self.tokens * self.dim / 2);
        vec![
            Tensor::input("x", 1, self.precision.input, len),
            Tensor::input("cosines", 2, self.precision.accumulate, angles),
            Tensor::input("sines", 3, self.precision.accumulate, angles),
            Tensor::output("y", self.precision.output(), len),
        ]
    }

    fn output_shape(&self) -> (u64, u64) {
        (self.tokens, self.heads * self.dim)
    }

    fn bound_factor(&self) -> f64 {
        2.0
    }

    /// Bound: 2u·(|x·cos| + |x'·sin|) + the storage error. There is one rounding of each product and one of
    /// the sum.
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let tensors = self.tensors();
        let [x, cosines, sines] = [0, 1, 2].map(|i| inputs.reader(&tensors[i]));
        let half = self.dim / 2;
        let u = self.precision.accumulate.unit_roundoff();
        let at = |&point: &u64| {
            let (token, i) = (point / (self.heads * self.dim), point % self.dim);
            let angle = token * half + i % half;
            let own = x(point) * cosines(angle);
            let other = if i < half { -x(point + half) } else { x(point - half) } * sines(angle);
            let value = own + other;
            let rounding = self.bound_factor() * u * (own.abs() + other.abs());
            Expected { value, bound: rounding + self.precision.output().store_error(value) + 1e-30 }
        };
        points.iter().map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_six_flop_a_pair_and_the_tables_once() {
        let rope = Rope::parse("f16.f32 t3 h2 d8").unwrap();
        assert_eq!(rope.flop(), 6 * 3 * 2 * 4);
        assert_eq!(rope.bytes(), 2 * 48 + 2 * 4 * 12 + 2 * 48);
        assert_eq!(rope.parameters().to_string(), "f16.f32 t3 h2 d8");
        assert!(Rope::parse("f32 t1 h1 d3").unwrap_err().contains("odd"));
    }

    #[test]
    fn pairs_are_half_a_head_apart_and_heads_share_their_angles() {
        let rope = Rope::parse("f32 t2 h2 d4").unwrap();
        let inputs = Inputs::new(5, 0);
        let t = rope.tensors();
        let (x, c, s) = (inputs.reader(&t[0]), inputs.reader(&t[1]), inputs.reader(&t[2]));
        // Token 1, head 1 begins at 12; its angles are 2 and 3.
        let e = rope.expected(inputs, &[12, 13, 14, 15]);
        assert_eq!(e[0].value, x(12) * c(2) - x(14) * s(2));
        assert_eq!(e[1].value, x(13) * c(3) - x(15) * s(3));
        assert_eq!(e[2].value, x(14) * c(2) + x(12) * s(2));
        assert_eq!(e[3].value, x(15) * c(3) + x(13) * s(3));
    }
}
