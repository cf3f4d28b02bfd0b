//! Shapes of published models: the matrix products and attention operations that a token passes through.

use super::check::CatalogError;
use super::names;
use serde::Deserialize;
use std::sync::LazyLock;

/// TOML source of the built-in models.
const EMBEDDED: &str = include_str!("models.toml");

/// List of models with unique names.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// Models in the order of the file.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
}

/// Shape of one model: the matrix products and attention operations of all its layers. Optional fields are
/// `None` if they do not apply or if no source gives them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Name given by the model's authors.
    pub name: String,
    /// Kind of attention as free text: `gqa`, `mla`, `mfa`, …
    pub attention_kind: String,
    /// Width of the residual stream in elements.
    pub hidden_size: Option<u64>,
    /// Total number of layers.
    pub num_layers: u64,
    /// Number of layers with a dense feed-forward network, if others have experts.
    pub dense_layers: Option<u64>,
    /// Number of layers with experts.
    pub moe_layers: Option<u64>,
    /// Number of query heads.
    pub q_heads: Option<u64>,
    /// Number of key heads in prefill.
    pub kv_heads: Option<u64>,
    /// Head dimension of queries and keys.
    pub head_dim_qk: u64,
    /// Head dimension of values.
    pub head_dim_v: u64,
    /// Inner width of the dense feed-forward network.
    pub ffn_size: Option<u64>,
    /// Whether the feed-forward network has a gate.
    pub ffn_gated: bool,
    /// Size of the vocabulary, in tokens.
    pub vocab_size: Option<u64>,
    /// Whether the output head shares its weights with the embedding.
    pub tied_lm_head: Option<bool>,
    /// Whether the projections of queries, keys and values add a bias.
    pub qkv_bias: bool,
    /// Number of experts per layer; 0 if there are none.
    pub experts_total: u64,
    /// Number of experts that each token is routed to.
    pub experts_active: u64,
    /// Inner width of one expert.
    pub expert_ffn_size: Option<u64>,
    /// Number of shared experts, which every token passes through.
    pub shared_experts: u64,
    /// Inner width of the shared experts together, run as one.
    pub shared_expert_ffn_size: Option<u64>,
    /// Rank of the low-rank compression of queries.
    pub q_lora_rank: Option<u64>,
    /// Rank of the latent that keys and values share.
    pub kv_lora_rank: Option<u64>,
    /// Dimension of a key without its rotary part.
    pub qk_nope_head_dim: Option<u64>,
    /// Dimension of the rotary part of a key.
    pub qk_rope_head_dim: Option<u64>,
    /// Rank of the low-rank query projection.
    pub q_low_rank: Option<u64>,
    /// KV cache elements per token and layer; `None` if they follow from the heads.
    pub kv_cache_elems_per_token_layer: Option<u64>,
    /// Published total number of parameters, in 10⁹.
    pub published_total_params_b: Option<f64>,
    /// Published number of active parameters per token, in 10⁹; what is counted differs between publishers.
    pub published_active_params_b: Option<f64>,
    /// Total number of parameters, in 10⁹, derived from `gemm`.
    pub derived_total_params_b: f64,
    /// Number of active parameters per token, in 10⁹, derived from `gemm`.
    pub derived_active_params_b: f64,
    /// Sources of the shapes.
    pub sources: Vec<String>,
    /// Notes needed to interpret the shapes.
    pub notes: String,
    /// Names of fields that no source gives.
    pub null_fields: Vec<String>,
    /// Kinds of attention and the layers that have them.
    pub attention: Vec<AttentionLayers>,
    /// Matrix products and the layers that have them.
    #[serde(rename = "gemm")]
    pub products: Vec<ProductLayers>,
}

/// One kind of attention and the number of layers that have it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionLayers {
    /// Name that says what the attention is for, e.g. `self`.
    pub name: String,
    /// Number of layers that have this attention.
    pub layers: u64,
    /// Number of query heads.
    pub q_heads: u64,
    /// Number of key and value heads.
    pub kv_heads: u64,
    /// Head dimension of queries and keys.
    pub d_qk: u64,
    /// Head dimension of values.
    pub d_v: u64,
    /// Whether a query sees only keys up to its own position.
    pub causal: bool,
    /// Largest number of keys that a query sees; `None` if there is no window.
    pub window: Option<u64>,
    /// Length of the chunks that attend only to themselves; `None` if there are no chunks.
    pub chunk: Option<u64>,
    /// Number of queries if it is fixed; otherwise `None`.
    pub seq: Option<u64>,
    /// Number of keys if it is fixed; otherwise `None`.
    pub seq_kv: Option<u64>,
    /// Whether keys and values share one latent, of which the values are the first part.
    #[serde(default)]
    pub kv_shared: bool,
    /// Whether attention is linear, with a state of `d_qk x d_v` per head instead of a KV cache.
    #[serde(default)]
    pub linear_state: bool,
}

/// One matrix product `y[M, N] = x[M, K] · W[N, K]ᵀ` of M tokens, and the number of layers that have it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductLayers {
    /// Name that says what the product is for, e.g. `gate_up`.
    pub name: String,
    /// Number of columns of the output, N.
    pub n: u64,
    /// Length of the dot products, K.
    pub k: u64,
    /// Number of layers that have this product.
    pub layers: u64,
    /// Number of experts, each with its own weights; `None` without experts.
    pub experts: Option<u64>,
    /// Number of experts that each token passes through; `None` without experts.
    pub active: Option<u64>,
    /// Number of weight matrices, one per head; `None` if there is only one for all heads.
    pub batch: Option<u64>,
}

/// Part of a model that a product belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Projections before and after attention.
    Projection,
    /// Feed-forward network, including experts.
    FeedForward,
    /// Router, which selects the experts.
    Router,
    /// Output head over the vocabulary.
    Head,
    /// Prefill only: decode has the same weights absorbed into other products.
    PrefillOnly,
}

impl ProductLayers {
    /// Returns the part of the model that the product belongs to, judged by its name.
    pub fn role(&self) -> Role {
        let named = |part: &str| self.name.contains(part);
        if named("prefill") {
            Role::PrefillOnly
        } else if named("head") {
            Role::Head
        } else if named("router") {
            Role::Router
        } else if ["gate_up", "down", "fc1", "fc2", "geglu", "ff out", "linear1", "linear2"]
            .into_iter()
            .any(named)
        {
            Role::FeedForward
        } else {
            Role::Projection
        }
    }

    /// Returns the number of weights that one token is multiplied by, in all layers.
    pub fn weights_per_token(&self) -> u64 {
        self.n * self.k * self.layers * self.active.unwrap_or(1) * self.batch.unwrap_or(1)
    }

    /// Returns the number of weights in memory, in all layers. Products by head (`batch`) count 0, because
    /// they reuse the weights of another product.
    pub fn weights(&self) -> u64 {
        if self.batch.is_some() { 0 } else { self.n * self.k * self.layers * self.experts.unwrap_or(1) }
    }
}

impl AttentionLayers {
    /// Returns the number of keys that the last token of a context of `context` tokens sees, itself included. In
    /// a chunk these are the tokens since its start.
    pub fn visible(&self, context: u64) -> u64 {
        let in_chunk = self.chunk.filter(|_| context > 0).map(|chunk| (context - 1) % chunk + 1);
        [self.window, in_chunk, self.seq_kv].into_iter().flatten().fold(context, u64::min)
    }

    /// Returns the largest number of keys that are kept at a time while a context of `context` tokens grows.
    pub fn kept(&self, context: u64) -> u64 {
        [self.window, self.chunk, self.seq_kv].into_iter().flatten().fold(context, u64::min)
    }
}

impl Model {
    /// Returns the number of parameters: all product weights, plus the embedding unless it is the head.
    pub fn parameters(&self) -> u64 {
        let products: u64 = self.products.iter().map(ProductLayers::weights).sum();
        let tied = self.tied_lm_head.unwrap_or(false);
        let embedding = self.vocab_size.zip(self.hidden_size).filter(|_| !tied);
        products + embedding.map_or(0, |(words, width)| words * width)
    }

    /// Returns the number of active parameters per token. The head counts, the embedding does not.
    pub fn active_parameters(&self) -> u64 {
        let own = |product: &&ProductLayers| product.batch.is_none();
        self.products.iter().filter(own).map(ProductLayers::weights_per_token).sum()
    }

    /// Whether the model decodes one token at a time: none of its attentions has a fixed number of queries.
    pub fn decodes(&self) -> bool {
        self.attention.iter().all(|attention| attention.seq.is_none())
    }

    /// Returns the attention operations of decode. If keys and values share a latent, only that form is
    /// included.
    pub fn decoding_attention(&self) -> impl Iterator<Item = &AttentionLayers> {
        let latent = self.attention.iter().any(|attention| attention.kv_shared);
        self.attention.iter().filter(move |attention| !latent || attention.kv_shared)
    }
}

impl Models {
    /// Returns the models that are built into portamark.
    pub fn embedded() -> &'static Self {
        static MODELS: LazyLock<Models> = LazyLock::new(|| {
            Models::parse(EMBEDDED).expect("the checks of the models passed in their tests")
        });
        &MODELS
    }

    /// Parses and checks models in TOML.
    ///
    /// # Errors
    /// Fails if the text does not have this format, a name occurs twice, a model has no source, or a
    /// derived number of parameters does not match the products.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let models: Models =
            toml::from_str(text).map_err(|e| CatalogError::Form(e.message().replace('\n', ", ")))?;
        let faults: Vec<String> =
            (0..models.models.len()).flat_map(|place| faults(&models.models, place)).collect();
        if !faults.is_empty() {
            return Err(CatalogError::Unsound(faults));
        }
        Ok(models)
    }

    /// Returns the model called `name`, ignoring case and all characters other than letters and digits.
    /// Models that share an entry (`DeepSeek-V3/R1`) are also found by the part before the slash.
    pub fn find(&self, name: &str) -> Option<&Model> {
        let wanted = plain(name);
        self.models.iter().find(|model| {
            plain(&model.name) == wanted
                || model.name.split('/').next().is_some_and(|first| plain(first) == wanted)
        })
    }

    /// Returns the names most similar to `name`, for error messages.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        let own = |model: &'_ Model| [plain(&model.name)];
        names::nearest(&plain(name), &self.models, own).map(|model| model.name.as_str()).collect()
    }
}

/// Returns the problems of the model at index `place`.
fn faults(models: &[Model], place: usize) -> Vec<String> {
    let model = &models[place];
    let mut faults = Vec::new();
    if models[..place].iter().any(|earlier| earlier.name == model.name) {
        faults.push("it is there twice".to_string());
    }
    if model.sources.iter().all(|source| source.trim().is_empty()) {
        faults.push("its shapes have no source".into());
    }
    for (what, stated, found) in [
        ("derived_total_params_b", model.derived_total_params_b, model.parameters()),
        ("derived_active_params_b", model.derived_active_params_b, model.active_parameters()),
    ] {
        // The stated numbers have three decimals.
        if (stated - found as f64 * 1e-9).abs() > 6e-4 {
            faults.push(format!("{what} is {stated}, its products give {found} parameters"));
        }
    }
    faults.iter().map(|fault| format!("{}: {fault}", model.name)).collect()
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_models_are_sound() {
        assert_eq!(Models::parse(EMBEDDED).map(|models| models.models.len()), Ok(33));
    }

    #[test]
    fn totals_are_within_one_percent_of_the_published_ones_but_for_three() {
        let mut published = 0;
        let mut off = Vec::new();
        for model in &Models::embedded().models {
            let Some(billions) = model.published_total_params_b else { continue };
            published += 1;
            if (model.parameters() as f64 / (billions * 1e9) - 1.0).abs() > 0.01 {
                off.push(model.name.as_str());
            }
        }
        assert_eq!(published, 18);
        // One is published as "1 T"; for the other two, position embeddings, biases, a pooler and
        // convolutions are not among the products.
        assert_eq!(off, ["Kimi-K2", "BERT-large", "Whisper-large-v3"]);
    }

    #[test]
    fn a_small_model_by_hand() {
        let text = r#"
            [[model]]
            name = "Tiny"
            attention_kind = "gqa"
            hidden_size = 8
            num_layers = 2
            head_dim_qk = 4
            head_dim_v = 4
            ffn_gated = true
            vocab_size = 100
            tied_lm_head = false
            qkv_bias = false
            experts_total = 0
            experts_active = 0
            shared_experts = 0
            sources = ["by hand"]
            notes = ""
            null_fields = []
            derived_total_params_b = 0.0
            derived_active_params_b = 0.0
            attention = [{ name = "self", layers = 2, q_heads = 2, kv_heads = 1, d_qk = 4, d_v = 4, causal = true, window = 5 }]
            gemm = [
                { name = "qkv", n = 16, k = 8, layers = 2 },
                { name = "expert_gate_up", n = 6, k = 8, layers = 2, experts = 4, active = 2 },
                { name = "lm_head", n = 100, k = 8, layers = 1 },
            ]
        "#;
        let models = Models::parse(text).unwrap();
        let tiny = models.find("tiny").unwrap();
        // Projections 256, experts 384, head and embedding 800 each.
        assert_eq!(tiny.parameters(), 256 + 384 + 800 + 800);
        assert_eq!(tiny.active_parameters(), 256 + 192 + 800);
        assert_eq!((tiny.attention[0].visible(3), tiny.attention[0].visible(9)), (3, 5));
        // In chunks of 4, the ninth token is the first of the third chunk.
        let chunked = AttentionLayers { window: None, chunk: Some(4), ..tiny.attention[0].clone() };
        assert_eq!([3, 4, 5, 8, 9].map(|context| chunked.visible(context)), [3, 4, 1, 4, 1]);
        assert_eq!([3, 4, 5, 8, 9].map(|context| chunked.kept(context)), [3, 4, 4, 4, 4]);
        for (from, to, problem) in [
            ("[\"by hand\"]", "[]", "no source"),
            ("total_params_b = 0.0", "total_params_b = 1.0", "its products give 2240 parameters"),
        ] {
            let error = Models::parse(&text.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        assert!(Models::parse(&format!("{text}{text}")).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn names_are_found_as_people_write_them() {
        let models = Models::embedded();
        for (written, name) in [
            ("llama-3.1-8b", "Llama-3.1-8B"),
            ("Llama 3.1 8B", "Llama-3.1-8B"),
            ("deepseek-v3", "DeepSeek-V3/R1"),
            ("step-3", "Step-3"),
        ] {
            assert_eq!(models.find(written).map(|model| model.name.as_str()), Some(name));
        }
        assert_eq!(models.find("llama"), None);
        assert!(models.nearest("llama-3.1-8").contains(&"Llama-3.1-8B"));
        assert_eq!(models.nearest("lama-3.1-8b")[0], "Llama-3.1-8B");
        assert_eq!(models.nearest("deepsek-v3/r1")[0], "DeepSeek-V3/R1");
    }
}
