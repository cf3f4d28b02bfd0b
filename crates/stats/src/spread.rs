//! Mean and measures of spread.
//!
//! All functions take finite samples in any order and return `None` for an empty slice, for a sample
//! that is not finite, and if the formula is undefined.

use super::quantile::{Quartiles, median_of_unsorted, sorted_finite};

/// Factor that turns the median absolute deviation into an estimate of the standard deviation of normal
/// samples: 1/Φ⁻¹(¾) = 1.482602…, to the four decimals that R, criterion and hyperfine use.
///
/// F. R. Hampel, "The Influence Curve and its Role in Robust Estimation", JASA 69(346), 1974,
/// doi:10.1080/01621459.1974.10482962.
pub const MAD_TO_STANDARD_DEVIATION: f64 = 1.4826;

/// Returns the arithmetic mean x̄ = Σx/n, in the unit of the samples.
pub fn mean(samples: &[f64]) -> Option<f64> {
    mean_and_squares(samples).map(|(mean, _)| mean)
}

/// Returns the sample variance s² = Σ(x − x̄)²/(n − 1) with Bessel's correction, in the squared unit.
///
/// Corrected two-pass algorithm: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing
/// the Sample Variance", The American Statistician 37(3), 1983, doi:10.1080/00031305.1983.10483115.
/// `None` for fewer than two samples.
pub fn variance(samples: &[f64]) -> Option<f64> {
    let (_, squares) = mean_and_squares(samples)?;
    (samples.len() > 1).then(|| squares / (samples.len() - 1) as f64)
}

/// Returns the sample standard deviation s = √s², in the unit of the samples; `None` where [`variance`]
/// is.
pub fn standard_deviation(samples: &[f64]) -> Option<f64> {
    variance(samples).map(f64::sqrt)
}

/// Returns the coefficient of variation s/x̄, as a fraction. `None` where [`variance`] is and for a mean
/// of 0.
pub fn coefficient_of_variation(samples: &[f64]) -> Option<f64> {
    fraction(standard_deviation(samples)?, mean(samples)?)
}

/// Returns the median absolute deviation from the median, times [`MAD_TO_STANDARD_DEVIATION`], in the
/// unit of the samples. Up to half of the samples can be outliers without moving it far.
pub fn median_absolute_deviation(samples: &[f64]) -> Option<f64> {
    let mut values = sorted_finite(samples)?;
    let median = median_of_unsorted(&mut values)?;
    values.iter_mut().for_each(|x| *x = (*x - median).abs());
    Some(MAD_TO_STANDARD_DEVIATION * median_of_unsorted(&mut values)?)
}

/// Returns the interquartile range divided by the median, (Q3 − Q1)/x̃, as a fraction; quartiles are of
/// type 7.
///
/// `None` for a median of 0.
pub fn relative_interquartile_range(samples: &[f64]) -> Option<f64> {
    let quartiles = Quartiles::from_sorted(&sorted_finite(samples)?)?;
    fraction(quartiles.interquartile_range(), quartiles.median)
}

/// Returns `part/whole`, or `None` if that is not finite.
fn fraction(part: f64, whole: f64) -> Option<f64> {
    Some(part / whole).filter(|quotient| quotient.is_finite())
}

/// Returns the mean and Σ(x − x̄)²; the second pass corrects the rounding error of both.
fn mean_and_squares(samples: &[f64]) -> Option<(f64, f64)> {
    let n = samples.len() as f64;
    let first_pass = samples.iter().sum::<f64>() / n;
    // An empty slice gives 0/0; this also catches samples that are not finite and sums that overflow.
    if !first_pass.is_finite() {
        return None;
    }
    let (deviations, squares) = samples.iter().fold((0.0, 0.0), |(sum, squares), x| {
        let deviation = x - first_pass;
        (sum + deviation, squares + deviation * deviation)
    });
    let squares = (squares - deviations * deviations / n).max(0.0);
    Some((first_pass + deviations / n, squares)).filter(|_| squares.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(actual: Option<f64>, expected: f64) -> bool {
        actual.is_some_and(|actual| (actual - expected).abs() <= 1e-12 * expected.abs())
    }

    #[test]
    fn the_moments_of_eight_samples_are_those_computed_by_hand() {
        // Σ = 40, mean 5; squared deviations 9+1+1+1+0+0+4+16 = 32; s² = 32/7; CV = √(32/7)/5.
        let samples = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&samples), Some(5.0));
        assert!(close(variance(&samples), 32.0 / 7.0));
        assert!(close(standard_deviation(&samples), (32.0f64 / 7.0).sqrt()));
        assert!(close(coefficient_of_variation(&samples), (32.0f64 / 7.0).sqrt() / 5.0));
    }

    #[test]
    fn a_small_spread_on_a_large_offset_keeps_its_digits() {
        // Deviations from 10⁹+10: −6, −3, 3, 6 → 90/3 = 30. The one-pass formula Σx² − n·x̄² loses this
        // completely.
        let samples = [4.0, 7.0, 13.0, 16.0].map(|x| x + 1e9);
        assert_eq!(mean(&samples), Some(1e9 + 10.0));
        assert_eq!(variance(&samples), Some(30.0));
    }

    #[test]
    fn a_million_equal_samples_have_their_own_mean_and_no_variance() {
        // The plain sum of a million tenths is off by 10⁻¹¹, which the second pass corrects.
        let samples = vec![0.1; 1_000_000];
        assert!((mean(&samples).unwrap() - 0.1).abs() < 1e-16);
        assert!(variance(&samples).unwrap() < 1e-30);
    }

    #[test]
    fn the_median_absolute_deviation_ignores_the_size_of_one_outlier() {
        // Median 3, deviations 2, 1, 0, 1, 97 → median 1.
        assert_eq!(median_absolute_deviation(&[1.0, 2.0, 3.0, 4.0, 100.0]), Some(1.4826));
    }

    #[test]
    fn the_relative_interquartile_range_divides_by_the_median() {
        // Type 7 quartiles 17.5, 25, 32.5: 15/25.
        assert_eq!(relative_interquartile_range(&[40.0, 10.0, 30.0, 20.0]), Some(0.6));
    }

    #[test]
    fn what_has_no_spread_measure_is_none() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[1.0, f64::NAN]), None);
        assert_eq!(mean(&[1.0, f64::INFINITY]), None);
        assert_eq!(variance(&[1.0]), None);
        assert_eq!(coefficient_of_variation(&[-1.0, 1.0]), None);
        assert_eq!(median_absolute_deviation(&[]), None);
        assert_eq!(median_absolute_deviation(&[1.0, f64::NAN]), None);
        assert_eq!(relative_interquartile_range(&[-1.0, 0.0, 1.0]), None);
        assert_eq!(variance(&[-1e200, 1e200]), None);
    }

    proptest! {
        #[test]
        fn spread_scales_with_the_samples_and_relative_spread_does_not(
            samples in prop::collection::vec(1e-6..1e3f64, 2..100),
        ) {
            let quadrupled: Vec<f64> = samples.iter().map(|x| 4.0 * x).collect();
            // A power of two changes only exponents, so the equalities are exact.
            let scaled = |x: Option<f64>| x.map(|x| 4.0 * x);
            prop_assert_eq!(mean(&quadrupled), scaled(mean(&samples)));
            prop_assert_eq!(standard_deviation(&quadrupled), scaled(standard_deviation(&samples)));
            prop_assert_eq!(
                median_absolute_deviation(&quadrupled),
                scaled(median_absolute_deviation(&samples))
            );
            prop_assert_eq!(
                coefficient_of_variation(&quadrupled),
                coefficient_of_variation(&samples)
            );
        }

        #[test]
        fn moving_the_samples_moves_the_mean_and_keeps_the_spread(
            samples in prop::collection::vec(0..1_000_000i32, 2..100),
        ) {
            let here: Vec<f64> = samples.iter().map(|&x| f64::from(x)).collect();
            let there: Vec<f64> = here.iter().map(|x| x + 1e9).collect();
            let moved = mean(&there).unwrap() - mean(&here).unwrap();
            prop_assert!((moved - 1e9).abs() < 1e-5);
            let (a, b) = (variance(&here).unwrap(), variance(&there).unwrap());
            prop_assert!((a - b).abs() <= 1e-9 * a.max(1.0));
        }
    }
}
