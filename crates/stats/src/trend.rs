//! Drift of samples over time: a test for a trend, and its size.
//!
//! Samples are equally spaced and in the order in which they were taken. All functions of samples return
//! `None` if one of them is not finite.

use super::affine::theil_sen;
use super::autocorrelation::{RankCorrelation, Removed};
use super::quantile::{median_of_unsorted, sorted_finite};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::erf::erfc;

/// Number of samples above which [`theil_sen_slope`] works on medians of blocks, because the number of
/// pairs grows quadratically.
pub const MOST_POINTS: usize = 1024;

/// p-value of [`mann_kendall_of_series`] below which a trend is significant.
pub const DRIFT_P: f64 = 0.01;

/// Size of a drift above which it matters, as a fraction of the median.
pub const DRIFT_FRACTION: f64 = 0.01;

/// Result of the Mann–Kendall test for a monotone trend.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MannKendall {
    /// S: the number of pairs of samples that rise minus the number that fall.
    pub s: i64,
    /// Variance of S if there is no trend, corrected for ties.
    pub variance: f64,
    /// S in standard deviations, with the continuity correction; positive if samples rise.
    pub z: f64,
    /// Two-sided p-value: the probability of a |z| at least as large if there is no trend.
    pub p: f64,
}

/// Runs the Mann–Kendall test on at least three samples; `None` if there are fewer.
///
/// S = Σ sgn(xⱼ − xᵢ) over i < j; Var = (n(n−1)(2n+5) − Σ t(t−1)(2t+5))/18 over groups of t equal
/// samples; z = (S ∓ 1)/√Var towards 0, and 0 for S = 0; p = 2·(1 − Φ(|z|)). H. B. Mann,
/// "Nonparametric Tests Against Trend", Econometrica 13(3), 1945, doi:10.2307/1907187; M. G.
/// Kendall, "Rank Correlation Methods", 4th ed., 1970.
///
/// The normal approximation is good from about ten samples on. Correlated samples make p too small even without a
/// trend; see [`mann_kendall_of_series`]. Samples that are all equal have z = 0 and p = 1. Takes O(n log n) time.
pub fn mann_kendall(samples: &[f64]) -> Option<MannKendall> {
    let sorted = sorted_finite(samples)?;
    let n = samples.len();
    if n < 3 {
        return None;
    }
    let mut tied_pairs = 0;
    let mut variance = 0.0;
    // −0 and 0 are equal samples, so groups are formed by value and not by the total order.
    for group in sorted.chunk_by(|a, b| a == b) {
        tied_pairs += pairs(group.len());
        variance -= variance_term(group.len());
    }
    variance = (variance + variance_term(n)) / 18.0;
    let falling = falling_pairs(&mut samples.to_vec());
    let s = pairs(n) - tied_pairs - 2 * falling;
    let z = if s == 0 { 0.0 } else { (s - s.signum()) as f64 / variance.sqrt() };
    let p = erfc(z.abs() / std::f64::consts::SQRT_2).min(1.0);
    Some(MannKendall { s, variance, z, p })
}

/// Runs the Mann–Kendall test on samples that may be correlated in time; `None` as for [`mann_kendall`].
///
/// The variance of S is multiplied by [`RankCorrelation::trend_inflation`] v of the samples without their trend, and
/// Student's t with n/v − 2 degrees of freedom replaces the normal distribution, because v is an estimate. Without
/// a trend, p < .01 then holds for at most 4 % of simulated series of 30 to 200 samples with a lag-1 correlation up
/// to .9 (`cargo run --release --example coverage`). The price is that a slow drift is not told from correlated noise
/// of about its size.
pub fn mann_kendall_of_series(samples: &[f64]) -> Option<MannKendall> {
    let test = mann_kendall(samples)?;
    let slope = theil_sen_slope(samples)?;
    let level: Vec<f64> = (0..).zip(samples).map(|(at, x)| x - slope * f64::from(at)).collect();
    let inflation = RankCorrelation::new(&level, Removed::Trend)?.trend_inflation();
    let z = test.z / inflation.sqrt();
    let freedom = (samples.len() as f64 / inflation - 2.0).max(1.0);
    let p = if z == 0.0 { 1.0 } else { 2.0 * StudentsT::new(0.0, 1.0, freedom).ok()?.cdf(-z.abs()) };
    Some(MannKendall { variance: inflation * test.variance, z, p: p.min(1.0), ..test })
}

/// Returns the Theil–Sen slope: the median change per step over all pairs of samples, in the unit of the
/// samples. See [`theil_sen`].
///
/// Above [`MOST_POINTS`] samples, the samples are first replaced by the medians of consecutive blocks of
/// ⌈n/[`MOST_POINTS`]⌉ (an incomplete last block is dropped), and the slope is divided by the length of
/// a block. `None` for fewer than two samples.
pub fn theil_sen_slope(samples: &[f64]) -> Option<f64> {
    if !samples.iter().all(|x| x.is_finite()) {
        return None;
    }
    let block = samples.len().div_ceil(MOST_POINTS).max(1);
    let points: Option<Vec<(f64, f64)>> = samples
        .chunks_exact(block)
        .enumerate()
        .map(|(i, chunk)| Some((i as f64, median_of_unsorted(&mut chunk.to_vec())?)))
        .collect();
    Some(theil_sen(&points?)?.slope / block as f64)
}

/// Returns the drift over all samples as a fraction of their median: Theil–Sen slope · n / x̃.
///
/// For times, 0.02 means that the last samples are about 2 % slower than the first. `None` for fewer
/// than two samples and for a median of 0.
pub fn drift(samples: &[f64]) -> Option<f64> {
    let slope = theil_sen_slope(samples)?;
    let median = median_of_unsorted(&mut samples.to_vec())?;
    Some(slope * samples.len() as f64 / median).filter(|drift| drift.is_finite())
}

/// Returns whether a drift is both significant and large enough to be reported with its row: `p` of
/// `mann_kendall_of_series` is below `DRIFT_P` and the absolute `drift` is above `DRIFT_FRACTION`.
///
/// Either criterion alone misleads: with thousands of samples a drift of 0.1 % is significant, and with
/// ten noisy samples a drift of 10 % is chance.
pub fn is_drifting(p: f64, drift: f64) -> bool {
    p < DRIFT_P && drift.abs() > DRIFT_FRACTION
}

/// Returns the number of pairs among `n` samples.
fn pairs(n: usize) -> i64 {
    (n as i64) * (n as i64 - 1) / 2
}

/// Returns n(n−1)(2n+5), the term of `n` samples in the variance of S.
fn variance_term(n: usize) -> f64 {
    let n = n as f64;
    n * (n - 1.0) * (2.0 * n + 5.0)
}

/// Counts the pairs i < j with xᵢ > xⱼ by merge sort; leaves the samples sorted.
fn falling_pairs(samples: &mut [f64]) -> i64 {
    if samples.len() < 2 {
        return 0;
    }
    let (left, right) = samples.split_at_mut(samples.len() / 2);
    let mut falling = falling_pairs(left) + falling_pairs(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut from_left, mut from_right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(&&a), Some(&&b)) = (from_left.peek(), from_right.peek()) {
        if a > b {
            falling += from_left.len() as i64;
            merged.push(b);
            from_right.next();
        } else {
            merged.push(a);
            from_left.next();
        }
    }
    merged.extend(from_left.chain(from_right));
    samples.copy_from_slice(&merged);
    falling
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(actual: f64, expected: f64) -> bool {
        (actual - expected).abs() < 1e-9
    }

    #[test]
    fn five_rising_samples_have_the_score_computed_by_hand() {
        // S = C(5,2) = 10; Var = 5·4·15/18 = 50/3; z = 9/√(50/3) = 2.204541; p = 2·(1 − Φ(z)) =
        // .02749.
        let test = mann_kendall(&[1.0, 2.0, 3.0, 5.0, 8.0]).unwrap();
        assert_eq!(test.s, 10);
        assert!(close(test.variance, 50.0 / 3.0));
        assert!(close(test.z, 9.0 / (50.0f64 / 3.0).sqrt()));
        assert!((test.p - 0.02749).abs() < 1e-5, "{test:?}");
    }

    #[test]
    fn ties_lower_the_variance_and_falling_samples_have_a_negative_score() {
        // 4,3,3,1: five pairs fall, one is tied: S = −5.
        // Var = (4·3·13 − 2·1·9)/18 = 138/18 = 23/3; z = (−5 + 1)/√(23/3).
        let test = mann_kendall(&[4.0, 3.0, 3.0, 1.0]).unwrap();
        assert_eq!(test.s, -5);
        assert!(close(test.variance, 23.0 / 3.0));
        assert!(close(test.z, -4.0 / (23.0f64 / 3.0).sqrt()));
    }

    #[test]
    fn samples_without_a_trend_have_no_score() {
        // 2,3,1,2: 2–3 and 1–2 rise, 2–1, 3–1 and 3–2 fall, 2–2 is tied: S = −1, corrected to 0.
        let balanced = mann_kendall(&[2.0, 3.0, 1.0, 2.0]).unwrap();
        assert_eq!((balanced.s, balanced.z, balanced.p), (-1, 0.0, 1.0));
        // All equal: the variance is 0 as well.
        let equal = mann_kendall(&[7.0; 20]).unwrap();
        assert_eq!((equal.s, equal.variance, equal.z, equal.p), (0, 0.0, 0.0, 1.0));
    }

    #[test]
    fn the_theil_sen_slope_is_the_median_of_pair_slopes() {
        // 0,1,2,30: slopes 1,1,28 · 1,14.5 · 10 → sorted 1,1,1,10,14.5,28 → median 5.5.
        assert_eq!(theil_sen_slope(&[0.0, 1.0, 2.0, 30.0]), Some(5.5));
        assert_eq!(theil_sen_slope(&[5.0, 3.0]), Some(-2.0));
    }

    #[test]
    fn long_series_keep_their_slope_in_blocks() {
        // 1500 samples make 750 blocks of two; a straight line keeps its slope, an outlier in every
        // fourth block as well.
        let mut samples: Vec<f64> = (0..1500).map(|i| 100.0 + 0.25 * f64::from(i)).collect();
        assert_eq!(theil_sen_slope(&samples), Some(0.25));
        samples.iter_mut().step_by(8).for_each(|x| *x += 1e6);
        let slope = theil_sen_slope(&samples).unwrap();
        assert!((slope - 0.25).abs() < 0.25, "{slope}");
    }

    #[test]
    fn long_series_leave_out_the_last_block_that_is_not_full() {
        // xᵢ = i², 1501 samples: 750 blocks of two with medians 4b² + 2b + ½, and one sample left.
        // The slope of two blocks is (4(b + c) + 2)/2 per sample; b + c lies evenly about 749, so the
        // median is 1499. Over all pairs of samples it would be that of i + j, which is 1500.
        let samples: Vec<f64> = (0..1501).map(|i| f64::from(i * i)).collect();
        assert_eq!(theil_sen_slope(&samples), Some(1499.0));
    }

    #[test]
    fn drift_is_the_slope_over_all_samples_relative_to_the_median() {
        // Slope 1 over 5 samples with median 102: 5/102.
        let samples = [100.0, 101.0, 102.0, 103.0, 104.0];
        assert!(close(drift(&samples).unwrap(), 5.0 / 102.0));
        assert_eq!(drift(&[-1.0, 0.0, 1.0]), None);
    }

    #[test]
    fn a_drift_is_flagged_when_it_is_both_sure_and_large() {
        assert!(is_drifting(0.009, 0.011) && is_drifting(0.0, -0.5));
        for (p, drift) in [(0.01, 0.5), (0.5, 0.5), (0.001, 0.01), (0.001, -0.01), (f64::NAN, 1.0)] {
            assert!(!is_drifting(p, drift), "{p} {drift}");
        }
        // A straight rise of .2 % per sample over 30 samples, and the same of .02 %.
        let rising = |step: f64| (0..30).map(|i| 1.0 + step * f64::from(i)).collect::<Vec<f64>>();
        for (step, flagged) in [(0.002, true), (0.0002, false)] {
            let p = mann_kendall(&rising(step)).unwrap().p;
            assert_eq!(is_drifting(p, drift(&rising(step)).unwrap()), flagged, "{step}");
        }
    }

    #[test]
    fn scipy_finds_the_same_trend() {
        // SciPy 1.17.1: S = 125 from kendalltau's τ_b, the variance 938.333… with its tie term, p from
        // norm.sf of (125 − 1)/√Var, the slope from theilslopes.
        let samples = [
            10.2, 10.1, 10.3, 10.2, 10.4, 10.1, 10.5, 10.6, 10.4, 10.5, 10.7, 10.3, 10.8, 10.6, 10.9, 10.7,
            10.6, 11.0, 10.9, 10.8,
        ];
        let test = mann_kendall(&samples).unwrap();
        assert_eq!(test.s, 125);
        assert!(close(test.variance, 938.3333333333334));
        assert!(close(test.z, 4.048024319109196));
        assert!((test.p / 5.16517807652731e-05 - 1.0).abs() < 1e-9, "{test:?}");
        assert!(close(theil_sen_slope(&samples).unwrap(), 0.04226190476190468));
    }

    #[test]
    fn what_has_no_trend_measure_is_none() {
        assert_eq!(mann_kendall(&[1.0, 2.0]), None);
        assert_eq!(mann_kendall(&[1.0, 2.0, f64::NAN]), None);
        assert_eq!(theil_sen_slope(&[]), None);
        assert_eq!(theil_sen_slope(&[1.0]), None);
        assert_eq!(theil_sen_slope(&[1.0, f64::INFINITY, 2.0]), None);
    }

    proptest! {
        #[test]
        fn the_score_is_that_of_comparing_all_pairs(
            samples in prop::collection::vec(-5..5i32, 3..60),
        ) {
            let samples: Vec<f64> = samples.into_iter().map(f64::from).collect();
            let mut s = 0;
            for (i, a) in samples.iter().enumerate() {
                for b in &samples[i + 1..] {
                    s += i64::from(b > a) - i64::from(b < a);
                }
            }
            prop_assert_eq!(mann_kendall(&samples).unwrap().s, s);
        }

        #[test]
        fn backwards_the_trend_changes_its_sign(
            samples in prop::collection::vec(1e-6..1.0f64, 3..60),
        ) {
            let backwards: Vec<f64> = samples.iter().rev().copied().collect();
            let (a, b) = (mann_kendall(&samples).unwrap(), mann_kendall(&backwards).unwrap());
            prop_assert_eq!((a.s, a.p), (-b.s, b.p));
            let (a, b) = (theil_sen_slope(&samples).unwrap(), theil_sen_slope(&backwards).unwrap());
            prop_assert!((a + b).abs() < 1e-12);
        }
    }
}
