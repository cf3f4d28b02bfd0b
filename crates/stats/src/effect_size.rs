//! How far two sets of samples lie apart, free of any distribution.
//!
//! The spread of kernel times is so small that both measures reach their ends at differences that
//! nobody cares for: they are shown beside a verdict and never decide it.

use super::mann_whitney::MannWhitney;
use serde::{Deserialize, Serialize};

/// How large an effect is by the words of its authors.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Magnitude {
    /// Below small.
    Negligible,
    /// Small.
    Small,
    /// Medium.
    Medium,
    /// Large.
    Large,
}

impl Magnitude {
    fn from_thresholds(value: f64, thresholds: [f64; 3]) -> Self {
        let reached = thresholds.iter().filter(|threshold| value >= **threshold).count();
        [Self::Negligible, Self::Small, Self::Medium, Self::Large][reached]
    }
}

/// A₁₂ = U₁/(n₁·n₂): the probability that a sample of the first set exceeds one of the second, ties
/// counting half. From 0 to 1; of times, below ½ means that the first set is faster.
///
/// A. Vargha, H. D. Delaney, "A Critique and Improvement of the CL Common Language Effect Size
/// Statistics of McGraw and Wong", Journal of Educational and Behavioral Statistics 25(2), 2000,
/// doi:10.3102/10769986025002101.
pub fn vargha_delaney(test: &MannWhitney) -> f64 {
    test.u / test.pairs
}

/// The words of Vargha and Delaney: small from .56 (or .44), medium from .64, large from .71.
pub fn vargha_delaney_magnitude(a12: f64) -> Magnitude {
    Magnitude::from_thresholds(a12.max(1.0 - a12), [0.56, 0.64, 0.71])
}

/// Cliff's δ = 2·A₁₂ − 1: the part of pairs in which the sample of the first set is the larger one
/// less the part in which it is the smaller one. From −1 to 1; of times, below 0 means that the
/// first set is faster.
///
/// N. Cliff, "Dominance Statistics: Ordinal Analyses to Answer Ordinal Questions", Psychological
/// Bulletin 114(3), 1993, doi:10.1037/0033-2909.114.3.494.
pub fn cliff_delta(test: &MannWhitney) -> f64 {
    2.0 * vargha_delaney(test) - 1.0
}

/// The words of J. Romano and others, "Appropriate Statistics for Ordinal Level Data", Florida
/// Association of Institutional Research, 2006: |δ| below .147 is negligible, below .33 small, below
/// .474 medium, and from there large.
pub fn cliff_delta_magnitude(delta: f64) -> Magnitude {
    Magnitude::from_thresholds(delta.abs(), [0.147, 0.33, 0.474])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mann_whitney::mann_whitney;
    use proptest::prelude::*;

    #[test]
    fn effects_of_small_sets_are_those_counted_by_hand() {
        // 1, 2, 3 against 2, 4: of six pairs one is larger (3 > 2), one equal and four smaller.
        let test = mann_whitney(&[1.0, 2.0, 3.0], &[2.0, 4.0]).unwrap();
        assert!((vargha_delaney(&test) - 1.5 / 6.0).abs() < 1e-15);
        assert!((cliff_delta(&test) - (1.0 - 4.0) / 6.0).abs() < 1e-15);
    }

    #[test]
    fn each_word_begins_at_its_threshold() {
        for (delta, magnitude) in [
            (0.0, Magnitude::Negligible),
            (0.1469, Magnitude::Negligible),
            (-0.147, Magnitude::Small),
            (0.3299, Magnitude::Small),
            (0.33, Magnitude::Medium),
            (-0.4739, Magnitude::Medium),
            (0.474, Magnitude::Large),
            (-1.0, Magnitude::Large),
        ] {
            assert_eq!(cliff_delta_magnitude(delta), magnitude, "{delta}");
        }
        for (a12, magnitude) in [
            (0.5, Magnitude::Negligible),
            (0.56, Magnitude::Small),
            (0.36, Magnitude::Medium),
            (0.71, Magnitude::Large),
            (0.0, Magnitude::Large),
        ] {
            assert_eq!(vargha_delaney_magnitude(a12), magnitude, "{a12}");
        }
    }

    proptest! {
        #[test]
        fn exchanged_sets_turn_the_effect_round(
            first in prop::collection::vec(0..30i32, 1..20),
            second in prop::collection::vec(0..30i32, 1..20),
        ) {
            let first: Vec<f64> = first.into_iter().map(f64::from).collect();
            let second: Vec<f64> = second.into_iter().map(f64::from).collect();
            let a = cliff_delta(&mann_whitney(&first, &second).unwrap());
            let b = cliff_delta(&mann_whitney(&second, &first).unwrap());
            prop_assert!((a + b).abs() < 1e-12 && a.abs() <= 1.0);
            let mut dominance = 0;
            for x in &first {
                for y in &second {
                    dominance += i32::from(x > y) - i32::from(x < y);
                }
            }
            let counted = f64::from(dominance) / (first.len() * second.len()) as f64;
            prop_assert!((a - counted).abs() < 1e-12);
        }
    }
}
