//! Suites of published models: `model:<name> [b<list>] [c<list>] [tp<n>] [<weights>] [prefill|decode] [chain]`,
//! e.g. `model:llama-3.1-8b b1,8 c4096 tp2 q4_0 decode`.
//!
//! The forward pass of a transformer consists of its matrix products and attention operations, each
//! repeated once per layer that has it. Prefill processes whole sequences of c tokens; decode processes one
//! token for each of b sequences that already have c tokens. Norms, activations, embeddings, sampling and
//! communication are not included.
//!
//! Each pass is that of one of the devices that share the model (`sharding.rs`). An operation with a tensor
//! of 2³² elements or more is computed in pieces (`pieces.rs`).

use super::cases::Suite;
use super::filter::parse_list;
use super::pieces::cut;
use super::sharding::Sharding;
use crate::catalog::{AttentionLayers, Model, Models, ProductLayers, Role};
use crate::error::{Error, Result};
use crate::workload::{Case, Layer, MOST_ROWS, Precision};
use std::fmt;

/// Prefix of the names of model suites.
pub const PREFIX: &str = "model:";
/// Largest number of rows for which a product is a `gemv` case; with more rows it is a `gemm` case.
const FEW_ROWS: u64 = 8;

/// Phase of inference that a pass belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Processes all tokens of the sequences at once.
    Prefill,
    /// Processes one token for each sequence.
    Decode,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Prefill => "prefill",
            Phase::Decode => "decode",
        })
    }
}

/// Setup in which a model is run: batch, context, devices, weight format and phases.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Batch sizes in sequences; there are passes for each of them.
    pub batch: Vec<u64>,
    /// Context lengths in tokens per sequence: the tokens that are prefilled, or those before the decoded
    /// one.
    pub context: Vec<u64>,
    /// Number of devices that share each layer.
    pub tensor_parallel: u64,
    /// Number format of the product weights, as in a key: `f16`, `q4_0`, …. Activations are f16 if the
    /// format exists only for weights.
    pub weights: String,
    /// Phases to include; both if empty.
    pub phases: Vec<Phase>,
    /// Whether each layer is also run as one chain of kernel launches.
    pub chain: bool,
}

impl Default for Deployment {
    /// Returns the setup of one sequence of 4096 tokens on one device, with weights in f16.
    fn default() -> Self {
        Deployment {
            batch: vec![1],
            context: vec![4096],
            tensor_parallel: 1,
            weights: "f16".into(),
            phases: Vec::new(),
            chain: false,
        }
    }
}

/// One operation of a pass, with the number of layers that run it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Name of the operation in the model, e.g. `gate_up`.
    pub name: String,
    /// Case that computes the operation once, or one of its pieces.
    pub case: Case,
    /// Number of times a pass runs the case: once for each piece in each layer that has the operation.
    pub times: u64,
    /// Number of equal pieces in which the operation is computed; above 1 only if a tensor of it would have more
    /// elements than a case may have.
    pub pieces: u64,
}

/// One forward pass of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    /// Phase: prefill of whole sequences, or decode of one token each.
    pub phase: Phase,
    /// Number of sequences.
    pub batch: u64,
    /// Number of tokens per sequence.
    pub context: u64,
    /// Matrix products and attention operations of the pass.
    pub parts: Vec<Part>,
    /// Operations that are not in `parts`, with the reason: no workload exists for them.
    pub left_out: Vec<String>,
}

impl Pass {
    /// Returns the chain of the parts of one layer, each once: the pass without its head. `None` if the
    /// parts are too few or too many for a chain.
    pub fn layer(&self, model: &Model) -> Option<Case> {
        let cases = |part: &Part| std::iter::repeat_n(part.case.clone(), part.pieces as usize);
        let parts = self.layer_parts(model).flat_map(cases).collect();
        Layer::new(parts).ok().map(Case::Layer)
    }

    /// Returns the parts that belong to layers: all except the head.
    pub fn layer_parts<'p>(&'p self, model: &'p Model) -> impl Iterator<Item = &'p Part> {
        let is_head = |part: &Part| {
            model.products.iter().any(|product| product.name == part.name && product.role() == Role::Head)
        };
        self.parts.iter().filter(move |part| !is_head(part))
    }
}

impl Deployment {
    /// Parses the words after the name of the model.
    fn parse(words: &str) -> std::result::Result<Self, String> {
        let mut deployment = Deployment::default();
        let list = |text: &str| parse_list(text).map_err(|error| error.to_string());
        for word in words.split_whitespace() {
            let digits = |prefix| {
                word.strip_prefix(prefix).filter(|rest: &&str| rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            match word {
                "prefill" => deployment.phases.push(Phase::Prefill),
                "decode" => deployment.phases.push(Phase::Decode),
                "chain" => deployment.chain = true,
                _ if precision(word).is_some() => deployment.weights = word.into(),
                _ => {
                    if let Some(degree) = digits("tp") {
                        let degree = degree.parse().ok().filter(|degree| (1..=1024).contains(degree));
                        deployment.tensor_parallel =
                            degree.ok_or(format!("`{word}` is not a degree from 1 to 1024"))?;
                    } else if let Some(sizes) = digits("b") {
                        deployment.batch = list(sizes)?;
                    } else if let Some(sizes) = digits("c") {
                        deployment.context = list(sizes)?;
                    } else {
                        return Err(format!(
                            "`{word}` is neither b, c or tp with a number, nor a format, a phase or `chain`"
                        ));
                    }
                }
            }
        }
        Ok(deployment)
    }

    /// Returns the forward passes of `model`; an encoder has no decode pass.
    ///
    /// # Errors
    /// Fails if the devices cannot share the model evenly, if a model that is not an encoder has fixed
    /// sequence lengths, if only decode is requested of an encoder, or if a batch, a context or the weight
    /// format is invalid.
    pub fn passes(&self, model: &Model) -> Result<Vec<Pass>> {
        let refuse = |message: String| Error::refused(format!("{}: {message}", model.name));
        let encodes = model.attention_kind.contains("bidirectional");
        if !encodes && model.attention.iter().any(|attention| attention.seq.is_some()) {
            return Err(refuse("its sequence lengths are fixed, so there is no suite for it".into()));
        }
        let mut passes = Vec::new();
        for phase in [Phase::Prefill, Phase::Decode] {
            let wanted = self.phases.is_empty() || self.phases.contains(&phase);
            if !wanted || encodes && phase == Phase::Decode {
                continue;
            }
            for &batch in &self.batch {
                for &context in &self.context {
                    let fixed = model.attention.iter().find_map(|attention| attention.seq);
                    let pass = self.pass(model, phase, batch, fixed.unwrap_or(context)).map_err(refuse)?;
                    if !passes.contains(&pass) {
                        passes.push(pass);
                    }
                }
            }
        }
        if passes.is_empty() {
            return Err(refuse("it has no decoder".into()));
        }
        Ok(passes)
    }

    fn pass(
        &self,
        model: &Model,
        phase: Phase,
        batch: u64,
        context: u64,
    ) -> std::result::Result<Pass, String> {
        if batch == 0 || context == 0 {
            return Err("a batch and a context must be above zero".into());
        }
        let tokens = if phase == Phase::Prefill { batch * context } else { batch };
        let mut parts = Vec::new();
        let mut left_out = Vec::new();
        let mut add = |name: &str, layers: u64, (key, repeated): (String, u64)| {
            let case: Case = key.parse().map_err(|error| format!("{name}: {error}"))?;
            let (case, pieces) = cut(case);
            let pieces = repeated * pieces;
            parts.push(Part { name: name.into(), case, times: layers * pieces, pieces });
            Ok::<(), String>(())
        };
        for product in &model.products {
            let other = match phase {
                Phase::Prefill => "decode",
                Phase::Decode => "prefill",
            };
            if product.name.contains(other) {
                continue;
            }
            // Only the last token needs logits, except in models that fill in masks.
            let last_only = product.role() == Role::Head && !model.attention_kind.contains("bidirectional");
            let rows = if last_only { batch } else { tokens };
            add(&product.name, product.layers, self.product(model, product, rows)?)?;
        }
        for attention in &model.attention {
            let decodes = attention.kv_shared;
            let has_latent = model.attention.iter().any(|attention| attention.kv_shared);
            if has_latent && decodes != (phase == Phase::Decode) {
                continue;
            }
            if attention.linear_state {
                left_out.push(format!(
                    "{}: attention with a recurrent state instead of a KV cache",
                    attention.name
                ));
                continue;
            }
            for (name, key) in self.attention(model, attention, phase, batch, context)? {
                add(&name, attention.layers, (key, 1))?;
            }
        }
        Ok(Pass { phase, batch, context, parts, left_out })
    }

    /// Returns the key of `product` for `rows` tokens, and how many such cases compute it.
    fn product(
        &self,
        model: &Model,
        product: &ProductLayers,
        rows: u64,
    ) -> std::result::Result<(String, u64), String> {
        let sharding = Sharding { model, degree: self.tensor_parallel };
        let (n, k) = sharding.product(product)?;
        let weights = precision(&self.weights).ok_or(format!("`{}` is not a weight format", self.weights))?;
        if let Some((experts, active)) = product.experts.zip(product.active) {
            let pieces =
                (1..=rows).find(|pieces| rows.is_multiple_of(*pieces) && rows / pieces * active <= MOST_ROWS);
            let pieces = pieces.unwrap_or(rows);
            let tokens = rows / pieces;
            return Ok((format!("moe {weights} e{experts} k{active} t{tokens} n{n} d{k} uniform"), pieces));
        }
        if let Some(heads) = product.batch {
            // One matrix for each head; these come from a product and are kept in f16.
            let heads = sharding.part(heads, &product.name)?;
            return Ok((format!("gemm f16.f32 b{heads} m{rows} n{n} k{k} nt"), 1));
        }
        let key = if rows <= FEW_ROWS {
            format!("gemv {weights} m{rows} n{n} k{k}")
        } else {
            format!("gemm {weights} m{rows} n{n} k{k} nt")
        };
        Ok((key, 1))
    }

    /// Returns the names and keys of the cases that compute `attention`: one, or two where the last chunk is
    /// shorter than the others.
    fn attention(
        &self,
        model: &Model,
        attention: &AttentionLayers,
        phase: Phase,
        batch: u64,
        context: u64,
    ) -> std::result::Result<Vec<(String, String)>, String> {
        let (heads, kv_heads) = Sharding { model, degree: self.tensor_parallel }.heads(attention)?;
        let key = |batch: u64, queries: u64, keys: u64| {
            let mut key = format!(
                "attention f16.f32 b{batch} hq{heads} hkv{kv_heads} q{queries} kv{keys} d{} dv{}",
                attention.d_qk, attention.d_v
            );
            if attention.causal && phase == Phase::Prefill {
                key += " causal";
            }
            let window = attention.window.filter(|window| phase == Phase::Prefill && *window < keys);
            key += &window.map_or(String::new(), |window| format!(" w{window}"));
            if attention.kv_shared {
                key += " latent";
            }
            key
        };
        let name = attention.name.clone();
        Ok(match (phase, attention.chunk) {
            (Phase::Decode, _) => vec![(name, key(batch, 1, attention.visible(context)))],
            // Each chunk attends only to itself.
            (Phase::Prefill, Some(chunk)) if context > chunk => {
                let rest = context % chunk;
                let last = (rest > 0).then(|| (format!("{name}, last chunk"), key(batch, rest, rest)));
                let whole = (name, key(batch * (context / chunk), chunk, chunk));
                [Some(whole), last].into_iter().flatten().collect()
            }
            (Phase::Prefill, _) => vec![(name, key(batch, context, context))],
        })
    }
}

/// Returns the precision of a product with `weights`: both operands in that format if such a product
/// exists, otherwise f16 activations. Accumulators are f32. `None` if the format is unknown.
fn precision(weights: &str) -> Option<Precision> {
    let wanted = match weights {
        "f32" => "f32".to_string(),
        "f16" | "bf16" | "e4m3" => format!("{weights}.f32"),
        _ => format!("f16x{weights}.f32"),
    };
    Precision::parse(&wanted)
}

/// Returns the model called `name`, as [`Models::find`] finds it.
///
/// # Errors
/// Fails if there is no such model; the hint lists the most similar names.
pub fn find_model(name: &str) -> Result<&'static Model> {
    let models = Models::embedded();
    models.find(name).ok_or_else(|| {
        let nearest: Vec<String> = models.nearest(name).iter().map(|name| format!("`{name}`")).collect();
        Error::refused_hint(
            format!("there is no model `{name}`"),
            format!("similar names: {}", nearest.join(", ")),
        )
    })
}

/// Parses the text of a suite after `model:` into the model and its deployment.
///
/// # Errors
/// Fails if there is no such model, with a hint that lists the most similar names, or if a word is not
/// understood.
pub fn parse(text: &str) -> Result<(&'static Model, Deployment)> {
    let text = text.trim();
    let (name, words) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let model = find_model(name)?;
    let deployment = Deployment::parse(words).map_err(|message| {
        Error::refused_hint(
            format!("{PREFIX}{text}: {message}"),
            format!("e.g. \"{PREFIX}{name} b1,8 c4096 tp2 q4_0 decode\""),
        )
    })?;
    Ok((model, deployment))
}

/// Returns the suite of all cases of the passes that `text` describes.
pub(super) fn suite(text: &str) -> Result<Suite> {
    let (model, deployment) = parse(text)?;
    let passes = deployment.passes(model)?;
    let layers: Vec<Case> =
        passes.iter().filter(|_| deployment.chain).filter_map(|pass| pass.layer(model)).collect();
    let mut left_out: Vec<String> = passes.iter().flat_map(|pass| pass.left_out.clone()).collect();
    left_out.dedup();
    let cases = passes.into_iter().flat_map(|pass| pass.parts).map(|part| part.case).chain(layers);
    let words: Vec<&str> = text.split_whitespace().collect();
    Ok(Suite { left_out, ..Suite::new(format!("model-{}", words.join("_")), cases) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(text: &str) -> Vec<Pass> {
        let (model, deployment) = parse(text).unwrap();
        deployment.passes(model).unwrap()
    }

    fn parts(pass: &Pass) -> Vec<String> {
        pass.parts.iter().map(|part| format!("{} x {}", part.times, part.case.key())).collect()
    }

    #[test]
    fn a_dense_model_has_four_products_and_an_attention_in_each_layer() {
        let passes = passes("llama-3.1-8b b1 c512");
        assert_eq!(
            parts(&passes[0]),
            [
                "32 x gemm f16.f32 m512 n6144 k4096 nt",
                "32 x gemm f16.f32 m512 n4096 k4096 nt",
                "32 x gemm f16.f32 m512 n28672 k4096 nt",
                "32 x gemm f16.f32 m512 n4096 k14336 nt",
                "1 x gemv f16.f32 m1 n128256 k4096",
                "32 x attention f16.f32 b1 hq32 hkv8 q512 kv512 d128 causal",
            ]
        );
        assert_eq!(
            parts(&passes[1])[..2],
            ["32 x gemv f16.f32 m1 n6144 k4096", "32 x gemv f16.f32 m1 n4096 k4096"]
        );
        assert_eq!(parts(&passes[1])[5], "32 x attention f16.f32 b1 hq32 hkv8 q1 kv512 d128");
        // In a decode step: 2 FLOP per weight and token, and 4·d·heads per visible pair.
        let flop: u128 = passes[1].parts.iter().map(|part| u128::from(part.times) * part.case.flop()).sum();
        assert_eq!(flop, 2 * 7_504_658_432 + 32 * 4 * 128 * 32 * 512);
    }

    #[test]
    fn a_chain_is_a_layer_without_the_head() {
        let cases = suite("llama-3.1-8b b1,2 c512 decode chain").unwrap().cases;
        let layers: Vec<String> =
            cases.iter().filter(|case| case.family() == "layer").map(Case::key).collect();
        assert_eq!(
            layers[0],
            "layer gemv f16.f32 m1 n6144 k4096 + gemv f16.f32 m1 n4096 k4096 + gemv f16.f32 m1 n28672 k4096 \
             + gemv f16.f32 m1 n4096 k14336 + attention f16.f32 b1 hq32 hkv8 q1 kv512 d128"
        );
        assert_eq!(layers.len(), 2);
        assert!(suite("llama-3.1-8b c512").unwrap().cases.iter().all(|case| case.family() != "layer"));
    }

    #[test]
    fn devices_share_columns_rows_and_heads() {
        let passes = passes("llama-3.1-8b b16 c1024 tp16 q4_0 decode");
        assert_eq!(
            parts(&passes[0]),
            [
                // Two query heads, and one key and one value head, which two devices have.
                "32 x gemm f16xq4_0.f32 m16 n512 k4096 nt",
                "32 x gemm f16xq4_0.f32 m16 n4096 k256 nt",
                "32 x gemm f16xq4_0.f32 m16 n1792 k4096 nt",
                "32 x gemm f16xq4_0.f32 m16 n4096 k896 nt",
                "1 x gemm f16xq4_0.f32 m16 n8016 k4096 nt",
                "32 x attention f16.f32 b16 hq2 hkv1 q1 kv1024 d128",
            ]
        );
        let (model, deployment) = parse("llama-3.1-8b tp3").unwrap();
        let error = deployment.passes(model).unwrap_err().to_string();
        assert_eq!(
            error,
            "Llama-3.1-8B: 3 devices cannot share the 32 query heads and 8 key heads of self evenly"
        );
    }

    #[test]
    fn a_latent_cache_is_absorbed_when_decoding_and_expanded_before() {
        let passes = passes("deepseek-v3 b4 c2048 tp2");
        let names = |pass: &Pass| pass.parts.iter().map(|part| part.name.clone()).collect::<Vec<_>>();
        assert!(names(&passes[0]).iter().any(|name| name.contains("kv_b")));
        assert!(!names(&passes[0]).iter().any(|name| name.contains("W_UK")));
        assert!(names(&passes[1]).iter().any(|name| name.contains("W_UK absorb")));
        let keys = parts(&passes[1]);
        assert!(
            keys.contains(&"61 x attention f16.f32 b4 hq64 hkv1 q1 kv2048 d576 dv512 latent".into()),
            "{keys:?}"
        );
        assert!(keys.contains(&"58 x moe f16.f32 e256 k8 t4 n2048 d7168 uniform".into()), "{keys:?}");
        let prefill = parts(&passes[0]);
        assert!(
            prefill.contains(&"61 x attention f16.f32 b4 hq64 hkv64 q2048 kv2048 d192 dv128 causal".into()),
            "{prefill:?}"
        );
    }

    #[test]
    fn experts_beyond_32_bits_are_computed_in_pieces_and_never_missing() {
        // Weights of all experts of a layer: 7.5e9 and 3.8e9, 11.3e9 and 5.6e9, 10.7e9 and 5.4e9.
        for (text, gate_up, down) in [
            (
                "deepseek-v3 b32 decode",
                "116 x moe f16.f32 e256 k8 t32 n2048 d7168 uniform",
                "58 x moe f16.f32 e256 k8 t32 n7168 d2048 uniform",
            ),
            (
                "kimi-k2 b32 decode",
                "240 x moe f16.f32 e384 k8 t32 n1024 d7168 uniform",
                "120 x moe f16.f32 e384 k8 t32 n3584 d2048 uniform",
            ),
            (
                "llama-4-maverick b32 decode",
                "96 x moe f16.f32 e128 k1 t32 n4096 d5120 uniform",
                "48 x moe f16.f32 e128 k1 t32 n2560 d8192 uniform",
            ),
        ] {
            let pass = &passes(text)[0];
            let keys = parts(pass);
            assert!(keys.contains(&gate_up.into()) && keys.contains(&down.into()), "{keys:?}");
            assert_eq!(pass.left_out, [""; 0]);
        }
        let pass = &passes("deepseek-v3 b32 decode")[0];
        let (model, _) = parse("deepseek-v3").unwrap();
        let Some(Case::Layer(layer)) = pass.layer(model) else { panic!("the layer has a chain") };
        let experts = layer.parts.iter().filter(|part| part.family() == "moe").count();
        assert_eq!(experts, 3, "two pieces of gate and up, and down");
    }

    #[test]
    fn what_no_workload_computes_is_named() {
        assert_eq!(
            passes("minimax-m1 decode")[0].left_out,
            ["lightning: attention with a recurrent state instead of a KV cache"]
        );
        let suite = Suite::resolve("model:minimax-m1").unwrap();
        assert_eq!(suite.left_out, ["lightning: attention with a recurrent state instead of a KV cache"]);
    }

    #[test]
    fn windows_and_chunks_bound_what_a_token_sees() {
        let gemma = passes("gemma-3-1b c2048");
        assert!(parts(&gemma[0]).iter().any(|part| part.ends_with("q2048 kv2048 d256 causal w512")));
        assert!(parts(&gemma[1]).iter().any(|part| part.ends_with("q1 kv512 d256")));
        let llama = passes("llama-4-maverick c16384 tp4");
        let chunked = "36 x attention f16.f32 b2 hq10 hkv2 q8192 kv8192 d128 causal";
        assert!(parts(&llama[0]).contains(&chunked.into()), "{:?}", parts(&llama[0]));
        // One token more than a chunk: a whole chunk, and the token alone, which sees only itself.
        let llama = passes("llama-4-maverick c8193 tp8");
        let chunked: Vec<String> =
            parts(&llama[0]).into_iter().filter(|part| part.starts_with("36 x att")).collect();
        assert_eq!(
            chunked,
            [
                "36 x attention f16.f32 b1 hq5 hkv1 q8192 kv8192 d128 causal",
                "36 x attention f16.f32 b1 hq5 hkv1 q1 kv1 d128 causal",
            ]
        );
        assert!(parts(&llama[1]).contains(&"36 x attention f16.f32 b1 hq5 hkv1 q1 kv1 d128".into()));
    }

    #[test]
    fn every_decoder_of_the_catalogue_has_passes_and_the_others_say_why_not() {
        let mut without = Vec::new();
        for model in &Models::embedded().models {
            match Deployment::default().passes(model) {
                Ok(passes) => {
                    assert!(passes.iter().all(|pass| !pass.parts.is_empty()), "{}", model.name);
                    let encodes = model.attention_kind.contains("bidirectional");
                    assert_eq!(passes.len(), if encodes { 1 } else { 2 }, "{}", model.name);
                }
                Err(_) => without.push(model.name.as_str()),
            }
        }
        assert_eq!(without, ["Whisper-large-v3", "SDXL-base UNet", "FLUX.1-dev/schnell"]);
    }

    #[test]
    fn a_suite_has_each_case_once_and_is_named_after_what_was_asked_for() {
        let suite = Suite::resolve("model:llama-3.1-8b b1,1 c512,1024 decode").unwrap();
        assert_eq!(suite.name, "model-llama-3.1-8b_b1,1_c512,1024_decode");
        // Five products, which do not depend on the context, and one attention per context.
        assert_eq!(suite.cases.len(), 7);
    }

    #[test]
    fn what_is_not_understood_is_named_with_an_example() {
        for (text, message) in [
            ("lama-3.1-8b", "there is no model `lama-3.1-8b`"),
            ("llama-3.1-8b x5", "`x5` is neither"),
            ("llama-3.1-8b tp0", "`tp0` is not a degree"),
            ("llama-3.1-8b b1,", "b1,"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
        let (bert, deployment) = parse("bert-large decode").unwrap();
        assert!(deployment.passes(bert).unwrap_err().to_string().contains("no decoder"));
    }
}
