//! How much each sample resembles the one before, and how many independent ones they are worth.

/// Above this lag-1 autocorrelation intervals that take samples to be independent are markedly too
/// narrow: 0.2 leaves two thirds of the samples.
pub const CORRELATED: f64 = 0.2;

/// The lag-1 autocorrelation ρ₁ = Σ(xᵢ − x̄)(xᵢ₊₁ − x̄)/Σ(xᵢ − x̄)², between −1 and 1.
///
/// G. E. P. Box, G. M. Jenkins, "Time Series Analysis", Holden-Day, 1970, section 2.1. See
/// [`CORRELATED`] for when it matters. `None` for fewer than three samples and for samples that are all equal.
pub fn lag1_autocorrelation(samples: &[f64]) -> Option<f64> {
    if samples.len() < 3 {
        return None;
    }
    let mean = super::spread::mean(samples)?;
    let squares: f64 = samples.iter().map(|x| (x - mean).powi(2)).sum();
    let products: f64 = samples.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    Some(products / squares).filter(|rho| rho.is_finite())
}

/// The number of independent samples that `n` samples with lag-1 autocorrelation `rho` are worth:
/// n_eff = n·(1 − ρ₁)/(1 + ρ₁), for the mean of a first-order autoregressive series.
///
/// G. V. Bayley, J. M. Hammersley, "The “Effective” Number of Independent Observations in an
/// Autocorrelated Time Series", Supplement to the Journal of the Royal Statistical Society 8(2),
/// 1946, doi:10.2307/2983560. Never above n, because a negative ρ₁ of a short series is mostly its
/// bias of −1/n, and never below 1. `None` for no samples and for a `rho` outside −1 to 1.
pub fn effective_sample_size(n: usize, rho: f64) -> Option<f64> {
    if n == 0 || !(-1.0..=1.0).contains(&rho) {
        return None;
    }
    let n = n as f64;
    Some((n * (1.0 - rho.max(0.0)) / (1.0 + rho.max(0.0))).max(1.0))
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
    fn half_correlated_samples_are_worth_a_third_of_them() {
        // (1 − ½)/(1 + ½) = ⅓, (1 − .2)/(1 + .2) = ⅔.
        assert!(close(effective_sample_size(30, 0.5).unwrap(), 10.0));
        assert!(close(effective_sample_size(30, CORRELATED).unwrap(), 20.0));
        assert_eq!(effective_sample_size(30, 0.0), Some(30.0));
        assert_eq!(effective_sample_size(30, -0.5), Some(30.0));
        assert_eq!(effective_sample_size(30, 1.0), Some(1.0));
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
        assert_eq!(effective_sample_size(0, 0.1), None);
        for rho in [f64::NAN, 1.1, -1.1] {
            assert_eq!(effective_sample_size(9, rho), None);
        }
    }

    proptest! {
        #[test]
        fn backwards_the_autocorrelation_is_the_same(
            samples in prop::collection::vec(1e-6..1.0f64, 3..60),
        ) {
            let backwards: Vec<f64> = samples.iter().rev().copied().collect();
            let a = lag1_autocorrelation(&samples).unwrap();
            let b = lag1_autocorrelation(&backwards).unwrap();
            prop_assert!((a - b).abs() < 1e-9 && a.abs() <= 1.0);
            let effective = effective_sample_size(samples.len(), a).unwrap();
            prop_assert!((1.0..=samples.len() as f64).contains(&effective));
        }
    }
}
