//! Tensor parallelism: the part of each product and of each attention that one device computes.
//!
//! Layers are split as Megatron-LM does (Shoeybi et al. 2019, arXiv:1909.08053): projections to heads and to the
//! inner width by columns, projections back by rows, attention by heads. Small shared parts (the router, low-rank
//! compressions) are on every device. If there are more devices than key heads, each key and value head is on
//! several of them, with the columns of the projection that make it. A vocabulary that does not divide is padded.

use crate::catalog::{AttentionLayers, Model, ProductLayers, Role};

/// Multiple to which engines pad a vocabulary before they divide it (`DEFAULT_VOCAB_PADDING_SIZE` in
/// `vocab_parallel_embedding.py` of vLLM, which SGLang has too).
const VOCABULARY_MULTIPLE: u64 = 64;

/// A model shared by several devices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sharding<'m> {
    /// The model.
    pub model: &'m Model,
    /// Number of devices that share each layer.
    pub degree: u64,
}

/// Way in which devices share a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Split {
    Columns,
    Rows,
    Whole,
}

/// Returns how devices share `product`, judged by its name and by whether it has one matrix per head.
fn split(product: &ProductLayers) -> Split {
    let name = product.name.as_str();
    let ends = |ending: &str| name == ending || name.ends_with(&format!(" {ending}"));
    let whole = ["router", "q_a", "low-rank", "patch_embed"];
    if product.batch.is_some() || whole.into_iter().any(|part| name.contains(part)) {
        Split::Whole
    } else if ["o", "out", "fc2"].into_iter().any(ends) || name.ends_with("down") {
        Split::Rows
    } else {
        Split::Columns
    }
}

impl Sharding<'_> {
    /// Returns N and K of `product` on each device.
    ///
    /// # Errors
    /// Returns a message if the devices cannot share it evenly.
    pub(super) fn product(&self, product: &ProductLayers) -> Result<(u64, u64), String> {
        let columns = match split(product) {
            Split::Whole => return Ok((product.n, product.k)),
            Split::Rows => return Ok((product.n, self.part(product.k, &product.name)?)),
            Split::Columns => product.n,
        };
        let n = match self.projected(product) {
            Some(attention) => {
                let (heads, kv_heads) = self.heads(attention)?;
                heads * attention.d_qk + kv_heads * (attention.d_qk + attention.d_v)
            }
            None if product.role() == Role::Head => self.vocabulary(columns),
            None => self.part(columns, &product.name)?,
        };
        Ok((n, product.k))
    }

    /// Returns the number of query heads and of key heads of `attention` on each device.
    ///
    /// # Errors
    /// Returns a message if the devices cannot share the query heads evenly, or if a device would need parts of
    /// different key heads.
    pub(super) fn heads(&self, attention: &AttentionLayers) -> Result<(u64, u64), String> {
        let (degree, heads, kv_heads) = (self.degree, attention.q_heads, attention.kv_heads);
        let even = kv_heads.is_multiple_of(degree) || degree.is_multiple_of(kv_heads);
        if !heads.is_multiple_of(degree) || !even {
            return Err(format!(
                "{degree} devices cannot share the {heads} query heads and {kv_heads} key heads of {} evenly",
                attention.name
            ));
        }
        Ok((heads / degree, (kv_heads / degree).max(1)))
    }

    /// Returns the number of words of a vocabulary of `words` on each device. If it does not divide, it is padded
    /// to a multiple of 64 and then to one of the degree.
    pub(super) fn vocabulary(&self, words: u64) -> u64 {
        if words.is_multiple_of(self.degree) {
            return words / self.degree;
        }
        words.next_multiple_of(VOCABULARY_MULTIPLE).div_ceil(self.degree)
    }

    /// Returns the part of `size` on each device.
    ///
    /// # Errors
    /// Returns a message that names `what` if it does not divide.
    pub(super) fn part(&self, size: u64, what: &str) -> Result<u64, String> {
        let degree = self.degree;
        let part = size.is_multiple_of(degree).then(|| size / degree);
        part.ok_or(format!("{degree} devices cannot share the {size} of {what} evenly"))
    }

    /// Returns the attention whose queries, keys and values `product` makes all at once; `None` for other
    /// products.
    fn projected(&self, product: &ProductLayers) -> Option<&AttentionLayers> {
        let makes = |a: &&AttentionLayers| product.n == a.q_heads * a.d_qk + a.kv_heads * (a.d_qk + a.d_v);
        let fused = product.name.contains("qkv");
        self.model.attention.iter().filter(|_| fused).find(makes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::model::find_model;

    fn shared(model: &str, degree: u64, product: &str) -> Result<(u64, u64), String> {
        let model = find_model(model).unwrap();
        let product = model.products.iter().find(|known| known.name == product).unwrap();
        Sharding { model, degree }.product(product)
    }

    #[test]
    fn key_heads_are_copied_when_there_are_more_devices() {
        // 32 query and 8 key heads of 128: 4·128 + 2·128, 2·128 + 2·128, 128 + 2·128 columns.
        for (degree, n) in [(1, 6144), (8, 768), (16, 512), (32, 384)] {
            assert_eq!(shared("llama-3.1-8b", degree, "qkv"), Ok((n, 4096)), "tp{degree}");
        }
        // Each projection goes with the heads of its own layers: 64 and 8, 64 and 64 heads of 128.
        assert_eq!(shared("minimax-m1", 16, "full qkv"), Ok((4 * 128 + 2 * 128, 6144)));
        assert_eq!(shared("minimax-m1", 16, "lightning qkv"), Ok((4 * 128 + 4 * 256, 6144)));
    }

    #[test]
    fn heads_that_do_not_divide_are_refused() {
        let error = shared("llama-3.1-8b", 3, "qkv").unwrap_err();
        assert_eq!(error, "3 devices cannot share the 32 query heads and 8 key heads of self evenly");
        // 96 query heads divide by 6, but 8 key heads do not.
        let error = shared("glm-4.5", 6, "qkv").unwrap_err();
        assert_eq!(error, "6 devices cannot share the 96 query heads and 8 key heads of self evenly");
    }

    #[test]
    fn a_vocabulary_that_does_not_divide_is_padded() {
        // 128815 words are padded to 2013·64 = 128832 = 8·16104.
        assert_eq!(shared("step-3", 8, "lm_head"), Ok((16_104, 7168)));
        // 128256 divide as they are; 151936 = 2374·64 are 3·50646 with two rows of padding.
        assert_eq!(shared("llama-3.1-8b", 16, "lm_head"), Ok((8016, 4096)));
        assert_eq!(shared("qwen3-8b", 3, "lm_head"), Ok((50_646, 4096)));
    }

    #[test]
    fn small_shared_parts_are_on_every_device() {
        assert_eq!(shared("deepseek-v3", 8, "router"), Ok((256, 7168)));
        assert_eq!(shared("step-3", 8, "qkv (q low-rank + 1 K + 1 V)"), Ok((2560, 7168)));
        assert_eq!(shared("deepseek-v3", 8, "expert_down"), Ok((7168, 256)));
    }
}
