//! Cost of decoding: work of one token and price of a million tokens, by the model of the Step-3 report.
//!
//! Source: "Step-3 is Large yet Affordable: Model-system Co-design for Cost-effective Decoding", arXiv
//! 2507.19427, tables 2 to 4 and section 3. Communication, embeddings, expert routing and the LM head are not
//! counted; attention and feed-forward network may run on different hardware.

use portamark_model::catalog::{AttentionLayers, Model, Role};
use serde::Serialize;

/// Convention for counting work where conventions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counting {
    /// The report's convention: for a latent KV cache, values are counted at the width of keys.
    Paper,
    /// Every multiplication and addition that is carried out.
    Exact,
}

/// Size of the elements of the KV cache.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CacheFormat {
    /// Bytes per element.
    pub bytes: f64,
    /// Bytes per element in the full-attention layers of mixed models (`is_mixed`): the report uses two bytes
    /// there.
    pub full_bytes: f64,
}

impl CacheFormat {
    /// The report's format: one byte, and two in the full-attention layers of mixed models.
    pub const PAPER: CacheFormat = CacheFormat { bytes: 1.0, full_bytes: 2.0 };
}

/// Work of decoding one token at the end of a context.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DecodingWork {
    /// Bytes read from the KV cache.
    pub cache_bytes: f64,
    /// FLOP of the attention kernel itself, without projections.
    pub attention_flop: f64,
    /// FLOP of the projections before and after attention.
    pub projection_flop: f64,
    /// FLOP of the feed-forward networks.
    pub feed_forward_flop: f64,
}

/// Whether a layer sees only a part of the context: a sliding window, a chunk, or the state of linear attention.
fn is_limited(attention: &AttentionLayers) -> bool {
    attention.window.is_some() || attention.chunk.is_some() || attention.linear_state
}

/// Whether `model` is mixed: some of its layers see the whole context when decoding and others only a part of it.
///
/// The Step-3 report has chunks (Llama 4) and linear attention (MiniMax-M1) beside full attention. Sliding windows
/// (Gemma, gpt-oss) are not in it; they count in the same way, since they too leave the long context to a few full
/// layers.
pub fn is_mixed(model: &Model) -> bool {
    let limited = || model.decoding_attention().map(is_limited);
    limited().any(|limited| limited) && limited().any(|limited| !limited)
}

/// FLOP per element of the state of linear attention, fitted to the report's table.
const LINEAR_FLOP: f64 = 10.0;

impl DecodingWork {
    /// Computes the work of one token of `model` after `context` tokens.
    pub fn of(model: &Model, context: u64, counting: Counting, format: CacheFormat) -> Self {
        let layers: Vec<&AttentionLayers> = model.decoding_attention().collect();
        let mixed = is_mixed(model);
        let mut work = DecodingWork {
            cache_bytes: 0.0,
            attention_flop: 0.0,
            projection_flop: 0.0,
            feed_forward_flop: 0.0,
        };
        for attention in layers {
            let bytes = if mixed && !is_limited(attention) { format.full_bytes } else { format.bytes };
            let count = attention.layers as f64;
            let (cache, flop) = step(attention, context, counting, bytes);
            work.cache_bytes += count * cache;
            work.attention_flop += count * flop;
        }
        for product in &model.products {
            let flop = 2.0 * product.weights_per_token() as f64;
            match product.role() {
                Role::Projection => work.projection_flop += flop,
                Role::FeedForward => work.feed_forward_flop += flop,
                Role::Router | Role::Head | Role::PrefillOnly => {}
            }
        }
        work
    }

    /// Returns the FLOP of attention per byte of KV cache; for a model with one kind of layer it does not
    /// depend on the context.
    pub fn intensity(&self) -> f64 {
        self.attention_flop / self.cache_bytes
    }
}

/// Returns the bytes read and the FLOP of one token in one layer.
fn step(attention: &AttentionLayers, context: u64, counting: Counting, bytes: f64) -> (f64, f64) {
    let [heads, kv_heads] = [attention.q_heads, attention.kv_heads].map(|n| n as f64);
    let [d_qk, d_v] = [attention.d_qk, attention.d_v].map(|n| n as f64);
    if attention.linear_state {
        // The state is stored in f32 and is both read and written.
        let state = heads * d_qk * d_v;
        return (2.0 * 4.0 * state, LINEAR_FLOP * state);
    }
    let keys = attention.visible(context) as f64;
    let (width, value_width) = match (attention.kv_shared, counting) {
        (true, Counting::Paper) => (d_qk, d_qk),
        (true, Counting::Exact) => (d_qk, d_v),
        (false, _) => (d_qk + d_v, d_v),
    };
    (kv_heads * width * keys * bytes, 2.0 * heads * (d_qk + value_width) * keys)
}

/// Kind of attention: how query heads share key and value heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum AttentionKind {
    /// One key and one value head per query head.
    #[serde(rename = "MHA")]
    MultiHead,
    /// One key and one value head per group of query heads.
    #[serde(rename = "GQA")]
    GroupedQuery,
    /// One key and one value head for all query heads.
    #[serde(rename = "MQA")]
    MultiQuery,
    /// One latent vector that serves as key and value of all heads.
    #[serde(rename = "MLA")]
    Latent,
    /// One wide key and value head; queries go through a low-rank projection.
    #[serde(rename = "MFA")]
    Factorized,
}

impl AttentionKind {
    /// All kinds, in historical order.
    pub const ALL: [AttentionKind; 5] = [
        AttentionKind::MultiHead,
        AttentionKind::GroupedQuery,
        AttentionKind::MultiQuery,
        AttentionKind::Latent,
        AttentionKind::Factorized,
    ];

    /// Returns the kind of the layers of `model` that attend to the whole context; `None` if it has no
    /// attention when decoding.
    pub fn of(model: &Model) -> Option<Self> {
        let attention = full_layers(model)?;
        Some(if attention.kv_shared {
            AttentionKind::Latent
        } else if model.attention_kind.starts_with("mfa") {
            AttentionKind::Factorized
        } else if attention.kv_heads == attention.q_heads {
            AttentionKind::MultiHead
        } else if attention.kv_heads == 1 {
            AttentionKind::MultiQuery
        } else {
            AttentionKind::GroupedQuery
        })
    }

    /// Returns the usual abbreviation, e.g. `GQA`.
    pub fn letters(self) -> &'static str {
        match self {
            AttentionKind::MultiHead => "MHA",
            AttentionKind::GroupedQuery => "GQA",
            AttentionKind::MultiQuery => "MQA",
            AttentionKind::Latent => "MLA",
            AttentionKind::Factorized => "MFA",
        }
    }

    /// Returns the formula for FLOP per byte of KV cache, with q query heads, kv key heads and b bytes per
    /// element.
    pub fn formula(self, counting: Counting) -> &'static str {
        match (self, counting) {
            (AttentionKind::MultiHead, _) => "2/b",
            (AttentionKind::GroupedQuery, _) => "2 (q/kv)/b",
            (AttentionKind::MultiQuery | AttentionKind::Factorized, _) => "2 q/b",
            (AttentionKind::Latent, Counting::Paper) => "4 q/b",
            (AttentionKind::Latent, Counting::Exact) => "2 q (1 + dv/dqk)/b",
        }
    }
}

/// Returns the layers of `model` that attend to the whole context; if there are none, the first ones.
fn full_layers(model: &Model) -> Option<&AttentionLayers> {
    model
        .decoding_attention()
        .find(|attention| !is_limited(attention))
        .or_else(|| model.decoding_attention().next())
}

/// Returns the FLOP per byte of KV cache in the layers of `model` that attend to the whole context, with
/// `bytes` per element.
pub fn layer_intensity(model: &Model, counting: Counting, bytes: f64) -> Option<f64> {
    let (cache, flop) = step(full_layers(model)?, 1, counting, bytes);
    Some(flop / cache)
}

/// Price per hour and peak rates of an accelerator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PricedHardware {
    /// Name of the accelerator.
    pub name: String,
    /// Price per hour, in the currency of all resulting costs.
    pub per_hour: f64,
    /// Peak FLOP/s in the number format used for the computation.
    pub flop_rate: f64,
    /// Peak memory bandwidth in bytes per second.
    pub byte_rate: f64,
}

impl PricedHardware {
    /// Returns table 4 of the report: dollars per hour, FP8 peaks where the hardware has FP8 and BF16 peaks
    /// elsewhere. No price is published for the last entry; the report scales it from that of the A800.
    pub fn paper() -> Vec<PricedHardware> {
        [
            ("H800", 2.0, 1.98e15, 3.35e12),
            ("H20", 0.8, 2.96e14, 4.0e12),
            ("A800", 0.75, 3.12e14, 2.0e12),
            ("910B", 0.67, 2.8e14, 1.6e12),
        ]
        .map(|(name, per_hour, flop_rate, byte_rate)| PricedHardware {
            name: name.to_string(),
            per_hour,
            flop_rate,
            byte_rate,
        })
        .into()
    }

    /// Returns the ridge point in FLOP/B, above which arithmetic is the limit.
    pub fn ridge(&self) -> f64 {
        self.flop_rate / self.byte_rate
    }

    /// Returns the price per second.
    fn per_second(&self) -> f64 {
        self.per_hour / 3600.0
    }

    /// Returns the price of attention and its projections for a million tokens: reading the KV cache overlaps
    /// with the FLOP of attention; the projections come after.
    pub fn attention_cost(&self, work: &DecodingWork) -> f64 {
        let core = (work.attention_flop / self.flop_rate).max(work.cache_bytes / self.byte_rate);
        1e6 * self.per_second() * (core + work.projection_flop / self.flop_rate)
    }

    /// Returns the price of the feed-forward networks for a million tokens. Batches are assumed so large that
    /// reading weights costs nothing.
    pub fn feed_forward_cost(&self, work: &DecodingWork) -> f64 {
        1e6 * self.per_second() * work.feed_forward_flop / self.flop_rate
    }
}

/// Price of a million tokens if attention and feed-forward network each run where they are cheapest.
#[derive(Debug, Clone, PartialEq)]
pub struct Disaggregated<'a> {
    /// Hardware where attention is cheapest.
    pub attention: &'a PricedHardware,
    /// Hardware where the feed-forward network is cheapest.
    pub feed_forward: &'a PricedHardware,
    /// Sum of both prices, per million tokens.
    pub cost: f64,
}

/// Returns the cheapest pair among `hardware`; `None` if it is empty.
pub fn disaggregated<'a>(work: &DecodingWork, hardware: &'a [PricedHardware]) -> Option<Disaggregated<'a>> {
    let cheapest = |cost: fn(&PricedHardware, &DecodingWork) -> f64| {
        hardware.iter().min_by(|a, b| cost(a, work).total_cmp(&cost(b, work)))
    };
    let attention = cheapest(PricedHardware::attention_cost)?;
    let feed_forward = cheapest(PricedHardware::feed_forward_cost)?;
    let cost = attention.attention_cost(work) + feed_forward.feed_forward_cost(work);
    Some(Disaggregated { attention, feed_forward, cost })
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::catalog::Models;

    fn work(name: &str, context: u64) -> DecodingWork {
        let model = Models::embedded().find(name).unwrap();
        DecodingWork::of(model, context, Counting::Paper, CacheFormat::PAPER)
    }

    /// Three significant digits, as the report prints.
    fn printed(value: f64) -> String {
        format!("{value:.2e}")
    }

    #[test]
    fn tables_2_and_3_are_reproduced_to_the_printed_digits() {
        // Bytes and FLOP of attention at 8192 tokens, FLOP of projections and feed-forward network,
        // bytes and FLOP of attention at 32768 tokens.
        for (name, row) in [
            ("DeepSeek-V3", "2.88e8 1.47e11 2.28e10 4.84e10 1.15e9 5.89e11"),
            ("Kimi-K2", "2.88e8 7.37e10 1.23e10 4.84e10 1.15e9 2.95e11"),
            ("Qwen3-235B-A22B", "7.89e8 2.52e10 1.34e10 2.84e10 3.15e9 1.01e11"),
            ("Qwen3-32B", "1.07e9 1.72e10 1.21e10 5.03e10 4.29e9 6.87e10"),
            ("Llama-4-Maverick", "1.01e9 8.05e9 6.04e9 2.42e10 2.21e9 1.41e10"),
            ("MiniMax-M1", "9.23e8 3.42e9 3.75e10 5.44e10 1.93e9 1.15e10"),
            ("ERNIE-4.5-300B-A47B", "9.06e8 1.45e10 1.63e10 7.61e10 3.62e9 5.80e10"),
            ("Pangu-Pro-MoE", "8.05e8 8.05e9 6.04e9 2.38e10 3.22e9 3.22e10"),
            ("Step-3", "2.56e8 3.27e10 2.07e10 5.33e10 1.02e9 1.31e11"),
        ] {
            let (near, far) = (work(name, 8192), work(name, 32768));
            let cells = [
                near.cache_bytes,
                near.attention_flop,
                near.projection_flop,
                near.feed_forward_flop,
                far.cache_bytes,
                far.attention_flop,
            ];
            assert_eq!(cells.map(printed).join(" "), row, "{name}");
        }
    }

    #[test]
    fn intensities_are_those_of_the_report_and_exact_counting_lowers_that_of_a_latent() {
        for (name, intensity) in [
            ("DeepSeek-V3", 512.0),
            ("Kimi-K2", 256.0),
            ("Step-3", 128.0),
            ("Qwen3-235B-A22B", 32.0),
            ("Qwen3-32B", 16.0),
        ] {
            assert!((work(name, 8192).intensity() - intensity).abs() < 1e-9, "{name}");
        }
        let model = Models::embedded().find("DeepSeek-V3").unwrap();
        let exact = DecodingWork::of(model, 8192, Counting::Exact, CacheFormat::PAPER);
        assert_eq!(printed(exact.attention_flop), "1.39e11");
        assert!((exact.intensity() - 483.6).abs() < 0.05, "{}", exact.intensity());
    }

    #[test]
    fn published_costs_per_million_tokens_are_reproduced() {
        let hardware = PricedHardware::paper();
        for (name, near, far) in [
            ("Step-3", "0.055", "0.129"),
            ("DeepSeek-V3", "0.068", "0.211"),
            ("Qwen3-235B-A22B", "0.062", "0.193"),
        ] {
            for (context, cost) in [(8192, near), (32768, far)] {
                let found = disaggregated(&work(name, context), &hardware).unwrap();
                assert_eq!(format!("{:.3}", found.cost), cost, "{name} at {context}");
            }
        }
        assert_eq!(disaggregated(&work("Step-3", 8192), &[]), None);
    }

    #[test]
    fn each_kind_of_attention_has_the_intensity_of_its_formula() {
        // q, kv and whether the value's width is part of the key's are from shapes.md; b = 1 byte.
        for (name, kind, intensity) in [
            ("Phi-3-mini-4k", "MHA", 2.0),
            ("Llama-3.1-8B", "GQA", 2.0 * 32.0 / 8.0),
            ("Gemma-3-1B", "MQA", 2.0 * 4.0),
            ("DeepSeek-V3", "MLA", 4.0 * 128.0),
            ("Step-3", "MFA", 2.0 * 64.0),
        ] {
            let model = Models::embedded().find(name).unwrap();
            assert_eq!(AttentionKind::of(model).map(AttentionKind::letters), Some(kind), "{name}");
            let found = layer_intensity(model, Counting::Paper, 1.0).unwrap();
            assert!((found - intensity).abs() < 1e-9, "{name}: {found}");
            // With two bytes per element it is half as high.
            assert!((layer_intensity(model, Counting::Paper, 2.0).unwrap() - found / 2.0).abs() < 1e-9);
        }
        let latent = Models::embedded().find("DeepSeek-V3").unwrap();
        let exact = layer_intensity(latent, Counting::Exact, 1.0).unwrap();
        assert!((exact - 2.0 * 128.0 * (1.0 + 512.0 / 576.0)).abs() < 1e-9, "{exact}");
    }

    #[test]
    fn ridges_are_those_of_table_4() {
        let ridges: Vec<f64> = PricedHardware::paper().iter().map(|h| h.ridge().round()).collect();
        assert_eq!(ridges, [591.0, 74.0, 156.0, 175.0]);
    }

    #[test]
    fn a_model_is_mixed_if_only_some_layers_see_the_whole_context() {
        for (name, mixed) in [
            ("Llama-3.1-8B", false),
            ("DeepSeek-V3", false),
            ("Mistral-7B-v0.3", false),
            ("Llama-4-Maverick", true),
            ("MiniMax-M1", true),
            ("Gemma-3-1B", true),
            ("gpt-oss-20b", true),
        ] {
            assert_eq!(is_mixed(Models::embedded().find(name).unwrap()), mixed, "{name}");
        }
        // 22 layers see 512 keys of one byte an element, 4 see all 8192 of two; a key and its value have 512 elements.
        assert_eq!(work("Gemma-3-1B", 8192).cache_bytes, f64::from((22 * 512 + 4 * 8192 * 2) * 512));
    }

    #[test]
    fn a_window_bounds_what_a_token_reads() {
        let gemma = Models::embedded().find("Gemma-3-1B").unwrap();
        let at = |context| {
            DecodingWork::of(gemma, context, Counting::Exact, CacheFormat { bytes: 2.0, full_bytes: 2.0 })
        };
        // 22 layers see 512 keys, 4 see all; a key and its value have 512 elements of 2 bytes.
        let bytes = |local: u64, global: u64| ((22 * local + 4 * global) * 512 * 2) as f64;
        assert_eq!(at(100).cache_bytes, bytes(100, 100));
        assert_eq!(at(8192).cache_bytes, bytes(512, 8192));
    }
}
