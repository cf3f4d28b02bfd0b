//! Correlation of successive samples.

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

    proptest! {
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
