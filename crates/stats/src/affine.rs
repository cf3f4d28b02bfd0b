//! Fits of straight lines T(k) = a + b·k to the times of batches of k executions.
//!
//! The slope b is the time of one execution and the intercept a the overhead of a batch. A line
//! through the origin would be wrong, because an empty batch takes time too.

use super::quantile::median_of_unsorted;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Confidence level of the intervals of [`least_squares`].
pub const INTERVAL_LEVEL: f64 = 0.95;

/// Straight line a + b·k.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StraightLine {
    /// Intercept a, in the unit of the times (seconds).
    pub intercept: f64,
    /// Slope b, in the unit of the times (seconds) per execution.
    pub slope: f64,
}

/// Least-squares line with the uncertainty of its coefficients, in the unit of the times (seconds).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct AffineFit {
    /// Intercept a: the overhead of a batch.
    pub intercept: Coefficient,
    /// Slope b: the time of one execution.
    pub slope: Coefficient,
}

/// Coefficient of a fit, with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Coefficient {
    /// Estimated value.
    pub value: f64,
    /// Confidence interval; `None` if there are only two distinct numbers of executions, because a line then
    /// always fits, or if it is not finite.
    pub interval: Option<TInterval>,
}

/// Confidence interval from Student's t distribution with n − 2 degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TInterval {
    /// Standard error of the estimate.
    pub standard_error: f64,
    /// Lower end at 95 %.
    pub lo: f64,
    /// Upper end at 95 %.
    pub hi: f64,
}

/// Assumed noise of the times that a line is fitted to, which decides their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// Same size at every k: weights of 1.
    Alike,
    /// Proportional to the time, as on a machine that does something else for part of it: weights of 1/T².
    Proportional,
}

/// Fits the weighted least-squares line to points (k, T), with 95 % t intervals.
///
/// With W = Σw, k̄ = Σwk/W, T̄ = Σwt/W, Sxx = Σw(k − k̄)² and Sxy = Σw(k − k̄)(T − T̄): b = Sxy/Sxx
/// and a = T̄ − b·k̄. N. R. Draper, H. Smith, "Applied Regression Analysis", 3rd ed., Wiley, 1998,
/// chapters 1 and 9, doi:10.1002/9781118625590.
///
/// The standard errors are of the type HC3, which stays valid if the weights are wrong: with the
/// leverage h = w·(1/W + (k − k̄)²/Sxx) and u = w·(T − a − b·k)/(1 − h), SE(b)² = Σ((k − k̄)·u/Sxx)²
/// and SE(a)² = Σ((1/W − k̄(k − k̄)/Sxx)·u)². J. G. MacKinnon, H. White, "Some
/// heteroskedasticity-consistent covariance matrix estimators with improved finite sample
/// properties", Journal of Econometrics 29(3), 1985, doi:10.1016/0304-4076(85)90158-7. Each interval
/// is the estimate ± t₀.₉₇₅,ₙ₋₂·SE.
///
/// A single outlier moves the line; [`theil_sen`] is robust against it.
///
/// `None` if a value is not finite, if there are fewer than two distinct k, or if the noise is
/// proportional and a time is not above 0. With exactly two distinct k a line always fits, so the
/// coefficients have no interval.
pub fn least_squares(points: &[(f64, f64)], noise: Noise) -> Option<AffineFit> {
    let distinct = distinct_abscissae(points)?;
    let weights: Vec<f64> = match noise {
        Noise::Alike => vec![1.0; points.len()],
        Noise::Proportional => {
            // Relative to the weight of the shortest time, so that no weight overflows.
            let shortest = points.iter().map(|(_, t)| *t).fold(f64::INFINITY, f64::min);
            if shortest <= 0.0 {
                return None;
            }
            points.iter().map(|(_, t)| (shortest / t).powi(2)).collect()
        }
    };
    let weighted = || weights.iter().copied().zip(points.iter().copied());
    let total: f64 = weights.iter().sum();
    let mean_k = weighted().map(|(w, (k, _))| w * k).sum::<f64>() / total;
    let mean_t = weighted().map(|(w, (_, t))| w * t).sum::<f64>() / total;
    let (sxx, sxy) = weighted().fold((0.0, 0.0), |(sxx, sxy), (w, (k, t))| {
        (sxx + w * (k - mean_k).powi(2), sxy + w * (k - mean_k) * (t - mean_t))
    });
    let slope = sxy / sxx;
    let intercept = mean_t - slope * mean_k;
    if !slope.is_finite() || !intercept.is_finite() {
        return None;
    }

    let freedom = points.len() as f64 - 2.0;
    let t_quantile = (distinct > 2)
        .then(|| StudentsT::new(0.0, 1.0, freedom).ok())
        .flatten()
        .map(|t| t.inverse_cdf(0.5 + INTERVAL_LEVEL / 2.0));
    let (mut slope_variance, mut intercept_variance) = (0.0, 0.0);
    for (w, (k, t)) in weighted() {
        let from_mean = k - mean_k;
        let leverage = w * (1.0 / total + from_mean * from_mean / sxx);
        // Residuals from the centre keep the digits that a + b·k would lose far from the origin.
        let u = w * ((t - mean_t) - slope * from_mean) / (1.0 - leverage);
        slope_variance += (from_mean / sxx * u).powi(2);
        intercept_variance += ((1.0 / total - mean_k * from_mean / sxx) * u).powi(2);
    }
    let coefficient = |value: f64, variance: f64| Coefficient {
        value,
        interval: t_quantile
            .map(|t| {
                let standard_error = variance.sqrt();
                TInterval { standard_error, lo: value - t * standard_error, hi: value + t * standard_error }
            })
            .filter(|interval| interval.lo.is_finite() && interval.hi.is_finite()),
    };
    Some(AffineFit {
        intercept: coefficient(intercept, intercept_variance),
        slope: coefficient(slope, slope_variance),
    })
}

/// Fits the Theil–Sen line to points (k, T): the slope is the median of the slopes of all pairs of points
/// with different k, the intercept the median of T − slope·k.
///
/// P. K. Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau", JASA 63(324), 1968,
/// doi:10.1080/01621459.1968.10480934. Up to 29 % of the points can be outliers of any size without
/// breaking the fit; single outliers are common on shared machines.
///
/// `None` if a value is not finite or there are fewer than two distinct k. Computes and stores n²/2
/// slopes, so it is meant for calibrations of at most a few thousand points.
pub fn theil_sen(points: &[(f64, f64)]) -> Option<StraightLine> {
    distinct_abscissae(points)?;
    let mut slopes: Vec<f64> = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    for (i, (k, t)) in points.iter().enumerate() {
        let later = points[i + 1..].iter().filter(|(other, _)| other != k);
        slopes.extend(later.map(|(other_k, other_t)| (other_t - t) / (other_k - k)));
    }
    let slope = median_of_unsorted(&mut slopes)?;
    let mut intercepts: Vec<f64> = points.iter().map(|(k, t)| t - slope * k).collect();
    let intercept = median_of_unsorted(&mut intercepts)?;
    Some(StraightLine { intercept, slope })
}

/// Returns the number of distinct k, or `None` if it is below two or a value is not finite.
fn distinct_abscissae(points: &[(f64, f64)]) -> Option<usize> {
    if !points.iter().all(|(k, t)| k.is_finite() && t.is_finite()) {
        return None;
    }
    let mut abscissae: Vec<f64> = points.iter().map(|(k, _)| *k).collect();
    abscissae.sort_unstable_by(f64::total_cmp);
    abscissae.dedup();
    Some(abscissae.len()).filter(|&distinct| distinct >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(actual: f64, expected: f64) -> bool {
        (actual - expected).abs() <= 1e-9 * expected.abs().max(1.0)
    }

    #[test]
    fn the_fit_of_three_points_and_its_errors_are_those_computed_by_hand() {
        // k̄ = 2, T̄ = 11/3, Sxx = 2, Sxy = 5/3 + 0 + 4/3 = 3: b = 3/2, a = 11/3 − 3 = 2/3.
        // Residuals −1/6, 1/3, −1/6, leverages 5/6, 1/3, 5/6: u = −1, 1/2, −1.
        // SE(b)² = (1 + 0 + 1)/2² = 1/2. SE(a)² = (4/3·1)² + (1/3·1/2)² + (2/3·1)² = 81/36.
        // t₀.₉₇₅,₁ = tan(0.95·π/2) = 12.70620473617.
        let fit = least_squares(&[(1.0, 2.0), (2.0, 4.0), (3.0, 5.0)], Noise::Alike).unwrap();
        let t = (0.95 * std::f64::consts::FRAC_PI_2).tan();
        assert!(close(t, 12.70620473617));
        for (coefficient, value, error) in [(fit.slope, 1.5, 0.5f64.sqrt()), (fit.intercept, 2.0 / 3.0, 1.5)]
        {
            let interval = coefficient.interval.unwrap();
            assert!(close(coefficient.value, value), "{fit:?}");
            assert!(close(interval.standard_error, error), "{fit:?}");
            assert!(close(interval.lo, value - t * error), "{fit:?}");
            assert!(close(interval.hi, value + t * error), "{fit:?}");
        }
    }

    #[test]
    fn the_t_quantile_is_that_of_the_tables_at_every_size_of_calibration() {
        // The t table at 0.975: 4.302653 (2), 2.228139 (10), 2.042272 (30), 1.983972 (100),
        // 1.962339 (1000).
        for (freedom, expected) in
            [(2, 4.302653), (10, 2.228139), (30, 2.042272), (100, 1.983972), (1000, 1.962339)]
        {
            let noise = |i: i32| f64::from(i.pow(2) % 7);
            let points: Vec<(f64, f64)> =
                (0..freedom + 2).map(|i| (f64::from(i), f64::from(i) + noise(i))).collect();
            let slope = least_squares(&points, Noise::Alike).unwrap().slope;
            let interval = slope.interval.unwrap();
            let t = (interval.hi - slope.value) / interval.standard_error;
            assert!((t - expected).abs() < 1e-6, "{freedom} degrees of freedom: {t}");
        }
    }

    #[test]
    fn times_count_by_the_inverse_of_their_square_where_noise_is_proportional() {
        // Weights 1, 1/4, 1/4 of T = 1, 2, 2 at k = 0, 1, 3: W = 3/2, k̄ = 2/3, T̄ = 4/3.
        // Sxx = 4/9 + 1/36 + 49/36 = 11/6, Sxy = 2/9 + 1/18 + 7/18 = 2/3: b = 4/11, a = 12/11.
        let fit = least_squares(&[(0.0, 1.0), (1.0, 2.0), (3.0, 2.0)], Noise::Proportional).unwrap();
        assert!(close(fit.slope.value, 4.0 / 11.0) && close(fit.intercept.value, 12.0 / 11.0), "{fit:?}");
        assert_eq!(least_squares(&[(0.0, 0.0), (1.0, 2.0), (3.0, 2.0)], Noise::Proportional), None);
    }

    #[test]
    fn points_on_a_line_have_no_error() {
        // T = 8 + 0.5·k, all exact in binary.
        let points = [1.0, 2.0, 4.0, 8.0].map(|k| (k, 8.0 + 0.5 * k));
        let fit = least_squares(&points, Noise::Alike).unwrap();
        assert!(close(fit.slope.value, 0.5) && close(fit.intercept.value, 8.0));
        assert!(fit.slope.interval.unwrap().standard_error < 1e-14);
        let line = theil_sen(&points).unwrap();
        assert_eq!((line.intercept, line.slope), (8.0, 0.5));
    }

    #[test]
    fn two_distinct_k_give_a_line_without_an_interval() {
        let fit = least_squares(&[(1.0, 3.0), (1.0, 5.0), (3.0, 8.0)], Noise::Alike).unwrap();
        // Means 4 at k = 1 and 8 at k = 3: slope 2, intercept 2.
        assert!(close(fit.slope.value, 2.0) && close(fit.intercept.value, 2.0));
        assert_eq!((fit.slope.interval, fit.intercept.interval), (None, None));
    }

    #[test]
    fn pairs_of_points_with_the_same_k_have_no_slope() {
        // Slopes to (3, 8): 2.5 and 1.5, median 2; T − 2·k: 1, 3, 2, median 2.
        let line = theil_sen(&[(1.0, 3.0), (1.0, 5.0), (3.0, 8.0)]).unwrap();
        assert_eq!((line.intercept, line.slope), (2.0, 2.0));
    }

    #[test]
    fn an_interval_that_overflows_is_none() {
        // The slope is 0 by symmetry; the squares of the residuals are 10⁴⁰⁰.
        let fit = least_squares(&[(1.0, 1e200), (2.0, -1e200), (3.0, 1e200)], Noise::Alike).unwrap();
        assert_eq!((fit.slope.value, fit.slope.interval), (0.0, None));
    }

    #[test]
    fn what_has_no_line_is_none() {
        for points in [
            &[][..],
            &[(1.0, 1.0)],
            &[(2.0, 1.0), (2.0, 5.0)],
            &[(0.0, 1.0), (-0.0, 5.0)],
            &[(1.0, 1.0), (2.0, f64::NAN), (3.0, 1.0)],
            &[(1.0, 1.0), (f64::INFINITY, 2.0), (3.0, 1.0)],
        ] {
            assert_eq!(least_squares(points, Noise::Alike), None, "{points:?}");
            assert_eq!(theil_sen(points), None, "{points:?}");
        }
    }

    #[test]
    fn one_outlier_moves_least_squares_and_leaves_theil_sen() {
        // T = 10 + 2·k except for the last point. Six of the ten pair slopes are 2 and the four with the
        // outlier are larger, so the median is 2; four values of T − 2·k are 10 and one is 1010.
        let mut points = [1.0, 2.0, 3.0, 4.0, 5.0].map(|k| (k, 10.0 + 2.0 * k));
        points[4].1 += 1000.0;
        let line = theil_sen(&points).unwrap();
        assert_eq!((line.intercept, line.slope), (10.0, 2.0));
        // Sxy gains (5 − 3)·1000 over Sxx = 10: the least-squares slope is 2 + 200.
        assert!(close(least_squares(&points, Noise::Alike).unwrap().slope.value, 202.0));
    }

    proptest! {
        #[test]
        fn the_order_of_the_points_does_not_matter(
            (points, shuffled) in prop::collection::vec((0.0..64.0f64, 1e-6..1.0f64), 3..40)
                .prop_flat_map(|points| (Just(points.clone()), Just(points).prop_shuffle())),
        ) {
            let (a, b) = (least_squares(&points, Noise::Alike).unwrap(), least_squares(&shuffled, Noise::Alike).unwrap());
            // A small spread of k makes the slope ill-conditioned, so the tolerance grows with its error.
            let width = a.slope.interval.unwrap().standard_error;
            prop_assert!((a.slope.value - b.slope.value).abs() <= 1e-9 * (1.0 + width));
            let (a, b) = (theil_sen(&points).unwrap(), theil_sen(&shuffled).unwrap());
            prop_assert_eq!(a.slope, b.slope);
        }

        #[test]
        fn doubled_times_double_the_coefficients_and_their_errors(
            points in prop::collection::vec((0.0..64.0f64, 1e-6..1.0f64), 3..40),
        ) {
            let doubled: Vec<(f64, f64)> = points.iter().map(|(k, t)| (*k, 2.0 * t)).collect();
            for noise in [Noise::Alike, Noise::Proportional] {
            let (a, b) = (least_squares(&points, noise).unwrap(), least_squares(&doubled, noise).unwrap());
            for (a, b) in [(a.slope, b.slope), (a.intercept, b.intercept)] {
                prop_assert_eq!(2.0 * a.value, b.value);
                let (a, b) = (a.interval.unwrap(), b.interval.unwrap());
                prop_assert_eq!(2.0 * a.standard_error, b.standard_error);
                prop_assert_eq!(2.0 * a.lo, b.lo);
            }
            }
            let line = theil_sen(&points).unwrap();
            let expected = StraightLine { intercept: 2.0 * line.intercept, slope: 2.0 * line.slope };
            prop_assert_eq!(theil_sen(&doubled), Some(expected));
        }
    }
}
