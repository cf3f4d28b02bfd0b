//! Matrix product C = op(A)·op(B): row-major, C is M × N, alone or in a batch of equal shapes.

use super::dtype::Precision;
use super::family::Workload;
use super::parameters::{Parameters, Words, countable};
use super::products::dot_products;
use super::tensor::{Expected, Inputs, Tensor};

/// Storage layout of the operands: which of them are transposed. The first letter refers to A, the second
/// to B.
///
/// `n`: A is stored M × K, B is stored K × N. `t`: A is stored K × M, B is stored N × K.
/// A linear layer of a transformer (weights stored N × K) is `nt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A as M × K, B as K × N.
    NN,
    /// A as M × K, B as N × K.
    NT,
    /// A as K × M, B as K × N.
    TN,
    /// A as K × M, B as N × K.
    TT,
}

impl Layout {
    /// All four layouts.
    pub const ALL: [Layout; 4] = [Layout::NN, Layout::NT, Layout::TN, Layout::TT];

    /// Returns the two letters used in the key.
    pub fn name(self) -> &'static str {
        match self {
            Layout::NN => "nn",
            Layout::NT => "nt",
            Layout::TN => "tn",
            Layout::TT => "tt",
        }
    }

    /// Whether A is stored K × M.
    pub fn a_transposed(self) -> bool {
        matches!(self, Layout::TN | Layout::TT)
    }

    /// Whether B is stored N × K.
    pub fn b_transposed(self) -> bool {
        matches!(self, Layout::NT | Layout::TT)
    }
}

/// Matrix product C (M × N) = op(A) · op(B), with 2·M·N·K FLOP for each member of the batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Gemm {
    /// Number formats of A, B and the accumulator; C is stored in [`Precision::output`].
    pub precision: Precision,
    /// Number of independent products; A, B and C of one follow those of the previous one in memory.
    pub batch: u64,
    /// Number of rows of C, M.
    pub m: u64,
    /// Number of columns of C, N.
    pub n: u64,
    /// Length of the dot products, K.
    pub k: u64,
    /// Storage layout of A and B.
    pub layout: Layout,
}

/// Factor c of the error bound. Rounding errors of a sum of K products are independent to first order, so
/// they grow like √K with high probability (Higham & Mary 2019, doi:10.1137/18M1226312). c = 4 covers every
/// order of summation seen, and a wrong or missing product of typical size exceeds the bound by far.
const BOUND_FACTOR: f64 = 4.0;

impl Workload for Gemm {
    const FAMILY: &'static str = "gemm";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let precision = words.first("the format, e.g. f32")?;
        let precision = Precision::parse(precision)
            .ok_or(format!("`{precision}` is not a format like f32, f16.f32 or f16xq4_0.f32"))?;
        let batch = words.optional_number("b")?.unwrap_or(1);
        let (m, n, k) = (words.number("m")?, words.number("n")?, words.number("k")?);
        let layout = Layout::ALL.into_iter().find(|l| words.flag(l.name()));
        words.finish()?;
        let layout = layout.ok_or("the layout is missing: nn, nt, tn or tt")?;
        if let Some(group) = precision.right.group() {
            let right = precision.right;
            if !layout.b_transposed() {
                return Err(format!("{right} has its groups along k: the layout must be nt or tt"));
            }
            if !k.is_multiple_of(group) {
                return Err(format!("k{k} is not a multiple of {group}, the group of {right}"));
            }
        }
        for (tensor, sizes) in [("a", [batch, m, k]), ("b", [batch, k, n]), ("c", [batch, m, n])] {
            countable(tensor, &sizes)?;
        }
        Ok(Gemm { precision, batch, m, n, k, layout })
    }

    fn parameters(&self) -> Parameters {
        Parameters::of(self.precision)
            .size_if("b", (self.batch != 1).then_some(self.batch))
            .size("m", self.m)
            .size("n", self.n)
            .size("k", self.k)
            .word(self.layout.name())
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn flop(&self) -> u128 {
        2 * [self.batch, self.m, self.n, self.k].map(u128::from).iter().product::<u128>()
    }

    fn tensors(&self) -> Vec<Tensor> {
        let Precision { input, right, .. } = self.precision;
        vec![
            Tensor::input("a", 1, input, self.batch * self.m * self.k),
            Tensor::input("b", 2, right, self.batch * self.k * self.n),
            Tensor::output("c", self.precision.output(), self.batch * self.m * self.n),
        ]
    }

    fn output_shape(&self) -> (u64, u64) {
        (self.batch * self.m, self.n)
    }

    fn bound_factor(&self) -> f64 {
        BOUND_FACTOR
    }

    /// Bound: |out − ref| ≤ c·√K·u_acc·Σ|a||b| + the storage error ([`super::DType::store_error`]).
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let tensors = self.tensors();
        let (read_a, read_b) = (inputs.reader(&tensors[0]), inputs.reader(&tensors[1]));
        let (m, n, k) = (self.m, self.n, self.k);
        // Row i of the whole output is row i mod m of product i / m; column j of product b has the index
        // b·n + j.
        let a = |row: u64, p: u64| {
            let (from, i) = (row / m * m * k, row % m);
            read_a(from + if self.layout.a_transposed() { p * m + i } else { i * k + p })
        };
        let b = |column: u64, p: u64| {
            let (from, j) = (column / n * k * n, column % n);
            read_b(from + if self.layout.b_transposed() { j * k + p } else { p * n + j })
        };
        let growth = BOUND_FACTOR * (k as f64).sqrt() * self.precision.accumulate.unit_roundoff();
        let output = self.precision.output();
        let pairs: Vec<_> = points.iter().map(|point| (point / n, point / n / m * n + point % n)).collect();
        let expected = dot_products(&pairs, k, a, b).into_iter().map(|(sum, size)| {
            // Integers are exact: any difference is an error.
            let bound =
                if output.is_integer() { 0.25 } else { growth * size + output.store_error(sum) + 1e-30 };
            Expected { value: sum, bound }
        });
        expected.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gemm(key: &str) -> Gemm {
        Gemm::parse(key).unwrap()
    }

    #[test]
    fn counts_are_2mnk_and_each_tensor_once() {
        let g = gemm("f16.f32 m4096 n512 k14336 nt");
        assert_eq!(g.flop(), 2 * 4096 * 512 * 14336);
        assert_eq!(g.bytes(), 2 * (4096 * 14336 + 512 * 14336 + 4096 * 512));
    }

    #[test]
    fn flop_beyond_64_bits_are_counted_and_tensors_beyond_2_to_the_48_are_refused() {
        // 2·(2²¹)³ = 2⁶⁴; each tensor has 2⁴² elements of 4 bytes.
        let g = gemm("f32 m2097152 n2097152 k2097152 nn");
        assert_eq!((g.flop(), g.bytes()), (1 << 64, 3 << 44));
        // The number of elements of A, (2³¹)³, is 0 modulo 2⁶⁴.
        let error = Gemm::parse("f32 b2147483648 m2147483648 n2147483648 k2147483648 nn").unwrap_err();
        assert_eq!(
            error,
            "tensor a has 2147483648 x 2147483648 x 2147483648 elements; at most 2^48 can be counted"
        );
    }

    #[test]
    fn layouts_read_the_same_numbers_from_other_places() {
        // C[1][0] of a 2x1 output with K=2 is a[1][0]·b[0][0] + a[1][1]·b[1][0].
        let inputs = Inputs::new(5, 0);
        for (key, a, b) in [
            ("f32 m2 n1 k2 nn", [2, 3], [0, 1]),
            ("f32 m2 n1 k2 nt", [2, 3], [0, 1]),
            ("f32 m2 n1 k2 tn", [1, 3], [0, 1]),
            ("f32 m2 n1 k2 tt", [1, 3], [0, 1]),
        ] {
            let g = gemm(key);
            let t = g.tensors();
            let (ra, rb) = (inputs.reader(&t[0]), inputs.reader(&t[1]));
            let by_hand = ra(a[0]) * rb(b[0]) + ra(a[1]) * rb(b[1]);
            assert_eq!(g.expected(inputs, &[1])[0].value, by_hand, "{key}");
        }
    }

    #[test]
    fn the_bound_is_far_below_one_missing_product_and_far_above_rounding() {
        let g = gemm("f32 m4 n4 k4096 nn");
        let points: Vec<u64> = (0..16).collect();
        let expected = g.expected(Inputs::new(1, 0), &points);
        for e in &expected {
            // A typical product of two values uniform in [-1, 1] has size 1/4.
            assert!(e.bound < 0.05, "{}", e.bound);
        }
        // A plain f32 sum in index order stays inside.
        let t = g.tensors();
        let inputs = Inputs::new(1, 0);
        let (ra, rb) = (inputs.reader(&t[0]), inputs.reader(&t[1]));
        for (point, e) in points.iter().zip(&expected) {
            let (i, j) = (point / 4, point % 4);
            let sum = (0..4096).fold(0f32, |s, p| s + ra(i * 4096 + p) as f32 * rb(p * 4 + j) as f32);
            assert!((f64::from(sum) - e.value).abs() <= e.bound);
        }
    }

    #[test]
    fn members_of_a_batch_follow_one_another() {
        let g = gemm("f32 b2 m2 n1 k2 nn");
        assert_eq!(g.flop(), 2 * 2 * 2 * 2);
        let inputs = Inputs::new(5, 0);
        let t = g.tensors();
        let (ra, rb) = (inputs.reader(&t[0]), inputs.reader(&t[1]));
        // Row 3 is the second row of the second product.
        assert_eq!(g.expected(inputs, &[3])[0].value, ra(6) * rb(2) + ra(7) * rb(3));
    }

    #[test]
    fn groups_lie_along_k() {
        assert!(Gemm::parse("f32xq8_0 m1 n64 k64 nn").unwrap_err().contains("must be nt or tt"));
        assert!(Gemm::parse("f32xint4g128 m1 n64 k64 nt").unwrap_err().contains("not a multiple of 128"));
        let g = gemm("f16xq4_0.f32 m1 n64 k64 nt");
        assert_eq!(g.bytes(), 64 * 2 + 64 * 64 / 32 * 18 + 64 * 2);
        assert_eq!(g.parameters().to_string(), "f16xq4_0.f32 m1 n64 k64 nt");
    }

    #[test]
    fn integer_products_are_exact() {
        let g = gemm("i8.i32 m1 n1 k3 nt");
        let inputs = Inputs::new(5, 0);
        let t = g.tensors();
        let (ra, rb) = (inputs.reader(&t[0]), inputs.reader(&t[1]));
        let by_hand: f64 = (0..3).map(|p| ra(p) * rb(p)).sum();
        assert_eq!(g.expected(inputs, &[0])[0], Expected { value: by_hand, bound: 0.25 });
        assert_eq!(t[2].dtype, super::super::DType::I32);
    }
}
