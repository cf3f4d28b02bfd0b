//! Grouped matrix product of a mixture of experts: each row is multiplied by the weights of its expert.
//!
//! Each of `t` tokens goes to `k` of `e` experts. Its copies are sorted by expert: A is dense (t·k) × d
//! with the rows of expert 0 first, B is e × n × d (each expert's weights as in a linear layer, along d),
//! and C is (t·k) × n. Row i of C is row i of A times the transposed weights of its expert.
//!
//! The routing follows from the key, not from a network: see [`Moe::rows_of`].

use super::dtype::Precision;
use super::family::Workload;
use super::parameters::{Parameters, Words};
use super::products::dot_products;
use super::tensor::{Expected, Inputs, Tensor};

/// Distribution of the tokens over the experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Routing {
    /// Uniform: as even as whole rows allow.
    Uniform,
    /// Zipf's law: expert i is chosen in proportion to 1 / (i + 1).
    Skewed,
}

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

/// Factor c of the error bound, as for `gemm`: rounding errors of a sum grow with the square root of its
/// length (Higham & Mary 2019).
const BOUND_FACTOR: f64 = 4.0;

impl Moe {
    /// Returns the number of rows of A and C: tokens times experts per token.
    pub fn rows(&self) -> u64 {
        self.tokens * self.top
    }

    /// Returns the number of rows of each expert; they add up to [`Moe::rows`].
    ///
    /// The experts are served in order. Each gets its share by weight, among the remaining experts, of the
    /// remaining rows, rounded to the nearest. A token goes to an expert only once, so no expert has more
    /// rows than there are tokens; the excess goes to later experts.
    pub fn rows_of(&self) -> Vec<u64> {
        let weight = |expert: u64| match self.routing {
            Routing::Uniform => 1.0,
            Routing::Skewed => 1.0 / (expert + 1) as f64,
        };
        let mut left = self.rows();
        let mut weights: f64 = (0..self.experts).map(weight).sum();
        let mut rows = Vec::with_capacity(self.experts as usize);
        for expert in 0..self.experts {
            let others = (self.experts - expert - 1) * self.tokens;
            let share = (left as f64 * weight(expert) / weights).round() as u64;
            let share = share.max(left.saturating_sub(others)).min(self.tokens).min(left);
            rows.push(share);
            left -= share;
            weights -= weight(expert);
        }
        rows
    }

    /// Returns the number of experts that have at least one row.
    pub fn touched(&self) -> u64 {
        self.rows_of().iter().filter(|rows| **rows > 0).count() as u64
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
        let routing = match (words.flag("uniform"), words.flag("skewed")) {
            (true, false) => Routing::Uniform,
            (false, true) => Routing::Skewed,
            _ => return Err("the routing is missing: uniform or skewed".into()),
        };
        words.finish()?;
        if top > experts {
            return Err(format!("k{top} is more than e{experts}"));
        }
        if experts > 4096 || tokens * top > 1 << 22 {
            return Err("there are at most 4096 experts and 2^22 rows".into());
        }
        if let Some(group) = precision.right.group()
            && !dim.is_multiple_of(group)
        {
            return Err(format!("d{dim} is not a multiple of {group}, the group of {}", precision.right));
        }
        Ok(Moe { precision, experts, top, tokens, n, dim, routing })
    }

    fn parameters(&self) -> Parameters {
        let routing = match self.routing {
            Routing::Uniform => "uniform",
            Routing::Skewed => "skewed",
        };
        Parameters::of(self.precision)
            .size("e", self.experts)
            .size("k", self.top)
            .size("t", self.tokens)
            .size("n", self.n)
            .size("d", self.dim)
            .word(routing)
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    /// Counts 2·n·d FLOP for each real row. Rows that a kernel adds as padding do not count; DeepGEMM
    /// counts the same way.
    fn flop(&self) -> u64 {
        2 * self.rows() * self.n * self.dim
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

    fn rows(key: &str) -> Vec<u64> {
        Moe::parse(key).unwrap().rows_of()
    }

    #[test]
    fn uniform_routing_spreads_the_remainder() {
        assert_eq!(rows("f32 e4 k2 t4 n1 d1 uniform"), [2, 2, 2, 2]);
        // 6 rows over 4: 1.5 is rounded up, then 4 over 3, 3 over 2, and what is left.
        assert_eq!(rows("f32 e4 k2 t3 n1 d1 uniform"), [2, 1, 2, 1]);
        assert_eq!(rows("f32 e4 k1 t1 n1 d1 uniform").iter().sum::<u64>(), 1);
    }

    #[test]
    fn skewed_routing_follows_zipf_and_gives_no_expert_a_token_twice() {
        // 12 rows, weights 1, 1/2, 1/3, 1/4 of 25/12: shares 5.76, 2.88, 1.92, 1.44.
        assert_eq!(rows("f32 e4 k1 t12 n1 d1 skewed"), [6, 3, 2, 1]);
        // 12 rows of 6 tokens: expert 0 has all of them, the rest share 6 as 1/2 : 1/3 : 1/4.
        assert_eq!(rows("f32 e4 k2 t6 n1 d1 skewed"), [6, 3, 2, 1]);
        // As many experts as copies: each expert gets every token.
        assert_eq!(rows("f32 e3 k3 t5 n1 d1 skewed"), [5, 5, 5]);
        let real = rows("f32 e128 k8 t64 n1 d1 skewed");
        assert_eq!((real.len(), real.iter().sum::<u64>(), real[0]), (128, 512, 64));
    }

    #[test]
    fn counts_are_real_rows_and_experts_that_have_one() {
        // 3 rows of 8 experts: at most 3 experts are touched.
        let moe = Moe::parse("f16xq4_0.f32 e8 k1 t3 n4 d32 uniform").unwrap();
        assert_eq!(moe.flop(), 2 * 3 * 4 * 32);
        assert_eq!(moe.touched(), 3);
        assert_eq!(moe.bytes(), 2 * 3 * 32 + 3 * 4 * 18 + 2 * 3 * 4);
        assert_eq!(moe.parameters().to_string(), "f16xq4_0.f32 e8 k1 t3 n4 d32 uniform");
    }

    #[test]
    fn a_row_meets_the_weights_of_its_expert() {
        let moe = Moe::parse("f32 e2 k1 t3 n2 d2 skewed").unwrap();
        assert_eq!(moe.rows_of(), [2, 1]);
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
