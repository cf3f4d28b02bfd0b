//! Cost of decoding for several models, contexts and kinds of hardware side by side.

use super::model::{
    AttentionKind, CacheFormat, Counting, DecodingWork, PricedHardware, disaggregated, is_mixed,
    layer_intensity,
};
use portamark_model::catalog::{Model, Models};
use serde::Serialize;

/// Price of a million tokens of one model at one context length.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCost {
    /// Name of the model.
    pub model: String,
    /// Kind of attention; `None` if the model has no attention when decoding.
    pub kind: Option<AttentionKind>,
    /// Number of tokens before the decoded one.
    pub context: u64,
    /// Work of decoding one token.
    pub work: DecodingWork,
    /// FLOP of attention per byte of KV cache, over all layers.
    pub intensity: f64,
    /// Price of attention with its projections on each hardware.
    pub attention: Vec<f64>,
    /// Price of the feed-forward networks on each hardware.
    pub feed_forward: Vec<f64>,
    /// Price if disaggregated: attention and feed-forward networks each where they are cheapest.
    pub disaggregated: f64,
    /// Name of the hardware where attention is cheapest.
    pub attention_on: String,
    /// Name of the hardware where the feed-forward networks are cheapest.
    pub feed_forward_on: String,
}

impl ModelCost {
    /// Returns the price with everything on the hardware with this index.
    pub fn together(&self, hardware: usize) -> f64 {
        self.attention[hardware] + self.feed_forward[hardware]
    }
}

/// Arithmetic intensities of one kind of attention.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindIntensity {
    /// Kind of attention.
    pub kind: AttentionKind,
    /// Formula for FLOP per byte of KV cache, with q query heads, kv key heads and b bytes per element.
    pub formula: &'static str,
    /// Models of the catalogue with this kind in the layers that attend to the whole context, each with its
    /// FLOP per byte; lowest first.
    pub models: Vec<(String, f64)>,
}

/// Costs of decoding, with the conventions used for them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecodingCosts {
    /// Convention by which work is counted.
    pub counting: Counting,
    /// Size of the elements of the KV cache.
    pub cache: CacheFormat,
    /// Hardware with prices.
    pub hardware: Vec<PricedHardware>,
    /// Costs, ordered by model and then by context.
    pub costs: Vec<ModelCost>,
    /// Models of `costs` some of whose layers see the whole context and others only a part of it: a window, a chunk,
    /// or a state. [`CacheFormat::full_bytes`] applies to the former.
    pub mixed: Vec<String>,
    /// Intensities by kind of attention, of all decoder models in the catalogue.
    pub intensities: Vec<KindIntensity>,
}

/// Computes the costs of `models` at `contexts` on `hardware`, which should not be empty: without hardware
/// there are no costs.
pub fn decoding_costs(
    models: &[&Model],
    contexts: &[u64],
    counting: Counting,
    cache: CacheFormat,
    hardware: Vec<PricedHardware>,
) -> DecodingCosts {
    let mut costs = Vec::new();
    for model in models {
        for &context in contexts {
            let work = DecodingWork::of(model, context, counting, cache);
            let Some(best) = disaggregated(&work, &hardware) else { continue };
            costs.push(ModelCost {
                model: model.name.clone(),
                kind: AttentionKind::of(model),
                context,
                intensity: work.intensity(),
                attention: hardware.iter().map(|one| one.attention_cost(&work)).collect(),
                feed_forward: hardware.iter().map(|one| one.feed_forward_cost(&work)).collect(),
                disaggregated: best.cost,
                attention_on: best.attention.name.clone(),
                feed_forward_on: best.feed_forward.name.clone(),
                work,
            });
        }
    }
    let intensities = AttentionKind::ALL.map(|kind| {
        let decoders = Models::embedded().models.iter().filter(|model| model.decodes());
        let of_kind = decoders.filter(|model| AttentionKind::of(model) == Some(kind));
        let mut models: Vec<(String, f64)> = of_kind
            .filter_map(|model| Some((model.name.clone(), layer_intensity(model, counting, cache.bytes)?)))
            .collect();
        models.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        KindIntensity { kind, formula: kind.formula(counting), models }
    });
    let mixed = models.iter().filter(|model| is_mixed(model)).map(|model| model.name.clone()).collect();
    DecodingCosts { counting, cache, hardware, costs, mixed, intensities: intensities.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disaggregated_is_never_dearer_than_together_and_is_the_sum_of_the_cheapest() {
        let models: Vec<&Model> = Models::embedded().models.iter().filter(|model| model.decodes()).collect();
        let found = decoding_costs(
            &models,
            &[1024, 131_072],
            Counting::Exact,
            CacheFormat::PAPER,
            PricedHardware::paper(),
        );
        assert_eq!(found.costs.len(), 2 * models.len());
        let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        for cost in &found.costs {
            let sum = least(&cost.attention) + least(&cost.feed_forward);
            assert!((cost.disaggregated / sum - 1.0).abs() < 1e-12, "{cost:?}");
            assert!(
                (0..4).all(|hardware| cost.disaggregated <= cost.together(hardware) * (1.0 + 1e-12)),
                "{cost:?}"
            );
        }
        // All five kinds are in the catalogue, and each decoder has one.
        assert!(found.intensities.iter().all(|kind| !kind.models.is_empty()));
        let named: usize = found.intensities.iter().map(|kind| kind.models.len()).sum();
        assert_eq!(named, models.len());
    }
}
