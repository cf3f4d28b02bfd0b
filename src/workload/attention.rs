//! Attention forward: softmax(Q·Kᵀ/√d)·V with online softmax left to the kernel.
//!
//! Tensors are dense, row-major: Q and O are batch × query heads × q × d, K and V are
//! batch × kv heads × kv × d. Query heads share K and V in groups (GQA, Ainslie et al. 2023; MQA
//! with one kv head; MHA with as many as query heads). Causal masks are aligned bottom-right:
//! query i sees keys 0 … kv − q + i, so that a decode step (q = 1) sees the whole cache.

use super::case::Workload;
use super::dtype::{DType, Precision};
use super::parameters::Words;
use super::tensor::{Expected, Inputs, Tensor};

/// One forward pass of attention over a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Formats of Q, K, V, O and of the accumulators.
    pub precision: Precision,
    /// Sequences.
    pub batch: u64,
    /// Query heads.
    pub heads: u64,
    /// Key and value heads; divides `heads`.
    pub kv_heads: u64,
    /// Query positions of each sequence; 1 is a decode step.
    pub queries: u64,
    /// Key positions of each sequence.
    pub keys: u64,
    /// Head dimension of Q, K and V.
    pub dim: u64,
    /// Whether query i sees only keys up to kv − q + i.
    pub causal: bool,
}

/// See [`Attention::expected`]; measured ratios on three drivers stay below one half.
const BOUND_FACTOR: f64 = 8.0;

/// Queries are drawn from [−4, 4]: scores then have a standard deviation near 1.3, so that the
/// running maximum of an online softmax really moves while most keys still carry weight.
const QUERY_SCALE: i8 = 2;

impl Attention {
    /// Keys that query `i` sees.
    pub fn visible(&self, i: u64) -> u64 {
        if self.causal { self.keys - self.queries + i + 1 } else { self.keys }
    }

    /// Unmasked (query, key) pairs of one head, counted exactly.
    pub fn pairs(&self) -> u64 {
        if self.causal {
            let hidden = self.queries * (self.queries - 1) / 2;
            self.queries * self.keys - hidden
        } else {
            self.queries * self.keys
        }
    }

    /// Query heads that share one kv head.
    pub fn group(&self) -> u64 {
        self.heads / self.kv_heads
    }

    /// The factor on the scores, 1/√d.
    pub fn softmax_scale(&self) -> f64 {
        1.0 / (self.dim as f64).sqrt()
    }

    /// Whether this is a decode step: one query per sequence.
    pub fn is_decode(&self) -> bool {
        self.queries == 1
    }
}

impl Workload for Attention {
    const FAMILY: &'static str = "attention";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let format = words.first("the format, e.g. f32")?;
        let precision = Precision::parse(format).ok_or(format!("`{format}` is not a format"))?;
        let batch = words.number("b")?;
        let heads = words.number("hq")?;
        let kv_heads = words.optional_number("hkv")?.unwrap_or(heads);
        let queries = words.number("q")?;
        let keys = words.optional_number("kv")?.unwrap_or(queries);
        let dim = words.number("d")?;
        let causal = words.flag("causal");
        words.finish()?;
        if !heads.is_multiple_of(kv_heads) {
            return Err(format!("hq{heads} is not a multiple of hkv{kv_heads}"));
        }
        if causal && keys < queries {
            return Err(format!("causal with q{queries} > kv{keys} leaves queries that see no key"));
        }
        Ok(Attention { precision, batch, heads, kv_heads, queries, keys, dim, causal })
    }

    fn parameters(&self) -> String {
        let causal = if self.causal { " causal" } else { "" };
        let Attention { precision, batch, heads, kv_heads, queries, keys, dim, .. } = self;
        format!("{precision} b{batch} hq{heads} hkv{kv_heads} q{queries} kv{keys} d{dim}{causal}")
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    /// 2·(d_qk + d_v) per unmasked pair and query head; softmax counts 0.
    fn flop(&self) -> u64 {
        2 * (self.dim + self.dim) * self.pairs() * self.batch * self.heads
    }

    /// A decode step is bound by reading the cache.
    fn is_bandwidth(&self) -> bool {
        self.is_decode()
    }

    fn tensors(&self) -> Vec<Tensor> {
        let dtype = self.precision.input;
        let q = self.batch * self.heads * self.queries * self.dim;
        let kv = self.batch * self.kv_heads * self.keys * self.dim;
        vec![
            Tensor::input("q", 1, dtype, q).scaled(QUERY_SCALE),
            Tensor::input("k", 2, dtype, kv),
            Tensor::input("v", 3, dtype, kv),
            Tensor::output("o", dtype, q),
        ]
    }

    fn output_shape(&self) -> (u64, u64) {
        (self.batch * self.heads * self.queries, self.dim)
    }

    fn bound_factor(&self) -> f64 {
        BOUND_FACTOR
    }

    /// Bound per element, with p the exact softmax weights, v the value column, s the scores:
    ///
    /// c·u_acc·(√d·|s|max + √kv)·Σp|v|   rounding of scores (relative error of exp) and of sums
    /// + c·u_in·√(Σp²v²)                 weights that a kernel may keep in the input's format
    /// + [`DType::store_error`]          rounding of the output
    ///
    /// |s|max is the largest Σ|q||k|/√d over the visible keys, which is what the rounding of a dot
    /// product is relative to. Errors of different keys are independent (Higham & Mary 2019).
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let tensors = self.tensors();
        let read = [0, 1, 2].map(|i| inputs.reader(&tensors[i]));
        let (dim, scale) = (self.dim, self.softmax_scale());
        let u_acc = self.precision.accumulate.unit_roundoff();
        // Weights narrower than the accumulator are only in play when the input is.
        let u_weights =
            if self.precision.input == DType::F32 { 0.0 } else { self.precision.input.unit_roundoff() };
        let mut expected = Vec::with_capacity(points.len());
        let mut cached_kv: Option<(u64, Vec<f64>, Vec<f64>)> = None;
        let mut at = 0;
        while at < points.len() {
            let row = points[at] / dim;
            let end = at + points[at..].iter().take_while(|&&p| p / dim == row).count();
            let (head, i) = (row / self.queries, row % self.queries);
            let (batch, q_head) = (head / self.heads, head % self.heads);
            let kv_head = batch * self.kv_heads + q_head / self.group();
            if cached_kv.as_ref().is_none_or(|(cached, ..)| *cached != kv_head) {
                let block = kv_head * self.keys * dim..(kv_head + 1) * self.keys * dim;
                cached_kv =
                    Some((kv_head, block.clone().map(&read[1]).collect(), block.map(&read[2]).collect()));
            }
            let (_, k, v) = cached_kv.as_ref().expect("set above");
            let q: Vec<f64> = (row * dim..(row + 1) * dim).map(&read[0]).collect();
            let visible = self.visible(i) as usize;
            let mut largest_size = 0.0f64;
            let scores: Vec<f64> = (0..visible)
                .map(|j| {
                    let key = &k[j * dim as usize..(j + 1) * dim as usize];
                    let (mut dot, mut size) = (0.0, 0.0);
                    for (x, y) in q.iter().zip(key) {
                        dot += x * y;
                        size += (x * y).abs();
                    }
                    largest_size = largest_size.max(size * scale);
                    dot * scale
                })
                .collect();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
            let total: f64 = weights.iter().sum();
            let growth = (dim as f64).sqrt() * largest_size + (visible as f64).sqrt();
            for &point in &points[at..end] {
                let column = (point % dim) as usize;
                let (mut sum, mut size, mut square) = (0.0, 0.0, 0.0);
                for (j, weight) in weights.iter().enumerate() {
                    let term = weight / total * v[j * dim as usize + column];
                    sum += term;
                    size += term.abs();
                    square += term * term;
                }
                let bound = BOUND_FACTOR * (u_acc * growth * size + u_weights * square.sqrt())
                    + self.precision.input.store_error(sum);
                expected.push(Expected { value: sum, bound: bound + 1e-30 });
            }
            at = end;
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attention(key: &str) -> Attention {
        Attention::parse(key).unwrap()
    }

    #[test]
    fn causal_pairs_are_counted_exactly() {
        // S(S+1)/2 for a square mask.
        assert_eq!(attention("f32 b1 hq1 q4 d64 causal").pairs(), 10);
        // Two new queries over a cache of six: 5 + 6.
        assert_eq!(attention("f32 b1 hq1 q2 kv6 d64 causal").pairs(), 11);
        assert_eq!(attention("f32 b1 hq1 q1 kv6 d64 causal").pairs(), 6);
    }

    #[test]
    fn flop_and_bytes_follow_the_convention() {
        let a = attention("f16.f32 b2 hq32 hkv8 q512 kv512 d128");
        assert_eq!(a.flop(), 4 * 128 * 512 * 512 * 64);
        // K and V once per kv head.
        assert_eq!(a.bytes(), 2 * (2 * 2 * 32 * 512 * 128 + 2 * 2 * 8 * 512 * 128));
    }

    #[test]
    fn a_single_key_returns_its_value() {
        let a = attention("f32 b1 hq4 hkv2 q1 kv1 d64");
        let inputs = Inputs { seed: 9, set: 2 };
        let v = inputs.reader(&a.tensors()[2]);
        // Query head 3 uses kv head 1.
        let e = a.expected(inputs, &[3 * 64 + 5])[0];
        assert_eq!(e.value, v(64 + 5));
    }

    #[test]
    fn one_key_too_few_is_beyond_the_bound() {
        for precision in ["f32", "f16.f32"] {
            let full = attention(&format!("{precision} b1 hq1 q64 kv64 d64 causal"));
            let inputs = Inputs { seed: 2, set: 0 };
            let points: Vec<u64> = (63 * 64..64 * 64).collect();
            let good = full.expected(inputs, &points);
            // The same row with its last key hidden: query 62 of a longer mask would see 63 keys.
            let short = Attention { keys: 63, queries: 63, ..full.clone() };
            let tensors = short.tensors();
            assert_eq!(tensors[1].len, 63 * 64);
            let q = inputs.reader(&full.tensors()[0]);
            let (k, v) = (inputs.reader(&full.tensors()[1]), inputs.reader(&full.tensors()[2]));
            let scores: Vec<f64> =
                (0..63).map(|j| (0..64).map(|p| q(63 * 64 + p) * k(j * 64 + p)).sum::<f64>() / 8.0).collect();
            let top = scores.iter().copied().fold(f64::MIN, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
            let total: f64 = weights.iter().sum();
            let beyond = points
                .iter()
                .zip(&good)
                .filter(|(point, e)| {
                    let value: f64 = weights
                        .iter()
                        .enumerate()
                        .map(|(j, w)| w / total * v(j as u64 * 64 + *point % 64))
                        .sum();
                    (value - e.value).abs() > e.bound
                })
                .count();
            assert!(beyond > 32, "{precision}: only {beyond} of 64 elements notice");
        }
    }
}
