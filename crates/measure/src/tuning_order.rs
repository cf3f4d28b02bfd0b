//! Order in which tuning tries candidates, based on their results for other sizes.

use super::tune::Fate;
use portamark_kernels::TuningKey;
use portamark_model::variant::Variant;
use std::collections::BTreeMap;

/// Variants slower than the best by more than this factor on the nearest size are not tried again.
const HOPELESS: f64 = 3.0;
/// Assumed time of an untested variant, relative to the default.
const UNKNOWN: f64 = 1.0;

/// Results of variants for the keys tuned so far.
#[derive(Debug, Clone, Default)]
pub struct Experience {
    /// Tuning keys, each with the times of variants relative to the default, by name of the variant.
    seen: Vec<(TuningKey, BTreeMap<String, f64>)>,
}

impl Experience {
    /// Records the outcomes of `variants` for `key`. The first variant is the default.
    pub fn note(&mut self, key: &TuningKey, variants: &[Variant], fates: &[(usize, Fate)]) {
        let mut ratios = BTreeMap::from([(variants[0].to_string(), 1.0)]);
        for (place, fate) in fates {
            let ratio = match fate {
                Fate::Timed(ratio) => *ratio,
                // It may work for another size, but is tried last.
                Fate::Wrong(_) | Fate::Failed(_) => HOPELESS,
                // Compilation takes as long for any size.
                Fate::SlowToCompile(_) => f64::INFINITY,
            };
            if *place > 0 {
                ratios.insert(variants[*place].to_string(), ratio);
            }
        }
        self.seen.push((key.clone(), ratios));
    }

    /// Returns the indices of `variants` in the order to try them for `key`: the default, then those that
    /// were fast on the nearest size, untested ones, and slow ones. Hopeless ones are left out.
    pub fn order(&self, key: &TuningKey, variants: &[Variant]) -> Vec<usize> {
        let near = self.seen.iter().filter_map(|(other, ratios)| Some((key.distance(other)?, ratios)));
        let nearest = near.min_by_key(|(distance, _)| *distance).map(|(_, ratios)| ratios);
        let ratio = |place: usize| {
            let known = nearest.and_then(|ratios| ratios.get(&variants[place].to_string()));
            known.copied().unwrap_or(UNKNOWN)
        };
        let best = nearest.and_then(|ratios| ratios.values().copied().min_by(f64::total_cmp)).unwrap_or(1.0);
        let mut others: Vec<usize> =
            (1..variants.len()).filter(|place| ratio(*place) <= HOPELESS * best.max(UNKNOWN)).collect();
        others.sort_by(|a, b| ratio(*a).total_cmp(&ratio(*b)));
        std::iter::once(0).chain(others).take(variants.len()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::variant::Path;

    fn key(case: &str) -> TuningKey {
        TuningKey::of(&case.parse().unwrap())
    }

    #[test]
    fn what_was_fast_nearby_comes_early_and_what_was_hopeless_not_at_all() {
        let variants: Vec<Variant> = ["default", "slow", "fast", "new", "hopeless", "long"]
            .map(|k| Variant::new(k, Path::Vector))
            .into();
        let small = key("gemm f32 m256 n256 k256 nn");
        let mut experience = Experience::default();
        assert_eq!(experience.order(&small, &variants), [0, 1, 2, 3, 4, 5]);
        let fates = [
            (1, Fate::Timed(1.4)),
            (2, Fate::Timed(0.7)),
            (4, Fate::Timed(9.0)),
            (5, Fate::SlowToCompile(8.0)),
        ];
        experience.note(&small, &variants, &fates);
        assert_eq!(experience.order(&key("gemm f32 m512 n512 k512 nn"), &variants), [0, 2, 3, 1]);
        // Results of another layout are not used.
        assert_eq!(experience.order(&key("gemm f32 m256 n256 k256 nt"), &variants), [0, 1, 2, 3, 4, 5]);
        assert_eq!(experience.order(&small, &variants[..1]), [0]);
    }
}
