//! Estimate with a standard error, and its confidence intervals and p-values by Student's t.
//!
//! Student (W. S. Gosset), "The Probable Error of a Mean", Biometrika 6(1), 1908,
//! doi:10.1093/biomet/6.1.1. B. L. Welch, "The Generalization of 'Student's' Problem when Several
//! Different Population Variances Are Involved", Biometrika 34(1–2), 1947,
//! doi:10.1093/biomet/34.1-2.28.

use super::spread::{mean, variance};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Confidence interval from Student's t distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentInterval {
    /// Estimated value.
    pub estimate: f64,
    /// Lower end of the interval, in the unit of the estimate.
    pub lo: f64,
    /// Upper end of the interval, in the unit of the estimate.
    pub hi: f64,
}

/// Returns the confidence interval (lower, upper) of the geometric mean of positive values, by Student's t of their
/// logarithms. Two values, whose t interval says nothing, give their range.
///
/// `None` for fewer than two values, a value that is not positive and finite, or a level not between 0 and 1.
pub fn geometric_mean_interval(values: &[f64], level: f64) -> Option<(f64, f64)> {
    if let [a, b] = values {
        return (a.min(*b) > 0.0 && a.max(*b).is_finite()).then_some((a.min(*b), a.max(*b)));
    }
    let logarithms: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let interval = StudentEstimate::mean(&logarithms)?.interval(level)?;
    Some((interval.lo.exp(), interval.hi.exp()))
}

/// Degrees of freedom above which Student's t is taken as normal: the quantiles then differ by less than 10⁻⁵, and the
/// search for those of t does not end.
const NORMAL: f64 = 1e5;

/// Returns the quantile of Student's t with `freedom` degrees of freedom at `p`. `None` unless `freedom` is positive.
pub fn t_quantile(p: f64, freedom: f64) -> Option<f64> {
    if freedom > NORMAL {
        return Some(Normal::standard().inverse_cdf(p));
    }
    Some(StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(p))
}

/// Estimate with its standard error and the degrees of freedom of that error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentEstimate {
    /// Estimated value, in the unit of the samples.
    pub value: f64,
    /// Standard error of the value, in the same unit; 0 if the samples have no spread.
    pub error: f64,
    /// Degrees of freedom ν of the standard error.
    pub freedom: f64,
}

impl StudentEstimate {
    /// Returns the mean x̄ of samples, with the standard error s/√n and n − 1 degrees of freedom.
    ///
    /// `None` for fewer than two samples or one that is not finite.
    pub fn mean(samples: &[f64]) -> Option<Self> {
        let n = samples.len() as f64;
        Some(Self { value: mean(samples)?, error: (variance(samples)? / n).sqrt(), freedom: n - 1.0 })
    }

    /// Returns the difference of the means of two independent samples with unequal variances,
    /// `new` − `reference`. It has Welch's standard error √(s²ₓ/nₓ + s²ᵧ/nᵧ), with
    /// ν = (s²ₓ/nₓ + s²ᵧ/nᵧ)²/((s²ₓ/nₓ)²/(nₓ − 1) + (s²ᵧ/nᵧ)²/(nᵧ − 1)).
    ///
    /// `None` if a side has fewer than two samples or one is not finite.
    pub fn welch(new: &[f64], reference: &[f64]) -> Option<Self> {
        let value = mean(new)? - mean(reference)?;
        let part = |side: &[f64]| Some((variance(side)? / side.len() as f64, (side.len() - 1) as f64));
        let ((x, freedom_x), (y, freedom_y)) = (part(new)?, part(reference)?);
        let squared = x + y;
        let freedom = squared * squared / (x * x / freedom_x + y * y / freedom_y);
        // Without any spread the error is 0 and the degrees of freedom have no effect.
        let freedom = if squared == 0.0 { freedom_x + freedom_y } else { freedom };
        Some(Self { value, error: squared.sqrt(), freedom })
    }

    /// Returns the difference of the means of two independent samples with equal variances,
    /// `new` − `reference`. It has Student's standard error s·√(1/nₓ + 1/nᵧ) with
    /// s² = (Σ(x − x̄)² + Σ(y − ȳ)²)/ν and ν = nₓ + nᵧ − 2. One side may have a single sample.
    ///
    /// `None` if a side is empty, both have one sample, or one is not finite.
    pub fn pooled(new: &[f64], reference: &[f64]) -> Option<Self> {
        let value = mean(new)? - mean(reference)?;
        let squares = |side: &[f64]| variance(side).unwrap_or(0.0) * (side.len() as f64 - 1.0);
        let freedom = (new.len() + reference.len()) as f64 - 2.0;
        let parts = 1.0 / new.len() as f64 + 1.0 / reference.len() as f64;
        let error = ((squares(new) + squares(reference)) / freedom * parts).sqrt();
        (freedom > 0.0).then_some(Self { value, error, freedom })
    }

    /// Returns the estimate with a further, independent standard error, in the unit of the value, of so many degrees of
    /// freedom. Errors add in squares, and ν becomes that of Welch and Satterthwaite, (a + b)²/(a²/νₐ + b²/νᵦ) for the
    /// squares a and b.
    pub fn with_error(self, further: f64, freedom: f64) -> Self {
        let (own, other) = (self.error.powi(2), further.powi(2));
        let sum = own + other;
        let joint = sum * sum / (own * own / self.freedom + other * other / freedom);
        Self { error: sum.sqrt(), freedom: if sum > 0.0 { joint } else { self.freedom }, ..self }
    }

    /// Returns the interval value ± t_{1−α/2, ν}·error, which has zero width if the error is 0. `None` if
    /// `level` is not strictly between 0 and 1.
    pub fn interval(&self, level: f64) -> Option<StudentInterval> {
        if !(level > 0.0 && level < 1.0) {
            return None;
        }
        let half_width = match self.error {
            0.0 => 0.0,
            error => error * t_quantile((1.0 + level) / 2.0, self.freedom)?,
        };
        let (lo, hi) = (self.value - half_width, self.value + half_width);
        let interval = StudentInterval { estimate: self.value, lo, hi };
        Some(interval).filter(|interval| interval.lo.is_finite() && interval.hi.is_finite())
    }

    /// Returns the one-sided p-value of the hypothesis that the true value is `bound` or less:
    /// P(T_ν ≥ (value − bound)/error). If the error is 0, p is 0 for a value above `bound` and 1 otherwise.
    ///
    /// The interval at 1 − α lies above `bound` if twice this p-value is below α.
    pub fn p_above(&self, bound: f64) -> Option<f64> {
        let distance = self.value - bound;
        if self.error == 0.0 {
            return Some(if distance > 0.0 { 0.0 } else { 1.0 });
        }
        let p = self.distribution()?.sf(distance / self.error);
        Some(p).filter(|p| p.is_finite())
    }

    /// Returns the one-sided p-value of the hypothesis that the true value is `bound` or more: that of
    /// [`StudentEstimate::p_above`] with the signs of value and bound reversed.
    pub fn p_below(&self, bound: f64) -> Option<f64> {
        Self { value: -self.value, ..*self }.p_above(-bound)
    }

    fn distribution(&self) -> Option<StudentsT> {
        StudentsT::new(0.0, 1.0, self.freedom).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOW: [f64; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];
    const HIGH: [f64; 5] = [3.0, 4.0, 5.0, 6.0, 7.0];

    #[test]
    fn the_interval_of_a_geometric_mean_is_students_of_the_logarithms() {
        // ln 1, ln e, ln e²: mean 1, s = 1, t₂ = 4.30265, half-width 4.30265/√3 = 2.48414.
        let values = [1.0, 1f64.exp(), 2f64.exp()];
        let (lo, hi) = geometric_mean_interval(&values, 0.95).unwrap();
        assert!((lo.ln() + 1.48414).abs() < 1e-4 && (hi.ln() - 3.48414).abs() < 1e-4, "{lo} {hi}");
        assert_eq!(geometric_mean_interval(&[3.0, 2.0], 0.95), Some((2.0, 3.0)));
        for nothing in [&[1.0][..], &[], &[1.0, 0.0], &[1.0, 0.0, 2.0], &[1.0, f64::INFINITY]] {
            assert_eq!(geometric_mean_interval(nothing, 0.95), None, "{nothing:?}");
        }
    }

    #[test]
    fn errors_add_in_squares_with_joint_degrees_of_freedom() {
        // Errors 3 and 4 give 5; ν = 25²/(9²/8 + 16²/10) = 17.5.
        let estimate = StudentEstimate { value: 1.0, error: 3.0, freedom: 8.0 };
        let joint = estimate.with_error(4.0, 10.0);
        assert_eq!((joint.value, joint.error), (1.0, 5.0));
        assert!((joint.freedom - 625.0 / (81.0 / 8.0 + 25.6)).abs() < 1e-9);
        assert_eq!(estimate.with_error(0.0, 10.0), estimate);
        let certain = StudentEstimate { error: 0.0, ..estimate };
        assert_eq!((certain.with_error(4.0, 10.0).error, certain.with_error(4.0, 10.0).freedom), (4.0, 10.0));
        assert_eq!(certain.with_error(0.0, 10.0), certain);
    }

    #[test]
    fn equal_variances_give_the_freedom_of_both_sides_together() {
        // Variances 2.5 and 2.5 of five each: ν = 8, t = 2.306, √(2·2.5/5) = 1.
        for estimate in [StudentEstimate::welch(&HIGH, &LOW), StudentEstimate::pooled(&HIGH, &LOW)] {
            let estimate = estimate.unwrap();
            assert!((estimate.value - 2.0).abs() < 1e-12 && (estimate.error - 1.0).abs() < 1e-12);
            assert!((estimate.freedom - 8.0).abs() < 1e-9, "{estimate:?}");
            let interval = estimate.interval(0.95).unwrap();
            assert!((interval.lo - (2.0 - 2.306)).abs() < 5e-4, "{interval:?}");
            assert!((interval.hi - (2.0 + 2.306)).abs() < 5e-4, "{interval:?}");
            // SciPy 1.17.1: t.sf(2, 8) and t.sf(1, 8).
            assert!((estimate.p_above(0.0).unwrap() - 0.04025811897863131).abs() < 1e-9);
            assert!((estimate.p_above(1.0).unwrap() - 0.17329675354366708).abs() < 1e-9);
            assert!((estimate.p_below(3.0).unwrap() - 0.17329675354366708).abs() < 1e-9);
            assert!((estimate.p_below(1.0).unwrap() - (1.0 - 0.17329675354366708)).abs() < 1e-9);
        }
    }

    #[test]
    fn a_side_without_spread_leaves_the_freedom_of_the_other() {
        // s²/n = 2.5/5 = .5, ν = 4, t = 2.7764: ±2.7764·√.5.
        let interval = StudentEstimate::welch(&LOW, &[3.0; 9]).unwrap().interval(0.95).unwrap();
        assert!((interval.hi - 2.7764 * 0.5f64.sqrt()).abs() < 5e-4, "{interval:?}");
    }

    #[test]
    fn without_spread_there_is_no_doubt() {
        for estimate in [
            StudentEstimate::welch(&[2.0; 3], &[3.0; 4]),
            StudentEstimate::pooled(&[2.0; 3], &[3.0; 1]),
            StudentEstimate::mean(&[-1.0; 2]),
        ] {
            let estimate = estimate.unwrap();
            let interval = estimate.interval(0.95).unwrap();
            assert_eq!((interval.lo, interval.hi), (-1.0, -1.0));
            assert_eq!((estimate.p_above(-1.5), estimate.p_above(-1.0)), (Some(0.0), Some(1.0)));
            assert_eq!((estimate.p_below(-0.5), estimate.p_below(-1.0)), (Some(0.0), Some(1.0)));
        }
    }

    #[test]
    fn what_has_no_variance_has_no_estimate() {
        assert_eq!(StudentEstimate::mean(&[1.0]), None);
        assert_eq!(StudentEstimate::welch(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(StudentEstimate::welch(&[1.0, 2.0], &[1.0, f64::NAN]), None);
        assert_eq!(StudentEstimate::pooled(&[1.0], &[2.0]), None);
        assert_eq!(StudentEstimate::pooled(&[], &[1.0, 2.0]), None);
        for level in [0.0, 1.0, f64::NAN] {
            assert_eq!(StudentEstimate::mean(&LOW).unwrap().interval(level), None);
        }
    }

    proptest! {
        #[test]
        fn twice_p_is_the_level_at_which_the_interval_ends_at_the_bound(
            new in prop::collection::vec(0.5..1.0f64, 2..8),
            reference in prop::collection::vec(0.5..1.0f64, 2..8),
            level in 0.5..0.99f64,
        ) {
            let estimate = StudentEstimate::welch(&new, &reference).unwrap();
            let interval = estimate.interval(level).unwrap();
            prop_assert!((2.0 * estimate.p_above(interval.lo).unwrap() - (1.0 - level)).abs() < 1e-6);
            prop_assert!((2.0 * estimate.p_below(interval.hi).unwrap() - (1.0 - level)).abs() < 1e-6);
        }
    }
}
