//! Outlier labels by Tukey's fences. Samples are labelled and counted but never dropped, because
//! dropping them would bias every statistic computed afterwards.
//!
//! J. W. Tukey, "Exploratory Data Analysis", Addison-Wesley, 1977, section 2D.

use super::quantile::Quartiles;
use serde::{Deserialize, Serialize};

/// Distance of the inner fences from the quartiles, in interquartile ranges; mild outliers lie beyond.
const MILD: f64 = 1.5;

/// Distance of the outer fences from the quartiles, in interquartile ranges; severe outliers lie beyond.
const SEVERE: f64 = 3.0;

/// Four fences, in the unit of the samples. A sample on a fence counts as within it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Fences {
    /// Lower outer fence, Q1 − 3·(Q3 − Q1).
    pub low_severe: f64,
    /// Lower inner fence, Q1 − 1.5·(Q3 − Q1).
    pub low_mild: f64,
    /// Upper inner fence, Q3 + 1.5·(Q3 − Q1).
    pub high_mild: f64,
    /// Upper outer fence, Q3 + 3·(Q3 − Q1).
    pub high_severe: f64,
}

/// Position of a sample relative to the fences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// Below Q1 − 3·(Q3 − Q1).
    LowSevere,
    /// Below Q1 − 1.5·(Q3 − Q1), but not severe.
    LowMild,
    /// Within the inner fences: not an outlier.
    Normal,
    /// Above Q3 + 1.5·(Q3 − Q1), but not severe.
    HighMild,
    /// Above Q3 + 3·(Q3 − Q1).
    HighSevere,
}

/// Number of samples with each label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OutlierCounts {
    /// Number of samples labelled [`Label::LowSevere`].
    pub low_severe: usize,
    /// Number of samples labelled [`Label::LowMild`].
    pub low_mild: usize,
    /// Number of samples labelled [`Label::Normal`].
    pub normal: usize,
    /// Number of samples labelled [`Label::HighMild`].
    pub high_mild: usize,
    /// Number of samples labelled [`Label::HighSevere`].
    pub high_severe: usize,
}

impl Fences {
    /// Computes the fences from finite quartiles.
    pub fn new(quartiles: &Quartiles) -> Self {
        let range = quartiles.interquartile_range();
        Self {
            low_severe: quartiles.q1 - SEVERE * range,
            low_mild: quartiles.q1 - MILD * range,
            high_mild: quartiles.q3 + MILD * range,
            high_severe: quartiles.q3 + SEVERE * range,
        }
    }

    /// Returns the label of one finite sample.
    pub fn label(&self, sample: f64) -> Label {
        if sample < self.low_severe {
            Label::LowSevere
        } else if sample < self.low_mild {
            Label::LowMild
        } else if sample > self.high_severe {
            Label::HighSevere
        } else if sample > self.high_mild {
            Label::HighMild
        } else {
            Label::Normal
        }
    }

    /// Counts the finite samples with each label.
    pub fn count(&self, samples: &[f64]) -> OutlierCounts {
        let mut counts = OutlierCounts::default();
        for &sample in samples {
            *match self.label(sample) {
                Label::LowSevere => &mut counts.low_severe,
                Label::LowMild => &mut counts.low_mild,
                Label::Normal => &mut counts.normal,
                Label::HighMild => &mut counts.high_mild,
                Label::HighSevere => &mut counts.high_severe,
            } += 1;
        }
        counts
    }
}

impl OutlierCounts {
    /// Returns the number of samples outside the inner fences.
    pub fn outliers(&self) -> usize {
        self.low_severe + self.low_mild + self.high_mild + self.high_severe
    }

    /// Returns the number of samples that were labelled.
    pub fn total(&self) -> usize {
        self.outliers() + self.normal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantile::sorted_finite;
    use proptest::prelude::*;

    /// Fences for Q1 = 10 and Q3 = 14: the range is 4 and the fences are −2, 4, 20, 26.
    fn fences() -> Fences {
        Fences::new(&Quartiles { q1: 10.0, median: 12.0, q3: 14.0 })
    }

    #[test]
    fn a_sample_on_a_fence_is_within_it() {
        for (sample, label) in [
            (-2.5, Label::LowSevere),
            (-2.0, Label::LowMild),
            (3.9, Label::LowMild),
            (4.0, Label::Normal),
            (12.0, Label::Normal),
            (20.0, Label::Normal),
            (20.1, Label::HighMild),
            (26.0, Label::HighMild),
            (26.1, Label::HighSevere),
        ] {
            assert_eq!(fences().label(sample), label, "{sample}");
        }
    }

    #[test]
    fn each_sample_is_counted_once_under_its_label() {
        let counts = fences().count(&[-9.0, 0.0, 1.0, 11.0, 12.0, 13.0, 25.0, 99.0, 98.0, 97.0]);
        let expected = OutlierCounts { low_severe: 1, low_mild: 2, normal: 3, high_mild: 1, high_severe: 3 };
        assert_eq!(counts, expected);
        assert_eq!((counts.outliers(), counts.total()), (7, 10));
    }

    #[test]
    fn the_fences_that_criterion_prints_for_its_example_are_met() {
        // criterion's book, Fibonacci/Iterative base/tukey.json, prints the fences only. The two
        // low ones give Q1 = 2·mild − severe, the two high ones Q3; all four must follow from
        // these.
        let printed = [4.258834069177, 4.440709516667, 4.925710709973, 5.107586157463];
        let q1 = 2.0 * printed[1] - printed[0];
        let q3 = 2.0 * printed[2] - printed[3];
        let fences = Fences::new(&Quartiles { q1, median: 4.670911442470985, q3 });
        let ours = [fences.low_severe, fences.low_mild, fences.high_mild, fences.high_severe];
        for (ours, printed) in ours.iter().zip(printed) {
            assert!((ours - printed).abs() < 1e-11, "{ours} is not {printed}");
        }
    }

    #[test]
    fn labels_are_written_in_kebab_case() {
        let label = serde_json::to_string(&Label::LowSevere).unwrap();
        assert_eq!(label, "\"low-severe\"");
    }

    proptest! {
        #[test]
        fn no_sample_is_dropped_and_half_of_them_are_normal(
            samples in prop::collection::vec(1e-9..1e3f64, 1..200),
        ) {
            let sorted = sorted_finite(&samples).unwrap();
            let counts = Fences::new(&Quartiles::from_sorted(&sorted).unwrap()).count(&samples);
            prop_assert_eq!(counts.total(), samples.len());
            // At least the samples between the quartiles are normal: n − 2·⌈(n − 1)/4⌉ of them.
            let between = samples.len() - 2 * (samples.len() - 1).div_ceil(4);
            prop_assert!(counts.normal >= between);
        }
    }
}
