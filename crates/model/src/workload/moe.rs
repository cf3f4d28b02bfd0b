//! Grouped matrix product of a mixture of experts: each row is multiplied by the weights of its expert.
//!
//! Each of `t` tokens goes to `k` of `e` experts. Its copies are sorted by expert: A is dense (t·k) × d
//! with the rows of expert 0 first, B is e × n × d (each expert's weights as in a linear layer, along d),
//! and C is (t·k) × n. Row i of C is row i of A times the transposed weights of its expert.
//!
//! The routing follows from the key, not from a network: see [`Routing`].

use super::dtype::Precision;
use super::family::Workload;
use super::parameters::{Parameters, Words, countable};
use super::products::dot_products;
use super::routing::{self, Routing};
use super::tensor::{Expected, Inputs, Tensor};
use std::sync::Arc;

/// Grouped matrix product of a mixture of experts.
#[derive(Debug, Clone, PartialEq)]
pub struct Moe {
    /// Number formats of A, the weights and the accumulator.
    pub precision: Precision,
    /// Number of experts; at most 4096.
    pub experts: u64,
    /// Number of experts that each token goes to.
    pub top: u64,
    /// Number of tokens.
    pub tokens: u64,
    /// Number of columns of C: output features of an expert.
    pub n: u64,
    /// Length of the dot products: input features of an expert.
    pub dim: u64,
    /// Distribution of the tokens over the experts.
    pub routing: Routing,
}

/// Largest number of rows of A: every executor is sent the expert of each.
pub const MOST_ROWS: u64 = 1 << 22;

/// Factor c of the error bound, as for `gemm`: rounding errors of a sum grow with the square root of its
/// length (Higham & Mary 2019).
const BOUND_FACTOR: f64 = 4.0;

impl Moe {
    /// Returns the number of rows of A and C: tokens times experts per token.
    pub fn rows(&self) -> u64 {
        self.tokens * self.top
    }

    /// Returns the number of rows of each expert; they add up to [`Moe::rows`].
    pub fn rows_of(&self) -> Arc<[u64]> {
        self.routing.rows(self.experts, self.top, self.tokens)
    }

    /// Returns the number of experts that have at least one row: those whose weights are read.
    pub fn touched(&self) -> u64 {
        routing::used(&self.rows_of())
    }

    /// Returns the routing in words, with the experts whose weights are read, e.g. `uniform routing: 163 of 256
    /// experts have rows (expected 163.3), 1 to 5 each`.
    pub fn routing_words(&self) -> String {
        let rows = self.rows_of();
        let some = rows.iter().copied().filter(|rows| *rows > 0);
        let (least, most) = (some.clone().min().unwrap_or(0), some.max().unwrap_or(0));
        let expected = match self.routing {
            Routing::Uniform => {
                let expected = routing::expected_used(self.experts, self.top, self.tokens);
                format!(" (expected {expected:.1})")
            }
            Routing::Balanced | Routing::Skewed => String::new(),
        };
        let each = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let (routing, touched, experts) = (self.routing, self.touched(), self.experts);
        format!("{routing} routing: {touched} of {experts} experts have rows{expected}, {each} each")
    }
}

impl Workload for Moe {
    const FAMILY: &'static str = "moe";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let format = words.first("the format, e.g. f16.f32")?;
        let precision = Precision::parse(format).filter(|p| !p.input.is_integer());
        let precision =
            precision.ok_or(format!("`{format}` is not a format like f16.f32 or f16xq4_0.f32"))?;
        let (experts, top, tokens) = (words.number("e")?, words.number("k")?, words.number("t")?);
        let (n, dim) = (words.number("n")?, words.number("d")?);
        let named: Vec<Routing> = Routing::ALL.into_iter().filter(|r| words.flag(r.name())).collect();
        let [routing] = named[..] else {
            return Err("the routing is missing: uniform, balanced or skewed".into());
        };
        words.finish()?;
        if top > experts {
            return Err(format!("k{top} is more than e{experts}"));
        }
        if experts > 4096 || tokens * top > MOST_ROWS {
            return Err("there are at most 4096 experts and 2^22 rows".into());
        }
        if let Some(group) = precision.right.group()
            && !dim.is_multiple_of(group)
        {
            return Err(format!("d{dim} is not a multiple of {group}, the group of {}", precision.right));
        }
        countable("a", &[tokens, top, dim])?;
        countable("b", &[experts, n, dim])?;
        countable("c", &[tokens, top, n])?;
        Ok(Moe { precision, experts, top, tokens, n, dim, routing })
    }

    fn parameters(&self) -> Parameters {
        Parameters::of(self.precision)
            .size("e", self.experts)
            .size("k", self.top)
            .size("t", self.tokens)
            .size("n", self.n)
            .size("d", self.dim)
            .word(self.routing.name())
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    /// Counts 2·n·d FLOP for each real row. Rows that a kernel adds as padding do not count; DeepGEMM
    /// counts the same way.
    fn flop(&self) -> u128 {
        2 * [self.rows(), self.n, self.dim].map(u128::from).iter().product::<u128>()
    }

    /// Counts A and C once, and the weights of each expert that has a row once.
    fn bytes(&self) -> u64 {
        let weights = self.precision.right.bytes(self.touched() * self.n * self.dim);
        self.precision.input.bytes(self.rows() * self.dim)
            + weights
            + self.precision.output().bytes(self.rows() * self.n)
    }

    fn tensors(&self) -> Vec<Tensor> {
        let Precision { input, right, .. } = self.precision;
        vec![
            Tensor::input("a", 1, input, self.rows() * self.dim),
            Tensor::input("b", 2, right, self.experts * self.n * self.dim),
            Tensor::output("c", self.precision.output(), self.rows() * self.n),
        ]
    }

    fn output_shape(&self) -> (u64, u64) {
        (self.rows(), self.n)
    }

    fn bound_factor(&self) -> f64 {
        BOUND_FACTOR
    }

    /// Bound: |out − ref| ≤ c·√d·u_acc·Σ|a||b| + the storage error ([`super::DType::store_error`]).
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let tensors = self.tensors();
        let (read_a, read_b) = (inputs.reader(&tensors[0]), inputs.reader(&tensors[1]));
        let (n, dim) = (self.n, self.dim);
        let experts: Vec<u64> =
            self.rows_of().iter().zip(0..).flat_map(|(rows, e)| vec![e; *rows as usize]).collect();
        let growth = BOUND_FACTOR * (dim as f64).sqrt() * self.precision.accumulate.unit_roundoff();
        let output = self.precision.output();
        let pairs: Vec<_> =
            points.iter().map(|point| (point / n, experts[(point / n) as usize] * n + point % n)).collect();
        let element = |row: u64, p: u64| row * dim + p;
        let sums = dot_products(&pairs, dim, |i, p| read_a(element(i, p)), |j, p| read_b(element(j, p)));
        let expected = sums.into_iter().map(|(sum, size)| Expected {
            value: sum,
            bound: growth * size + output.store_error(sum) + 1e-30,
        });
        expected.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_real_rows_and_experts_that_have_one() {
        // 3 rows of 8 experts: 3 experts are touched.
        let moe = Moe::parse("f16xq4_0.f32 e8 k1 t3 n4 d32 balanced").unwrap();
        assert_eq!(moe.flop(), 2 * 3 * 4 * 32);
        assert_eq!(moe.touched(), 3);
        assert_eq!(moe.bytes(), 2 * 3 * 32 + 3 * 4 * 18 + 2 * 3 * 4);
        assert_eq!(moe.parameters().to_string(), "f16xq4_0.f32 e8 k1 t3 n4 d32 balanced");
    }

    #[test]
    fn the_weights_that_count_are_those_that_the_routing_reads() {
        // 32 tokens of DeepSeek-V3: 163 of 256 experts (routing.rs), 4096·7168·2 B of weights each, 256 rows of
        // 7168 inputs and of 4096 outputs.
        let moe = Moe::parse("f16.f32 e256 k8 t32 n4096 d7168 uniform").unwrap();
        assert_eq!(moe.bytes(), 163 * 4096 * 7168 * 2 + 256 * (7168 + 4096) * 2);
        assert!(
            moe.routing_words().starts_with("uniform routing: 163 of 256 experts have rows (expected 163.3)")
        );
        // As even as possible, the 256 rows reach every expert once.
        let even = Moe { routing: Routing::Balanced, ..moe };
        assert_eq!(even.touched(), 256);
        assert_eq!(even.routing_words(), "balanced routing: 256 of 256 experts have rows, 1 each");
    }

    #[test]
    fn a_row_meets_the_weights_of_its_expert() {
        let moe = Moe::parse("f32 e2 k1 t3 n2 d2 skewed").unwrap();
        assert_eq!(*moe.rows_of(), [2, 1]);
        let inputs = Inputs::new(5, 0);
        let t = moe.tensors();
        let (a, b) = (inputs.reader(&t[0]), inputs.reader(&t[1]));
        let e = moe.expected(inputs, &[3, 4]);
        assert_eq!(e[0].value, a(2) * b(2) + a(3) * b(3), "row 1, column 1 of expert 0");
        assert_eq!(e[1].value, a(4) * b(4) + a(5) * b(5), "row 2, column 0 of expert 1");
    }

    #[test]
    fn what_cannot_be_routed_is_refused() {
        for (key, part) in [
            ("f32 e2 k3 t1 n1 d1 uniform", "more than e2"),
            ("f32 e2 k1 t1 n1 d1", "routing is missing"),
            ("i8.i32 e2 k1 t1 n1 d1 uniform", "not a format"),
            ("f32xq8_0 e2 k1 t1 n1 d8 uniform", "multiple of 32"),
        ] {
            assert!(Moe::parse(key).unwrap_err().contains(part), "{key}");
        }
    }
}
