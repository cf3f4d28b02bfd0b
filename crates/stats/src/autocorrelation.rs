//! Correlation of successive samples, and the number of independent samples that they are worth.

use super::quantile::sorted_finite;
use std::f64::consts::{FRAC_2_PI, FRAC_PI_6};

/// Returns the lag-1 autocorrelation ρ₁ = Σ(xᵢ − x̄)(xᵢ₊₁ − x̄)/Σ(xᵢ − x̄)², between −1 and 1.
///
/// G. E. P. Box, G. M. Jenkins, "Time Series Analysis", Holden-Day, 1970, section 2.1. `None`
/// for fewer than three samples and for samples that are all equal.
pub fn lag1_autocorrelation(samples: &[f64]) -> Option<f64> {
    if samples.len() < 3 {
        return None;
    }
    let mean = super::spread::mean(samples)?;
    let squares: f64 = samples.iter().map(|x| (x - mean).powi(2)).sum();
    let products: f64 = samples.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    Some(products / squares).filter(|rho| rho.is_finite())
}

/// Maximum number of lags that are estimated one by one.
const MOST_LAGS: usize = 60;
/// Maximum number of products of samples that these lags may take.
const MOST_PRODUCTS: usize = 10_000_000;
/// Largest correlation of neighbours that is assumed.
const STRONGEST: f64 = 0.99;
/// Correlations below this are left out of a sum.
const NEGLIGIBLE: f64 = 1e-6;

/// What was fitted to the samples before their correlation is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// The mean.
    Mean,
    /// The mean and a trend.
    Trend,
}

/// Correlation of samples with those before them, estimated from ranks, so that neither outliers nor skew matter.
///
/// The rank correlation r_k at lag k is turned into the correlation ρ_k = 2·sin(π·r_k/6) of the normal variables
/// behind the ranks (K. Pearson, "On Further Methods of Determining Correlation", 1907). Estimates from few samples
/// are too low, by (p + 4ρ₁)/n for p fitted parameters, which is added again (F. H. C. Marriott, J. A. Pope, "Bias in
/// the Estimation of Autocorrelations", Biometrika 41, 1954, doi:10.1093/biomet/41.3-4.390).
///
/// Two estimates of the sum over all lags are made, and the larger one counts. The first takes the samples as an
/// autoregressive process of order 1, ρ_k = ρ₁ᵏ, which few samples suffice for. The second adds estimated lags while
/// the sum of a pair of neighbouring lags is positive (the initial positive sequence of C. J. Geyer, "Practical
/// Markov Chain Monte Carlo", Statistical Science 7(4), 1992, doi:10.1214/ss/1177011137). It also finds correlation
/// that begins weak and decays slowly, as that of noisy samples of a slowly wandering clock.
pub struct RankCorrelation {
    n: usize,
    /// ρ₁, not below 0.
    neighbours: f64,
    /// Rank correlation at the lags 1, 2, … of the initial positive sequence.
    lags: Vec<f64>,
}

impl RankCorrelation {
    /// Estimates the correlation of samples in the order in which they were taken. `None` for fewer than three
    /// samples or one that is not finite. Takes O(n·log n) time, and O(n) for each lag of the sequence.
    pub fn new(samples: &[f64], removed: Removed) -> Option<Self> {
        let n = samples.len();
        if n < 3 {
            return None;
        }
        let deviations = rank_deviations(samples)?;
        let squares: f64 = deviations.iter().map(|d| d * d).sum();
        let at_lag = |lag: usize| {
            let products: f64 = deviations.iter().zip(&deviations[lag..]).map(|(a, b)| a * b).sum();
            if squares > 0.0 { products / squares } else { 0.0 }
        };
        let first = at_lag(1);
        let fitted = match removed {
            Removed::Mean => 1.0,
            Removed::Trend => 2.0,
        };
        let bias = (fitted + 4.0 * latent(first)) / n as f64;
        let most = (n / 2).min(MOST_LAGS).min(MOST_PRODUCTS / n);
        let mut lags = Vec::new();
        for lag in (1..most).step_by(2) {
            let pair = [lag, lag + 1].map(|lag| at_lag(lag) + bias);
            if pair[0] + pair[1] <= 0.0 {
                break;
            }
            lags.extend(pair);
        }
        // Samples that are all equal are worth what they are: nothing varies.
        let neighbours = if squares > 0.0 { (latent(first) + bias).clamp(0.0, STRONGEST) } else { 0.0 };
        if squares == 0.0 {
            lags.clear();
        }
        Some(Self { n, neighbours, lags })
    }

    /// Returns the factor, at least 1, by which correlation increases the variance of the number of samples below
    /// the median: 1 + 2·Σ(1 − k/n)·c_k, where c_k = (2/π)·asin ρ_k is the correlation of being below the median at
    /// lag k.
    pub fn median_inflation(&self) -> f64 {
        let below = |rho: f64| FRAC_2_PI * rho.clamp(-1.0, 1.0).asin();
        let n = self.n as f64;
        let process = self.sum(|lag, rho| (1.0 - lag as f64 / n) * below(rho));
        let sequence: f64 = self.lags.iter().map(|r| below(latent(*r))).sum();
        (1.0 + 2.0 * process).max((1.0 + 2.0 * sequence).min(n / 2.0)).max(1.0)
    }

    /// Returns the factor, at least 1, by which correlation increases the variance of Kendall's score S of a trend:
    /// 1 + 2/(n(n − 1)(n − 2))·Σ(n − k)(n − k − 1)(n − k − 2)·r_k.
    ///
    /// K. H. Hamed, A. R. Rao, "A Modified Mann-Kendall Trend Test for Autocorrelated Data", Journal of Hydrology
    /// 204, 1998, doi:10.1016/S0022-1694(97)00125-X.
    pub fn trend_inflation(&self) -> f64 {
        let triples = |n: f64| n * (n - 1.0) * (n - 2.0);
        let n = self.n as f64;
        let weight = |lag: usize| 2.0 * triples(n - lag as f64) / triples(n);
        let process = self.sum(|lag, rho| weight(lag) * (rho / 2.0).asin() / FRAC_PI_6);
        let sequence: f64 = (1..).zip(&self.lags).map(|(lag, r)| weight(lag) * r).sum();
        (1.0 + process).max(1.0 + sequence).max(1.0)
    }

    /// Adds the terms of all lags of the autoregressive process, each from its lag and ρ₁ to the power of it.
    fn sum(&self, term: impl Fn(usize, f64) -> f64) -> f64 {
        let powers = std::iter::successors(Some(self.neighbours), |rho| Some(rho * self.neighbours));
        (1..self.n).zip(powers.take_while(|rho| *rho > NEGLIGIBLE)).map(|(lag, rho)| term(lag, rho)).sum()
    }
}

/// Returns the lag-1 autocorrelation of the ranks of samples, between −1 and 1. `None` for fewer than three samples,
/// for samples that are all equal, or if one is not finite.
pub fn rank_autocorrelation(samples: &[f64]) -> Option<f64> {
    lag1_autocorrelation(&rank_deviations(samples)?)
}

/// Returns the number of independent samples that correlated ones are worth for their median: n over
/// `RankCorrelation::median_inflation`. `None` for fewer than three samples or one that is not finite.
pub fn effective_samples(samples: &[f64]) -> Option<f64> {
    Some(samples.len() as f64 / RankCorrelation::new(samples, Removed::Mean)?.median_inflation())
}

/// Returns the correlation of the normal variables whose ranks have the correlation `r`.
fn latent(r: f64) -> f64 {
    2.0 * (FRAC_PI_6 * r.clamp(-1.0, 1.0)).sin()
}

/// Returns the rank of each sample minus the mean rank; equal samples share the mean of their ranks. `None` if a
/// sample is not finite.
fn rank_deviations(samples: &[f64]) -> Option<Vec<f64>> {
    let sorted = sorted_finite(samples)?;
    let mean = (sorted.len() as f64 - 1.0) / 2.0;
    let rank = |x: &f64| {
        let below = sorted.partition_point(|other| other < x);
        let equal = sorted[below..].partition_point(|other| other <= x);
        below as f64 + (equal as f64 - 1.0) / 2.0
    };
    Some(samples.iter().map(|x| rank(x) - mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(actual: f64, expected: f64) -> bool {
        (actual - expected).abs() < 1e-9
    }

    #[test]
    fn autocorrelation_of_short_series_is_that_computed_by_hand() {
        // Deviations −1.5, −.5, .5, 1.5: (.75 − .25 + .75)/5 = .25.
        assert!(close(lag1_autocorrelation(&[1.0, 2.0, 3.0, 4.0]).unwrap(), 0.25));
        // Deviations 1, −1, 1, −1: −3/4.
        assert!(close(lag1_autocorrelation(&[3.0, 1.0, 3.0, 1.0]).unwrap(), -0.75));
    }

    #[test]
    fn what_has_no_autocorrelation_is_none() {
        assert_eq!(lag1_autocorrelation(&[1.0, 2.0]), None);
        for n in 3..200 {
            // Without spread, whatever the rounding of their mean.
            assert_eq!(lag1_autocorrelation(&vec![0.1; n]), None);
            assert_eq!(lag1_autocorrelation(&vec![1.0 / 3e5; n]), None);
        }
        assert_eq!(lag1_autocorrelation(&[1.0, 2.0, f64::NAN]), None);
    }

    #[test]
    fn four_rising_samples_are_worth_what_was_computed_by_hand() {
        // Deviations of ranks −1.5 −.5 .5 1.5: r₁ = 1.25/5 = .25, r₂ = −1.5/5 = −.3. 2·sin(π·.25/6) = .26105,
        // bias (1 + 4·.26105)/4 = .51105, ρ₁ = .7721. Process: .75·c(.7721) + .5·c(.5961) + .25·c(.4603) =
        // .4212 + .2033 + .0761 = .7006, so 1 + 2·.7006 = 2.401. The sequence .761, .211 gives 2.41, above n/2.
        let correlation = RankCorrelation::new(&[1.0, 2.0, 3.0, 4.0], Removed::Mean).unwrap();
        assert!((correlation.median_inflation() - 2.401).abs() < 2e-3, "{}", correlation.median_inflation());
        assert!((effective_samples(&[1.0, 2.0, 3.0, 4.0]).unwrap() - 4.0 / 2.401).abs() < 2e-3);
    }

    #[test]
    fn samples_in_turns_are_worth_what_they_are() {
        let in_turns: Vec<f64> = (0..40).map(|i| f64::from(i % 2)).collect();
        assert_eq!(effective_samples(&in_turns), Some(40.0));
        assert_eq!(effective_samples(&[5.0; 40]), Some(40.0));
        assert_eq!(effective_samples(&[1.0, 2.0]), None);
        assert_eq!(effective_samples(&[1.0, 2.0, f64::NAN]), None);
    }

    #[test]
    fn ranks_ignore_how_large_an_outlier_is() {
        let with = |outlier: f64| [1.0, 2.0, 1.5, 1.2, outlier, 1.1, 1.7, 1.3];
        assert_eq!(effective_samples(&with(3.0)), effective_samples(&with(1e9)));
    }

    proptest! {
        #[test]
        fn samples_are_worth_at_least_one_and_at_most_their_number(
            samples in prop::collection::vec(prop::sample::select(vec![1.0, 1.1, 2.0, 5.0]), 3..80),
        ) {
            let worth = effective_samples(&samples).unwrap();
            prop_assert!((0.5..=samples.len() as f64).contains(&worth), "{worth}");
        }


        #[test]
        fn backwards_the_autocorrelation_is_the_same(
            samples in prop::collection::vec(1e-6..1.0f64, 3..60),
        ) {
            let backwards: Vec<f64> = samples.iter().rev().copied().collect();
            let a = lag1_autocorrelation(&samples).unwrap();
            let b = lag1_autocorrelation(&backwards).unwrap();
            prop_assert!((a - b).abs() < 1e-9 && a.abs() <= 1.0);
        }
    }
}
