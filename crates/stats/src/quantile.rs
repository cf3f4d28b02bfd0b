//! Quantiles by linear interpolation between order statistics, Hyndman–Fan type 7.
//!
//! R. J. Hyndman, Y. Fan, "Sample Quantiles in Statistical Packages", The American Statistician
//! 50(4), 1996, doi:10.1080/00031305.1996.10473566. Type 7 is the default of R and NumPy. Other tools
//! use other definitions (nvbench takes the nearest rank), so their quartiles can differ; for that
//! reason [`QUANTILE_DEFINITION`] is stored with results.

use serde::{Deserialize, Serialize};

/// Name of the quantile definition that every quantile of this crate follows.
pub const QUANTILE_DEFINITION: &str = "Hyndman-Fan type 7";

/// Returns the samples in ascending order, or `None` if there are none or one is NaN or infinite.
///
/// Functions with a parameter `sorted` expect exactly this order.
pub fn sorted_finite(samples: &[f64]) -> Option<Vec<f64>> {
    if samples.is_empty() || !samples.iter().all(|x| x.is_finite()) {
        return None;
    }
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Some(sorted)
}

/// Returns the `p` quantile of ascending, finite samples, in the unit of the samples.
///
/// With r = p·(n − 1) and x₍₀₎ ≤ … ≤ x₍ₙ₋₁₎ it is x₍⌊r⌋₎ + (r − ⌊r⌋)·(x₍⌊r⌋₊₁₎ − x₍⌊r⌋₎): type 7 of
/// Hyndman and Fan. The result always lies between these two order statistics and never falls when `p`
/// rises.
///
/// `None` if `sorted` is empty, if `p` is not within 0 and 1, or if the first or last sample is not
/// finite ([`f64::total_cmp`] puts NaN and infinities there). The order itself is not checked.
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let (first, last) = (sorted.first()?, sorted.last()?);
    if !first.is_finite() || !last.is_finite() || !(0.0..=1.0).contains(&p) {
        return None;
    }
    let rank = p * (sorted.len() - 1) as f64;
    let below = rank.floor() as usize;
    let lower = sorted[below];
    let upper = sorted.get(below + 1).copied().unwrap_or(lower);
    Some(between(lower, upper, rank - rank.floor()))
}

/// Returns the median of ascending, finite samples: `quantile` at 0.5, `None` in the same cases.
pub fn median(sorted: &[f64]) -> Option<f64> {
    quantile(sorted, 0.5)
}

/// Returns the median of finite samples in any order, in linear time; reorders the samples.
///
/// The result equals [`median`] of the sorted samples to the last bit. `None` if `samples` is empty or
/// the result is not finite.
pub fn median_of_unsorted(samples: &mut [f64]) -> Option<f64> {
    let n = samples.len();
    if n == 0 {
        return None;
    }
    let (lower_half, &mut upper, _) = samples.select_nth_unstable_by(n / 2, f64::total_cmp);
    let lower = if n % 2 == 1 { upper } else { lower_half.iter().copied().max_by(f64::total_cmp)? };
    Some(between(lower, upper, 0.5)).filter(|median| median.is_finite())
}

/// Returns the point at `fraction`, below 1, of the way from `lower` to `upper`.
///
/// Rounding never moves it past `upper`: the product with a number below 1 rounds to less than the
/// rounded difference, and thus to no more than the exact difference.
fn between(lower: f64, upper: f64, fraction: f64) -> f64 {
    lower + fraction * (upper - lower)
}

/// Three quartiles, by the type 7 definition of `quantile`, in the unit of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Quartiles {
    /// First quartile: the 0.25 quantile.
    pub q1: f64,
    /// Second quartile: the 0.5 quantile.
    pub median: f64,
    /// Third quartile: the 0.75 quantile.
    pub q3: f64,
}

impl Quartiles {
    /// Computes the quartiles of ascending, finite samples; `None` where `quantile` is.
    pub fn from_sorted(sorted: &[f64]) -> Option<Self> {
        Some(Self { q1: quantile(sorted, 0.25)?, median: median(sorted)?, q3: quantile(sorted, 0.75)? })
    }

    /// Returns the interquartile range Q3 − Q1, in the unit of the samples.
    pub fn interquartile_range(&self) -> f64 {
        self.q3 - self.q1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quartiles_of_four_samples_interpolate_as_type_7() {
        // r = p·3: .75 → 10 + .75·10 = 17.5; 1.5 → 20 + .5·10 = 25; 2.25 → 30 + .25·10 = 32.5.
        // The nearest-rank definition of nvbench gives 20, 30, 30 for the same samples.
        let quartiles = Quartiles::from_sorted(&[10.0, 20.0, 30.0, 40.0]).unwrap();
        assert_eq!(quartiles, Quartiles { q1: 17.5, median: 25.0, q3: 32.5 });
        assert_eq!(quartiles.interquartile_range(), 15.0);
    }

    #[test]
    fn the_median_of_an_even_number_of_samples_is_halfway_between_the_middle_two() {
        assert_eq!(median(&[1.0, 2.0, 3.0, 4.0]), Some(2.5));
        assert_eq!(median_of_unsorted(&mut [4.0, 1.0, 3.0, 2.0, 9.0, 0.0]), Some(2.5));
    }

    #[test]
    fn the_median_of_an_odd_number_of_samples_is_the_middle_one() {
        assert_eq!(median(&[1.0, 2.0, 30.0]), Some(2.0));
        assert_eq!(median_of_unsorted(&mut [30.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn one_sample_is_each_of_its_own_quantiles() {
        for p in [0.0, 0.3, 1.0] {
            assert_eq!(quantile(&[7.0], p), Some(7.0));
        }
    }

    #[test]
    fn what_has_no_quantile_is_none() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(median_of_unsorted(&mut []), None);
        assert_eq!(quantile(&[1.0, 2.0], 1.01), None);
        assert_eq!(quantile(&[1.0, 2.0], -0.01), None);
        assert_eq!(quantile(&[1.0, 2.0], f64::NAN), None);
        assert_eq!(quantile(&[1.0, f64::NAN], 0.0), None);
        assert_eq!(quantile(&[f64::NEG_INFINITY, 1.0], 1.0), None);
        assert_eq!(median_of_unsorted(&mut [f64::NAN]), None);
    }

    #[test]
    fn samples_that_are_not_finite_are_refused_when_sorting() {
        assert_eq!(sorted_finite(&[2.0, 1.0]), Some(vec![1.0, 2.0]));
        assert_eq!(sorted_finite(&[2.0, f64::NAN, 1.0]), None);
        assert_eq!(sorted_finite(&[f64::INFINITY]), None);
        assert_eq!(sorted_finite(&[]), None);
    }

    proptest! {
        #[test]
        fn a_quantile_rises_with_p_and_stays_within_the_samples(
            samples in prop::collection::vec(1e-9..1e3f64, 1..100),
            p in 0.0..=1.0f64,
            q in 0.0..=1.0f64,
        ) {
            let sorted = sorted_finite(&samples).unwrap();
            let at_smaller = quantile(&sorted, p.min(q)).unwrap();
            let at_larger = quantile(&sorted, p.max(q)).unwrap();
            prop_assert!(at_smaller <= at_larger);
            prop_assert!(sorted[0] <= at_smaller && at_larger <= sorted[sorted.len() - 1]);
        }

        #[test]
        fn doubling_the_samples_doubles_each_quantile(
            samples in prop::collection::vec(1e-9..1e3f64, 1..100),
            p in 0.0..=1.0f64,
        ) {
            let sorted = sorted_finite(&samples).unwrap();
            let doubled: Vec<f64> = sorted.iter().map(|x| 2.0 * x).collect();
            // A factor of two changes only exponents, so the equality is exact.
            prop_assert_eq!(quantile(&doubled, p), quantile(&sorted, p).map(|x| 2.0 * x));
        }

        #[test]
        fn the_median_is_the_same_to_the_last_bit_without_sorting(
            samples in prop::collection::vec(1e-9..1e3f64, 1..100),
        ) {
            let sorted = sorted_finite(&samples).unwrap();
            prop_assert_eq!(median_of_unsorted(&mut samples.clone()), median(&sorted));
        }
    }
}
