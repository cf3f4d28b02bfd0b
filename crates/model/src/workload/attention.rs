//! Attention forward: softmax(Q·Kᵀ/√d)·V with online softmax left to the kernel.
//!
//! Tensors are dense and row-major: Q is batch × query heads × q × d, K is batch × kv heads × kv × d, V is
//! like K with dv, O is like Q with dv. Query heads share K and V in groups (GQA, Ainslie et al. 2023; MQA
//! with one kv head; MHA with as many as query heads). Causal masks are aligned bottom-right: query i sees
//! keys 0 … kv − q + i, so that a decode step (q = 1) sees the whole KV cache. With a window of w, each
//! query sees only the last w of those keys (Beltagy et al. 2020).
//!
//! `latent`: V is the first dv elements of each row of K, which is stored and read once (multi-head
//! latent attention with absorbed projections, DeepSeek-V2, 2024: d = 512 + 64, dv = 512).
//!
//! `page<p>`: K and V are stored in pages of p positions (vLLM, Kwon et al. 2023). A page holds kv heads ×
//! p × d elements; the page table gives the page of each p positions of each sequence, see
//! [`Attention::pages`].

use super::dtype::{DType, Precision};
use super::family::Workload;
use super::generator::mix;
use super::parameters::{Parameters, Words, countable};
use super::tensor::{Expected, Inputs, Tensor};

/// One forward pass of attention over a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Number formats of Q and O, of K and V, and of the accumulators.
    pub precision: Precision,
    /// Number of sequences.
    pub batch: u64,
    /// Number of query heads.
    pub heads: u64,
    /// Number of key and value heads; divides `heads`.
    pub kv_heads: u64,
    /// Number of query positions per sequence; 1 for a decode step.
    pub queries: u64,
    /// Number of key positions per sequence.
    pub keys: u64,
    /// Head dimension of Q and K.
    pub dim: u64,
    /// Head dimension of V and O.
    pub value_dim: u64,
    /// Whether query i sees only keys up to kv − q + i.
    pub causal: bool,
    /// Window: number of keys that a query sees, counted back from the last one that the mask allows;
    /// `None` if there is no window.
    pub window: Option<u64>,
    /// Number of positions per page; `None` if the KV cache is not paged.
    pub page: Option<u64>,
    /// Whether V is the first `value_dim` elements of each row of K.
    pub latent: bool,
}

/// Factor c of the error bound; see [`Attention::expected`]. Measured ratios on three drivers stay below
/// one half.
const BOUND_FACTOR: f64 = 8.0;

/// Largest number of pages of all sequences together.
const MOST_PAGES: u64 = 1 << 24;

/// Largest size in bytes of one head's keys and values that the oracle keeps. It generates larger ones
/// again for each row, which is slower but needs no memory.
const KEPT_BYTES: u64 = 128 << 20;

/// Binary exponent of the scale of the queries, which are drawn from [−4, 4]. Scores then have a standard
/// deviation near 1.3, so that the running maximum of an online softmax changes while most keys still carry
/// weight.
const QUERY_SCALE: i8 = 2;

impl Attention {
    /// Returns the range of keys that query `i` sees.
    pub fn visible(&self, i: u64) -> std::ops::Range<u64> {
        let end = if self.causal { self.keys - self.queries + i + 1 } else { self.keys };
        end.saturating_sub(self.window.unwrap_or(end))..end
    }

    /// Returns the exact number of unmasked (query, key) pairs of one head.
    pub fn pairs(&self) -> u128 {
        let [queries, keys] = [self.queries, self.keys].map(u128::from);
        let window = self.window.map_or(keys, u128::from).min(keys);
        if !self.causal {
            return queries * window;
        }
        // Query i could see `fewest` + i keys. Up to the window it sees all of them, then as many as the window.
        let fewest = keys - queries + 1;
        let growing = (window + 1).saturating_sub(fewest).min(queries);
        growing * (2 * fewest + growing).saturating_sub(1) / 2 + (queries - growing) * window
    }

    /// Returns the number of pages per sequence.
    fn pages_each(&self, page: u64) -> u64 {
        self.keys.div_ceil(page)
    }

    /// Returns the number of pages of all sequences; `None` if the KV cache is not paged.
    fn page_count(&self) -> Option<u64> {
        Some(self.batch * self.pages_each(self.page?))
    }

    /// Returns the page table; `None` if the KV cache is not paged. Entry s·⌈kv/p⌉ + i is the page that
    /// holds the positions of sequence s from i·p on. The pages of all sequences are shuffled by the method
    /// of Fisher and Yates: for i from the last entry down to 1, entries i and mix(i) mod (i + 1) are
    /// exchanged.
    pub fn pages(&self) -> Option<Vec<u32>> {
        let count = self.page_count()?;
        let mut pages: Vec<u32> = (0..count as u32).collect();
        for i in (1..count as u32).rev() {
            pages.swap(i as usize, (mix(i) % (i + 1)) as usize);
        }
        Some(pages)
    }

    /// Returns the number of stored rows of K: kv positions of each kv head and sequence, in whole pages.
    fn stored_rows(&self) -> u64 {
        let positions = self.page.map_or(self.keys, |page| self.pages_each(page) * page);
        self.batch * self.kv_heads * positions
    }

    /// Returns the number of query heads that share one kv head.
    pub fn group(&self) -> u64 {
        self.heads / self.kv_heads
    }

    /// Returns the factor on the scores, 1/√d.
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
        let value_dim = words.optional_number("dv")?.unwrap_or(dim);
        let causal = words.flag("causal");
        let window = words.optional_number("w")?;
        let page = words.optional_number("page")?;
        let latent = words.flag("latent");
        words.finish()?;
        if !heads.is_multiple_of(kv_heads) {
            return Err(format!("hq{heads} is not a multiple of hkv{kv_heads}"));
        }
        if causal && keys < queries {
            return Err(format!("causal with q{queries} > kv{keys} leaves queries that see no key"));
        }
        if latent && value_dim > dim {
            return Err(format!("latent: dv{value_dim} is more than d{dim}"));
        }
        if let Some(group) = precision.right.group()
            && !(dim.is_multiple_of(group) && value_dim.is_multiple_of(group))
        {
            let right = precision.right;
            return Err(format!("a head dimension is not a multiple of {group}, the group of {right}"));
        }
        let positions = keys.div_ceil(page.unwrap_or(1)) * page.unwrap_or(1);
        countable("q", &[batch, heads, queries, dim])?;
        countable("k", &[batch, kv_heads, positions, dim])?;
        countable("v", &[batch, kv_heads, positions, value_dim])?;
        countable("o", &[batch, heads, queries, value_dim])?;
        if let Some(page) = page
            && batch * keys.div_ceil(page) > MOST_PAGES
        {
            return Err(format!(
                "page{page}: every executor is sent the page table, which ends at 2^24 pages"
            ));
        }
        Ok(Attention {
            precision,
            batch,
            heads,
            kv_heads,
            queries,
            keys,
            dim,
            value_dim,
            causal,
            window,
            page,
            latent,
        })
    }

    fn parameters(&self) -> Parameters {
        Parameters::of(self.precision)
            .size("b", self.batch)
            .size("hq", self.heads)
            .size("hkv", self.kv_heads)
            .size("q", self.queries)
            .size("kv", self.keys)
            .size("d", self.dim)
            .size_if("dv", (self.value_dim != self.dim).then_some(self.value_dim))
            .flag("causal", self.causal)
            .size_if("w", self.window)
            .size_if("page", self.page)
            .flag("latent", self.latent)
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    /// Counts 2·(d_qk + d_v) FLOP per unmasked pair and query head; softmax counts 0 FLOP.
    fn flop(&self) -> u128 {
        let heads = u128::from(self.batch) * u128::from(self.heads);
        2 * u128::from(self.dim + self.value_dim) * self.pairs() * heads
    }

    /// Counts Q and O once, K and V once for every position that any query sees, and the page table.
    fn bytes(&self) -> u64 {
        let seen = self.visible(self.queries - 1).end - self.visible(0).start;
        let rows = self.batch * self.kv_heads * seen;
        let cache = self.precision.right;
        let values = if self.latent { 0 } else { cache.bytes(rows * self.value_dim) };
        let queries = self.batch * self.heads * self.queries;
        let table = self.page_count().map_or(0, |count| 4 * count);
        self.precision.input.bytes(queries * self.dim)
            + cache.bytes(rows * self.dim)
            + values
            + table
            + self.precision.output().bytes(queries * self.value_dim)
    }

    /// Whether this is a decode step, which is limited by reading the KV cache.
    fn is_bandwidth(&self) -> bool {
        self.is_decode()
    }

    fn tensors(&self) -> Vec<Tensor> {
        let Precision { input, right, .. } = self.precision;
        let (queries, rows) = (self.batch * self.heads * self.queries, self.stored_rows());
        let mut tensors = vec![
            Tensor::input("q", 1, input, queries * self.dim).scaled(QUERY_SCALE),
            Tensor::input("k", 2, right, rows * self.dim),
        ];
        if !self.latent {
            tensors.push(Tensor::input("v", 3, right, rows * self.value_dim));
        }
        tensors.extend(self.pages().map(|pages| Tensor::table("pages", pages)));
        tensors.push(Tensor::output("o", self.precision.output(), queries * self.value_dim));
        tensors
    }

    fn output_shape(&self) -> (u64, u64) {
        (self.batch * self.heads * self.queries, self.value_dim)
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
        let reader = |name: &str| {
            let tensor = tensors.iter().find(|tensor| tensor.name == name);
            inputs.reader(tensor.expect("every case has it, but v when it is latent"))
        };
        let (read_q, read_k) = (reader("q"), reader("k"));
        let read_v = reader(if self.latent { "k" } else { "v" });
        let (dim, value_dim, scale) = (self.dim, self.value_dim, self.softmax_scale());
        let v_stride = if self.latent { dim } else { value_dim };
        let pages = self.pages();
        // The stored row of position j of a kv head of a sequence.
        let place = |sequence: u64, kv_head: u64, j: u64| match (self.page, &pages) {
            (Some(page), Some(pages)) => {
                let number = u64::from(pages[(sequence * self.pages_each(page) + j / page) as usize]);
                (number * self.kv_heads + kv_head) * page + j % page
            }
            _ => (sequence * self.kv_heads + kv_head) * self.keys + j,
        };
        let u_acc = self.precision.accumulate.unit_roundoff();
        // Weights can be narrower than the accumulator only if the input is.
        let u_weights =
            if self.precision.input == DType::F32 { 0.0 } else { self.precision.input.unit_roundoff() };
        let mut expected = Vec::with_capacity(points.len());
        // A head's rows are kept if they are small enough; f32 represents every input value exactly.
        let kept_bytes = 4 * self.keys * (dim + if self.latent { 0 } else { value_dim });
        let mut cached_kv: Option<(u64, Vec<f32>, Vec<f32>)> = None;
        let mut at = 0;
        while at < points.len() {
            let row = points[at] / value_dim;
            let end = at + points[at..].iter().take_while(|&&p| p / value_dim == row).count();
            let (head, i) = (row / self.queries, row % self.queries);
            let (sequence, q_head) = (head / self.heads, head % self.heads);
            let kv_head = q_head / self.group();
            let cached = sequence * self.kv_heads + kv_head;
            if kept_bytes <= KEPT_BYTES && cached_kv.as_ref().is_none_or(|(number, ..)| *number != cached) {
                // Free the rows of the previous head first.
                drop(cached_kv.take());
                let rows = |stride: u64, length: u64, read: &dyn Fn(u64) -> f64| {
                    let mut values = Vec::with_capacity((self.keys * length) as usize);
                    for row in (0..self.keys).map(|j| place(sequence, kv_head, j)) {
                        values.extend((row * stride..row * stride + length).map(|at| read(at) as f32));
                    }
                    values
                };
                let v = if self.latent { Vec::new() } else { rows(v_stride, value_dim, &read_v) };
                cached_kv = Some((cached, rows(dim, dim, &read_k), v));
            }
            let key = |j: u64, x: u64| match &cached_kv {
                Some((_, k, _)) => f64::from(k[(j * dim + x) as usize]),
                None => read_k(place(sequence, kv_head, j) * dim + x),
            };
            let value = |j: u64, x: u64| match &cached_kv {
                Some((_, k, _)) if self.latent => f64::from(k[(j * dim + x) as usize]),
                Some((_, _, v)) => f64::from(v[(j * value_dim + x) as usize]),
                None => read_v(place(sequence, kv_head, j) * v_stride + x),
            };
            let q: Vec<f64> = (row * dim..(row + 1) * dim).map(&read_q).collect();
            let visible = self.visible(i);
            let first = visible.start;
            let count = visible.end - first;
            let mut largest_size = 0.0f64;
            let scores: Vec<f64> = visible
                .map(|j| {
                    let (mut dot, mut size) = (0.0, 0.0);
                    for (x, y) in q.iter().zip((0..dim).map(|x| key(j, x))) {
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
            let growth = (dim as f64).sqrt() * largest_size + (count as f64).sqrt();
            for &point in &points[at..end] {
                let column = point % value_dim;
                let (mut sum, mut size, mut square) = (0.0, 0.0, 0.0);
                for (j, weight) in (first..).zip(&weights) {
                    let term = weight / total * value(j, column);
                    sum += term;
                    size += term.abs();
                    square += term * term;
                }
                let bound = BOUND_FACTOR * (u_acc * growth * size + u_weights * square.sqrt())
                    + self.precision.output().store_error(sum);
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
        // No formula of masks: every query, one by one.
        for mask in ["", " causal", " causal w1", " causal w3", " causal w9", " w3", " w9"] {
            for (q, kv) in [(1, 1), (1, 6), (4, 6), (6, 6)] {
                let a = attention(&format!("f32 b1 hq1 q{q} kv{kv} d64{mask}"));
                let one_by_one: u64 = (0..q).map(|i| a.visible(i)).map(|keys| keys.end - keys.start).sum();
                assert_eq!(a.pairs(), u128::from(one_by_one), "q{q} kv{kv}{mask}");
            }
        }
    }

    #[test]
    fn flop_beyond_64_bits_are_exact() {
        // 2·(576 + 512)·128·128 FLOP for each of 2²⁰·2²⁰ pairs: 2176·2⁵⁴ = 3.92e19, above 2⁶⁴ = 1.84e19.
        let a = attention("f16.f32 b128 hq128 hkv1 q1048576 kv1048576 d576 dv512 latent");
        assert_eq!(a.flop(), 2176 << 54);
        // Half of them and the diagonal are visible: 2²⁰·(2²⁰ + 1)/2.
        let a = Attention { causal: true, ..a };
        assert_eq!(a.flop(), 2176 * (1 << 14) * ((1 << 19) * ((1 << 20) + 1)));
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
        let inputs = Inputs::new(9, 2);
        let v = inputs.reader(&a.tensors()[2]);
        // Query head 3 uses kv head 1.
        let e = a.expected(inputs, &[3 * 64 + 5])[0];
        assert_eq!(e.value, v(64 + 5));
    }

    #[test]
    fn one_key_too_few_is_beyond_the_bound() {
        for precision in ["f32", "f16.f32"] {
            let full = attention(&format!("{precision} b1 hq1 q64 kv64 d64 causal"));
            let inputs = Inputs::new(2, 0);
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

    #[test]
    fn a_window_hides_what_lies_before_it() {
        let a = attention("f32 b1 hq1 hkv1 q4 kv6 d64 causal w3");
        assert_eq!((0..4).map(|i| a.visible(i)).collect::<Vec<_>>(), [0..3, 1..4, 2..5, 3..6]);
        assert_eq!(a.pairs(), 12);
        let step = attention("f16.f32 b1 hq1 hkv1 q1 kv100 d64 w10");
        assert_eq!(step.visible(0), 90..100);
        // Ten positions each of K and V, plus q and o.
        assert_eq!(step.bytes(), 2 * 64 * (10 + 10 + 1 + 1));
    }

    #[test]
    fn latent_values_are_the_head_of_the_keys_and_counted_once() {
        let a = attention("f16.f32 b1 hq16 hkv1 q1 kv1 d576 dv512 latent");
        assert_eq!(a.flop(), 2 * (576 + 512) * 16);
        assert_eq!(a.bytes(), 2 * (16 * 576 + 576 + 16 * 512));
        let inputs = Inputs::new(9, 0);
        let k = inputs.reader(&a.tensors()[1]);
        // One key: the output is its value, for every head.
        assert_eq!(a.expected(inputs, &[512 + 7])[0].value, k(7));
    }

    #[test]
    fn pages_are_a_permutation_and_change_only_where_rows_lie() {
        let a = attention("f32 b2 hq2 hkv1 q1 kv70 d64 page16");
        let mut pages = a.pages().unwrap();
        assert_ne!(pages, (0..10).collect::<Vec<u32>>());
        assert_eq!(pages.len(), 10);
        let third = pages[5 + 3];
        pages.sort_unstable();
        assert_eq!(pages, (0..10).collect::<Vec<u32>>());
        // Attention over one position, the last of a window: position 50 of sequence 1 is the third
        // of its fourth page.
        let one = attention("f32 b2 hq2 hkv1 q1 kv51 d64 w1 page16");
        let mut table = one.pages().unwrap();
        let inputs = Inputs::new(9, 0);
        let v = inputs.reader(&one.tensors()[2]);
        let place = u64::from(table[4 + 3]) * 16 + 2;
        assert_eq!(one.expected(inputs, &[2 * 64 + 5])[0].value, v(place * 64 + 5));
        table.dedup();
        assert!(third < 10 && table.len() == 8);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let error = |key: &str| Attention::parse(key).unwrap_err();
        assert!(error("f32xq8_0 b1 hq1 q4 kv4 d72").contains("multiple of 32"));
        assert!(error("f32 b1 hq1 q1 kv4 d64 dv128 latent").contains("more than d64"));
        for key in [
            "f16xq8_0.f32 b1 hq8 hkv2 q1 kv64 d128 page64",
            "f16.f32 b1 hq16 hkv1 q1 kv64 d576 dv512 latent",
            "f32 b1 hq1 hkv1 q64 kv64 d192 dv128 causal w32",
        ] {
            assert_eq!(attention(key).parameters().to_string(), key);
        }
    }
}
