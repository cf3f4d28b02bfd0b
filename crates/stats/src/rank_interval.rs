//! Exact, distribution-free confidence interval of the median from binomial ranks.
//!
//! J.-Y. Le Boudec, "Performance Evaluation of Computer and Communication Systems", EPFL Press,
//! 2010, chapter 2. The only assumption is that the samples are independent draws from one
//! distribution. This suits times, which are skewed and often quantised. Successive times are often not
//! independent: [`median_interval`] widens the interval by as much as they are correlated.

use super::autocorrelation::{RankCorrelation, Removed};
use super::quantile::sorted_finite;
use super::student::t_quantile;
use serde::{Deserialize, Serialize};

/// Amount by which a coverage may fall below the requested level, to allow for rounding.
const ROUNDING: f64 = 1e-12;

/// Weights below this fraction of the central one are ignored: together they are less than 10⁻¹⁴ of the
/// mass for any number of samples that fits into memory.
const NEGLIGIBLE: f64 = 1e-24;

/// Two ranks whose order statistics bracket the median, with the probability that they do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MedianRanks {
    /// Lower rank, counted from 1.
    pub lower: usize,
    /// Upper rank, counted from 1.
    pub upper: usize,
    /// Probability that the interval contains the true median: the exact one, at least the requested level, of
    /// independent samples, and the requested level of correlated samples.
    pub coverage: f64,
}

/// Confidence interval of the median, in the unit of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RankInterval {
    /// Lower end: the sample at the lower rank.
    pub lo: f64,
    /// Upper end: the sample at the upper rank.
    pub hi: f64,
    /// Ranks of the two ends, with their coverage.
    pub ranks: MedianRanks,
}

impl RankInterval {
    /// Returns half of the width of the interval, in the unit of the samples.
    pub fn half_width(&self) -> f64 {
        (self.hi - self.lo) / 2.0
    }
}

/// Returns the narrowest symmetric ranks (j, n + 1 − j) that bracket the median of `n` samples with a
/// coverage of at least `level`: the largest j with P(j ≤ B ≤ n − j) ≥ `level`, B ~ Bin(n, ½).
///
/// The exact probability is used instead of the normal approximation, whose ranks are too narrow or too
/// wide by one below about fifty samples. For small `n` a coverage can equal `level` exactly, so one
/// that falls short only by rounding (10⁻¹²) is accepted.
///
/// `None` if `level` is not strictly between 0 and 1, or if even the ranks (1, n) do not reach it: n = 0,
/// n < 6 for 0.95, n < 8 for 0.99. Takes O(√n) time.
pub fn median_ranks(n: usize, level: f64) -> Option<MedianRanks> {
    if !(level > 0.0 && level < 1.0) {
        return None;
    }
    let total: f64 = central_masses(n).map(|(_, mass)| mass).sum();
    let mut covered = 0.0;
    for (successes, mass) in central_masses(n).take_while(|&(successes, _)| successes > 0) {
        covered += mass;
        let coverage = covered / total;
        if coverage >= level - ROUNDING {
            return Some(MedianRanks { lower: successes, upper: n + 1 - successes, coverage });
        }
    }
    None
}

/// Returns the confidence interval of the median of ascending, finite samples with a coverage of at least
/// `level`, from the ranks of `median_ranks`.
///
/// `None` where `median_ranks` is, or if the first or last sample is not finite. The order itself is
/// not checked. The interval always contains the median of the samples.
pub fn rank_interval(sorted: &[f64], level: f64) -> Option<RankInterval> {
    if !sorted.first()?.is_finite() || !sorted.last()?.is_finite() {
        return None;
    }
    let ranks = median_ranks(sorted.len(), level)?;
    Some(RankInterval { lo: sorted[ranks.lower - 1], hi: sorted[ranks.upper - 1], ranks })
}

/// Returns the confidence interval of the median of finite samples in the order in which they were taken. It
/// takes account of their correlation in time.
///
/// The number of samples below the median has the variance v·n/4, with v from
/// `RankCorrelation::median_inflation`. The ranks are n/2 ± t·√(v·n)/2, where t is Student's quantile with
/// n/v − 1 degrees of freedom, because v itself is an estimate. They are never narrower than the exact ranks of
/// independent samples and end at the smallest and the largest sample.
///
/// `cargo run --release --example coverage` simulates how often such an interval contains the median.
///
/// `None` where [`rank_interval`] is.
pub fn median_interval(samples: &[f64], level: f64) -> Option<RankInterval> {
    widened(samples, level, RankCorrelation::new(samples, Removed::Mean)?.median_inflation())
}

/// Returns [`median_interval`] of samples whose `RankCorrelation::median_inflation` is `inflation`.
pub(super) fn widened(samples: &[f64], level: f64, inflation: f64) -> Option<RankInterval> {
    let sorted = sorted_finite(samples)?;
    let exact = rank_interval(&sorted, level)?;
    let n = sorted.len();
    if inflation <= 1.0 {
        return Some(exact);
    }
    let freedom = (n as f64 / inflation - 1.0).max(1.0);
    let t = t_quantile((1.0 + level) / 2.0, freedom)?;
    let below = n as f64 / 2.0 - t * (inflation * n as f64).sqrt() / 2.0;
    // A negative value becomes rank 1.
    let lower = below.floor() as usize + 1;
    if lower >= exact.ranks.lower {
        return Some(exact);
    }
    let upper = n + 1 - lower;
    let ranks = MedianRanks { lower, upper, coverage: level };
    Some(RankInterval { lo: sorted[lower - 1], hi: sorted[upper - 1], ranks })
}

/// Yields the probabilities of {i, n − i} under Bin(n, ½), for i = ⌊n/2⌋, ⌊n/2⌋ − 1, …, relative to that
/// of ⌊n/2⌋ alone, until they are negligible.
///
/// From the centre outwards and relative to it, C(n, i−1) = C(n, i)·i/(n − i + 1) needs neither
/// factorials nor logarithms, and 2⁻ⁿ never underflows.
fn central_masses(n: usize) -> impl Iterator<Item = (usize, f64)> {
    std::iter::successors(Some((n / 2, 1.0)), move |&(i, weight)| {
        let below = i.checked_sub(1)?;
        Some((below, weight * i as f64 / (n - i + 1) as f64))
    })
    .take_while(|&(_, weight)| weight > NEGLIGIBLE)
    .map(move |(i, weight)| (i, if 2 * i == n { weight } else { 2.0 * weight }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantile::{median, sorted_finite};
    use proptest::prelude::*;

    #[test]
    fn ranks_at_95_percent_are_the_exact_ones_of_the_tables() {
        for (n, lower, upper, coverage) in [
            (10, 2, 9, 0.9785),
            (20, 6, 15, 0.9586),
            (30, 10, 21, 0.9572),
            (50, 18, 33, 0.9672),
            (100, 40, 61, 0.9648),
        ] {
            let ranks = median_ranks(n, 0.95).unwrap();
            assert_eq!((ranks.lower, ranks.upper), (lower, upper), "n = {n}");
            assert!((ranks.coverage - coverage).abs() < 5e-5, "n = {n}: {ranks:?}");
        }
    }

    #[test]
    fn six_samples_are_the_fewest_with_a_95_percent_interval() {
        // The whole range misses the median when all samples fall on one side: 2·2⁻ⁿ.
        // n = 5: 1 − 1/16 = .9375. n = 6: 1 − 1/32 = .96875.
        assert_eq!(median_ranks(5, 0.95), None);
        let ranks = median_ranks(6, 0.95).unwrap();
        assert_eq!((ranks.lower, ranks.upper), (1, 6));
        assert!((ranks.coverage - 0.96875).abs() < 1e-15);
        // n = 7: 1 − 1/64 = .984. n = 8: 1 − 1/128 = .992.
        assert_eq!(median_ranks(7, 0.99), None);
        assert_eq!(median_ranks(8, 0.99).unwrap().lower, 1);
    }

    #[test]
    fn a_level_that_a_coverage_equals_is_reached() {
        // n = 4: P(1 ≤ B ≤ 3) = 14/16. n = 3: P(1 ≤ B ≤ 2) = 6/8.
        assert_eq!(median_ranks(4, 0.875).unwrap().lower, 1);
        assert_eq!(median_ranks(3, 0.75).unwrap().lower, 1);
    }

    #[test]
    fn a_hundred_thousand_samples_neither_overflow_nor_underflow() {
        // Computed independently of this crate in exact integers: Σ C(n, i) below j = 49690.
        let ranks = median_ranks(100_000, 0.95).unwrap();
        assert_eq!((ranks.lower, ranks.upper), (49_690, 50_311));
        assert!((ranks.coverage - 0.9504442853304751).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_interval_is_none() {
        assert_eq!(median_ranks(0, 0.95), None);
        assert_eq!(median_ranks(1, 0.1), None);
        for level in [0.0, 1.0, -1.0, f64::NAN] {
            assert_eq!(median_ranks(100, level), None);
        }
        assert_eq!(rank_interval(&[], 0.95), None);
        let mut spoilt = vec![1.0; 10];
        spoilt.push(f64::NAN);
        assert_eq!(rank_interval(&spoilt, 0.95), None);
    }

    #[test]
    fn the_interval_takes_the_samples_at_its_ranks() {
        // n = 10: ranks 2 and 9.
        let sorted: Vec<f64> = (1..=10).map(|i| 10.0 * f64::from(i)).collect();
        let interval = rank_interval(&sorted, 0.95).unwrap();
        assert_eq!((interval.lo, interval.hi), (20.0, 90.0));
        assert_eq!(interval.half_width(), 35.0);
    }

    /// Returns P(`lower` ≤ B ≤ n − `lower`) from Pascal's triangle in integers.
    fn coverage_by_counting(n: usize, lower: usize) -> f64 {
        let mut row = vec![1u64];
        for _ in 0..n {
            let next = row.windows(2).map(|pair| pair[0] + pair[1]);
            row = [1].into_iter().chain(next).chain([1]).collect();
        }
        let inside: u64 = row[lower..=n - lower].iter().sum();
        inside as f64 / (1u64 << n) as f64
    }

    #[test]
    fn ranks_agree_with_counting_subsets_for_every_small_n() {
        for n in 1..=60 {
            for level in [0.5, 0.9, 0.95, 0.99] {
                let counted = (1..=n / 2).rev().find(|&lower| coverage_by_counting(n, lower) >= level);
                let ranks = median_ranks(n, level);
                assert_eq!(ranks.map(|r| r.lower), counted, "n = {n}, level {level}");
                if let Some(ranks) = ranks {
                    let exact = coverage_by_counting(n, ranks.lower);
                    assert!((ranks.coverage - exact).abs() < 1e-13, "n = {n}");
                }
            }
        }
    }

    #[test]
    fn correlation_widens_the_interval_up_to_all_samples() {
        // 0 to 29 in an order without correlation of neighbours: the exact ranks 10 and 21.
        let scattered: Vec<f64> = (0..30).map(|i| f64::from(i * 11 % 30)).collect();
        let exact = median_interval(&scattered, 0.95).unwrap();
        assert_eq!((exact.ranks.lower, exact.ranks.upper), (10, 21));
        assert_eq!(Some(exact), rank_interval(&sorted_finite(&scattered).unwrap(), 0.95));
        // In ascending order they are worth too few for anything but their range.
        let ascending: Vec<f64> = (0..30).map(f64::from).collect();
        let widened = median_interval(&ascending, 0.95).unwrap();
        assert_eq!((widened.lo, widened.hi, widened.ranks.coverage), (0.0, 29.0, 0.95));
        assert_eq!(median_interval(&ascending[..5], 0.95), None);
    }

    proptest! {
        #[test]
        fn the_interval_of_a_series_is_never_narrower(
            samples in prop::collection::vec(1e-9..1e3f64, 6..200),
        ) {
            let exact = rank_interval(&sorted_finite(&samples).unwrap(), 0.95).unwrap();
            let of_series = median_interval(&samples, 0.95).unwrap();
            prop_assert!(of_series.lo <= exact.lo && exact.hi <= of_series.hi);
        }

        #[test]
        fn the_interval_contains_the_median_and_covers_the_level(
            samples in prop::collection::vec(1e-9..1e3f64, 8..300),
            level in 0.5..0.99f64,
        ) {
            let sorted = sorted_finite(&samples).unwrap();
            let interval = rank_interval(&sorted, level).unwrap();
            let median = median(&sorted).unwrap();
            prop_assert!(interval.lo <= median && median <= interval.hi);
            prop_assert!(interval.ranks.coverage >= level - 1e-12);
            prop_assert!(interval.ranks.coverage <= 1.0);
        }

        #[test]
        fn a_higher_level_never_narrows_the_interval(
            n in 8..5000usize,
            level in 0.5..0.99f64,
            other in 0.5..0.99f64,
        ) {
            let low = median_ranks(n, level.min(other)).unwrap();
            let high = median_ranks(n, level.max(other)).unwrap();
            prop_assert!(high.lower <= low.lower);
        }
    }
}
