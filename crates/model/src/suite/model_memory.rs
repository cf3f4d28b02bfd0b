//! Memory that a model needs on one device: weights and KV cache.

use super::model::{Deployment, Phase};
use crate::catalog::Model;
use crate::error::Result;
use crate::workload::{Case, DType};

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
    /// without activations. Weights are divided evenly among the devices; a key head that several devices
    /// need counts on each of them.
    ///
    /// # Errors
    /// Fails in the same cases as [`Deployment::passes`].
    pub fn memory(&self, model: &Model, batch: u64, context: u64) -> Result<ModelMemory> {
        let one =
            Deployment { batch: vec![batch], context: vec![context], phases: Vec::new(), ..self.clone() };
        let passes = one.passes(model)?;
        let degree = self.tensor_parallel;
        let format = DType::parse(&self.weights).unwrap_or(DType::F16);
        let products: u64 = model.products.iter().map(|product| format.bytes(product.weights())).sum();
        let tied = model.tied_lm_head.unwrap_or(false);
        let embedding = model.vocab_size.zip(model.hidden_size).filter(|_| !tied);
        let embedding = embedding.map_or(0, |(words, width)| DType::F16.bytes(words * width));
        let decode = passes.iter().find(|pass| pass.phase == Phase::Decode);
        let cache = decode.map_or(0, |pass| {
            let each = pass.parts.iter().filter_map(|part| match &part.case {
                Case::Attention(attention) => {
                    let width = attention.dim + if attention.latent { 0 } else { attention.value_dim };
                    let elements = attention.batch * attention.kv_heads * attention.keys * width;
                    Some(part.times * attention.precision.right.bytes(elements))
                }
                _ => None,
            });
            each.sum()
        });
        Ok(ModelMemory { weights_bytes: (products + embedding).div_ceil(degree), cache_bytes: cache })
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
    fn a_latent_is_on_every_device_and_a_window_bounds_the_cache() {
        let (model, deployment) = parse("deepseek-v3 tp8").unwrap();
        // 61 layers · 576 elements · 2 B.
        assert_eq!(deployment.memory(model, 1, 4096).unwrap().cache_bytes, 4096 * 61 * 576 * 2);
        let (model, deployment) = parse("gemma-3-1b").unwrap();
        // 22 layers see 512 tokens, 4 layers the whole context; one head with dimensions 256 and 256.
        assert_eq!(deployment.memory(model, 1, 8192).unwrap().cache_bytes, (22 * 512 + 4 * 8192) * 512 * 2);
    }
}
