//! The shapes of published models: which products and attentions a token goes through.

use super::check::CatalogError;
use super::names;
use serde::Deserialize;
use std::sync::LazyLock;

/// The models that come with portamark.
const EMBEDDED: &str = include_str!("models.toml");

/// Models by name.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// In the order of the file.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
}

/// One model: the products of matrices and the attentions of all its layers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// As its makers call it.
    pub name: String,
    /// `gqa`, `mla`, `mfa`, … in words.
    pub attention_kind: String,
    /// Width of the residual stream.
    pub hidden_size: Option<u64>,
    /// Layers of all kinds.
    pub num_layers: u64,
    /// Layers with a dense feed-forward network, where others have experts.
    pub dense_layers: Option<u64>,
    /// Layers with experts.
    pub moe_layers: Option<u64>,
    /// Query heads.
    pub q_heads: Option<u64>,
    /// Key heads of prefill.
    pub kv_heads: Option<u64>,
    /// Width of a query and a key.
    pub head_dim_qk: u64,
    /// Width of a value.
    pub head_dim_v: u64,
    /// Width of the dense feed-forward network.
    pub ffn_size: Option<u64>,
    /// Whether the feed-forward network has a gate.
    pub ffn_gated: bool,
    /// Words.
    pub vocab_size: Option<u64>,
    /// Whether the head is the transposed embedding.
    pub tied_lm_head: Option<bool>,
    /// Whether the projections of queries, keys and values add a bias.
    pub qkv_bias: bool,
    /// Experts of a layer; 0 without.
    pub experts_total: u64,
    /// Experts that a token is routed to.
    pub experts_active: u64,
    /// Width of an expert.
    pub expert_ffn_size: Option<u64>,
    /// Experts that every token goes through.
    pub shared_experts: u64,
    /// Width of the shared experts, run as one.
    pub shared_expert_ffn_size: Option<u64>,
    /// Rank of the queries' compression.
    pub q_lora_rank: Option<u64>,
    /// Rank of the latent that keys and values share.
    pub kv_lora_rank: Option<u64>,
    /// Width of a key without its rotary part.
    pub qk_nope_head_dim: Option<u64>,
    /// Width of a key's rotary part.
    pub qk_rope_head_dim: Option<u64>,
    /// Rank of the queries' projection.
    pub q_low_rank: Option<u64>,
    /// Elements of the cache for one token and layer, where they do not follow from the heads.
    pub kv_cache_elems_per_token_layer: Option<u64>,
    /// Parameters, 10⁹, as published.
    pub published_total_params_b: Option<f64>,
    /// Parameters of one token's path, 10⁹, as published; what is counted differs between makers.
    pub published_active_params_b: Option<f64>,
    /// Parameters, 10⁹, that follow from `gemm`.
    pub derived_total_params_b: f64,
    /// Parameters of one token's path, 10⁹, that follow from `gemm`.
    pub derived_active_params_b: f64,
    /// Where the shapes are from.
    pub sources: Vec<String>,
    /// What one has to know.
    pub notes: String,
    /// Fields that no source gives.
    pub null_fields: Vec<String>,
    /// Attentions.
    pub attention: Vec<AttentionLayers>,
    /// Products of matrices.
    #[serde(rename = "gemm")]
    pub products: Vec<ProductLayers>,
}

/// One kind of attention and how many layers have it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionLayers {
    /// What it is for.
    pub name: String,
    /// Layers that have it.
    pub layers: u64,
    /// Query heads.
    pub q_heads: u64,
    /// Key and value heads.
    pub kv_heads: u64,
    /// Width of a query and a key.
    pub d_qk: u64,
    /// Width of a value.
    pub d_v: u64,
    /// Whether a query sees only keys up to its own position.
    pub causal: bool,
    /// Keys that a query sees at most.
    pub window: Option<u64>,
    /// Length of the pieces that attend only to themselves.
    pub chunk: Option<u64>,
    /// Queries, where their number is fixed.
    pub seq: Option<u64>,
    /// Keys, where their number is fixed.
    pub seq_kv: Option<u64>,
    /// Keys and values are one latent, of which values are the first part.
    #[serde(default)]
    pub kv_shared: bool,
    /// Linear attention: a state of `d_qk x d_v` for each head instead of a cache.
    #[serde(default)]
    pub linear_state: bool,
}

/// One product `y[M, N] = x[M, K] · W[N, K]ᵀ`, M tokens, and how many layers have it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductLayers {
    /// What it is for.
    pub name: String,
    /// Columns of the output.
    pub n: u64,
    /// Length of the sums.
    pub k: u64,
    /// Layers that have it.
    pub layers: u64,
    /// Experts, each with its own weights.
    pub experts: Option<u64>,
    /// Experts that a token goes through.
    pub active: Option<u64>,
    /// Matrices of weights that one head each uses.
    pub batch: Option<u64>,
}

/// What a product is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Projections before and after attention.
    Projection,
    /// The feed-forward network, experts included.
    FeedForward,
    /// The choice of experts.
    Router,
    /// The head over the vocabulary.
    Head,
    /// Only in prefill: decoding has the same weights absorbed into other products.
    PrefillOnly,
}

impl ProductLayers {
    /// What it is part of, by its name.
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

    /// Weights that one token is multiplied with, in all layers.
    pub fn weights_per_token(&self) -> u64 {
        self.n * self.k * self.layers * self.active.unwrap_or(1) * self.batch.unwrap_or(1)
    }

    /// Weights in memory, in all layers. Products by head (`batch`) use the weights of another product
    /// a second time.
    pub fn weights(&self) -> u64 {
        if self.batch.is_some() { 0 } else { self.n * self.k * self.layers * self.experts.unwrap_or(1) }
    }
}

impl AttentionLayers {
    /// Keys that a token at the end of a context of `context` tokens sees.
    pub fn visible(&self, context: u64) -> u64 {
        let limits = [self.window, self.chunk, self.seq_kv];
        limits.into_iter().flatten().fold(context, u64::min)
    }
}

impl Model {
    /// Parameters: all weights of products, and the embedding where it is not the head.
    pub fn parameters(&self) -> u64 {
        let products: u64 = self.products.iter().map(ProductLayers::weights).sum();
        let tied = self.tied_lm_head.unwrap_or(false);
        let embedding = self.vocab_size.zip(self.hidden_size).filter(|_| !tied);
        products + embedding.map_or(0, |(words, width)| words * width)
    }

    /// Parameters of one token's path: the head counts, the embedding does not.
    pub fn active_parameters(&self) -> u64 {
        let own = |product: &&ProductLayers| product.batch.is_none();
        self.products.iter().filter(own).map(ProductLayers::weights_per_token).sum()
    }

    /// Whether it makes one token after the other: its streams have no lengths of their own.
    pub fn decodes(&self) -> bool {
        self.attention.iter().all(|attention| attention.seq.is_none())
    }

    /// The attentions of decoding: where keys and values share a latent, that form only.
    pub fn decoding_attention(&self) -> impl Iterator<Item = &AttentionLayers> {
        let latent = self.attention.iter().any(|attention| attention.kv_shared);
        self.attention.iter().filter(move |attention| !latent || attention.kv_shared)
    }
}

impl Models {
    /// The models that come with portamark.
    pub fn embedded() -> &'static Self {
        static MODELS: LazyLock<Models> = LazyLock::new(|| {
            Models::parse(EMBEDDED).expect("the checks of the models passed in their tests")
        });
        &MODELS
    }

    /// Reads models in TOML.
    ///
    /// # Errors
    /// It is not of this form, a name is there twice, a model has no source, or what is derived does not
    /// follow from the products.
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

    /// The model called `name`; case, and what is no letter or digit, do not count. Models that share
    /// an entry (`DeepSeek-V3/R1`) are found by their common name.
    pub fn find(&self, name: &str) -> Option<&Model> {
        let wanted = plain(name);
        self.models.iter().find(|model| {
            plain(&model.name) == wanted
                || model.name.split('/').next().is_some_and(|first| plain(first) == wanted)
        })
    }

    /// The names nearest to `name`, for an error.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        let own = |model: &'_ Model| [plain(&model.name)];
        names::nearest(&plain(name), &self.models, own).map(|model| model.name.as_str()).collect()
    }
}

/// What is wrong with the model at `place`.
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
        // Stated to three decimals.
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
        // One is published as "1 T"; of the other two, embeddings of positions, biases, a pooler and
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
        // 256 of projections, 384 of experts, 800 each of head and embedding.
        assert_eq!(tiny.parameters(), 256 + 384 + 800 + 800);
        assert_eq!(tiny.active_parameters(), 256 + 192 + 800);
        assert_eq!((tiny.attention[0].visible(3), tiny.attention[0].visible(9)), (3, 5));
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
