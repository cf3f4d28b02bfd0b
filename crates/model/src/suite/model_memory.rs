//! Memory that a model needs on one device: weights and KV cache.

use super::model::{Deployment, Phase};
use super::sharding::Sharding;
use crate::catalog::{AttentionLayers, Model};
use crate::error::{Error, Result};
use crate::workload::DType;

/// Memory that a model needs on each of the devices that share it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ModelMemory {
    /// Size of the weights in bytes: all products in their format, and the embedding in f16.
    pub weights_bytes: u64,
    /// Size of the KV cache in bytes: f16, all sequences at their full length.
    pub cache_bytes: u64,
}

impl ModelMemory {
    /// Returns the sum of weights and KV cache in bytes.
    pub fn total(&self) -> u64 {
        self.weights_bytes + self.cache_bytes
    }
}

impl Deployment {
    /// Returns the memory that `model` needs on each device for `batch` sequences of `context` tokens,
    /// without activations. What several devices have counts on each of them: key heads and what makes them,
    /// routers, low-rank compressions, and padding of the vocabulary.
    ///
    /// # Errors
    /// Fails in the same cases as [`Deployment::passes`].
    pub fn memory(&self, model: &Model, batch: u64, context: u64) -> Result<ModelMemory> {
        let one =
            Deployment { batch: vec![batch], context: vec![context], phases: Vec::new(), ..self.clone() };
        let decodes = one.passes(model)?.iter().any(|pass| pass.phase == Phase::Decode);
        let sharding = Sharding { model, degree: self.tensor_parallel };
        let refuse = |message: String| Error::refused(format!("{}: {message}", model.name));
        let format = DType::parse(&self.weights).unwrap_or(DType::F16);
        let mut weights_bytes = 0;
        // A product by head reuses the weights of another one.
        for product in model.products.iter().filter(|product| product.batch.is_none()) {
            let (n, k) = sharding.product(product).map_err(refuse)?;
            weights_bytes += format.bytes(n * k * product.layers * product.experts.unwrap_or(1));
        }
        let tied = model.tied_lm_head.unwrap_or(false);
        if let (Some(words), Some(width), false) = (model.vocab_size, model.hidden_size, tied) {
            weights_bytes += DType::F16.bytes(sharding.vocabulary(words) * width);
        }
        let mut cache_bytes = 0;
        let attends = |attention: &&AttentionLayers| decodes && !attention.linear_state;
        for attention in model.decoding_attention().filter(attends) {
            let (_, kv_heads) = sharding.heads(attention).map_err(refuse)?;
            let width = attention.d_qk + if attention.kv_shared { 0 } else { attention.d_v };
            let keys = batch * attention.kept(context);
            cache_bytes += attention.layers * DType::F16.bytes(keys * kv_heads * width);
        }
        Ok(ModelMemory { weights_bytes, cache_bytes })
    }
}

#[cfg(test)]
mod tests {
    use crate::suite::model::parse;

    #[test]
    fn an_8b_model_needs_16_gb_and_131_kb_for_each_token() {
        let (model, deployment) = parse("llama-3.1-8b").unwrap();
        let memory = deployment.memory(model, 2, 1000).unwrap();
        // 8.03 · 10⁹ parameters of two bytes each.
        assert_eq!(memory.weights_bytes, 2 * model.parameters());
        // 32 layers · 8 heads · (128 + 128) elements · 2 B = 131072 B a token.
        assert_eq!(memory.cache_bytes, 2 * 1000 * 131_072);
    }

    #[test]
    fn four_bits_are_four_and_a_half_with_their_scales_and_devices_share() {
        let (model, deployment) = parse("llama-3.1-8b q4_0 tp2").unwrap();
        let memory = deployment.memory(model, 1, 1024).unwrap();
        let products = 7_504_658_432u64;
        let embedding = 2 * 128_256 * 4096;
        assert_eq!(memory.weights_bytes, (products / 2 + products / 16 + embedding) / 2);
        assert_eq!(memory.cache_bytes, 1024 * 131_072 / 2);
    }

    #[test]
    fn what_every_device_has_counts_on_each() {
        let (model, deployment) = parse("llama-3.1-8b tp16").unwrap();
        let memory = deployment.memory(model, 1, 1024).unwrap();
        // 16 devices have the 8 key and 8 value heads twice: 8·2·128·4096 weights more in each of 32 layers.
        let copied = 8 * 2 * 128 * 4096 * 32;
        assert_eq!(memory.weights_bytes, 2 * (model.parameters() + copied) / 16);
        assert_eq!(memory.cache_bytes, 1024 * 131_072 / 8);
    }

    #[test]
    fn a_latent_is_on_every_device_and_a_window_bounds_the_cache() {
        let (model, deployment) = parse("deepseek-v3 tp8").unwrap();
        // 61 layers · 576 elements · 2 B.
        assert_eq!(deployment.memory(model, 1, 4096).unwrap().cache_bytes, 4096 * 61 * 576 * 2);
        // A chunk that was full is kept until its last token, also when the next has one token: 36 layers with
        // 8192 tokens, 12 with all, one key and one value head of 128.
        let (model, deployment) = parse("llama-4-maverick tp8").unwrap();
        let cache = deployment.memory(model, 1, 8193).unwrap().cache_bytes;
        assert_eq!(cache, (36 * 8192 + 12 * 8193) * 2 * 128 * 2);
        let (model, deployment) = parse("gemma-3-1b").unwrap();
        // 22 layers see 512 tokens, 4 layers the whole context; one head with dimensions 256 and 256.
        assert_eq!(deployment.memory(model, 1, 8192).unwrap().cache_bytes, (22 * 512 + 4 * 8192) * 512 * 2);
    }
}
