//! Student's t for the difference of two means of unequal variance.
//!
//! B. L. Welch, "The Generalization of 'Student's' Problem when Several Different Population Variances
//! Are Involved", Biometrika 34(1–2), 1947, doi:10.1093/biomet/34.1-2.28.

use super::kalibera_jones::LevelInterval;
use super::spread::{mean, variance};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The interval of the difference of the means of two independent samples, `new` − `reference`, in
/// their unit:
///
/// x̄ − ȳ ± t_{1−α/2, ν}·√(s²ₓ/nₓ + s²ᵧ/nᵧ), with
/// ν = (s²ₓ/nₓ + s²ᵧ/nᵧ)²/((s²ₓ/nₓ)²/(nₓ − 1) + (s²ᵧ/nᵧ)²/(nᵧ − 1)).
///
/// Samples without any spread have an interval without width. `None` if a side has fewer than two
/// samples, one is not finite, or `level` is not strictly between 0 and 1.
pub fn welch_interval(new: &[f64], reference: &[f64], level: f64) -> Option<LevelInterval> {
    if !(level > 0.0 && level < 1.0) {
        return None;
    }
    let estimate = mean(new)? - mean(reference)?;
    let part = |side: &[f64]| Some((variance(side)? / side.len() as f64, (side.len() - 1) as f64));
    let ((x, freedom_x), (y, freedom_y)) = (part(new)?, part(reference)?);
    let squared = x + y;
    if squared == 0.0 {
        return Some(LevelInterval { estimate, lo: estimate, hi: estimate });
    }
    let freedom = squared * squared / (x * x / freedom_x + y * y / freedom_y);
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf((1.0 + level) / 2.0);
    let half_width = t * squared.sqrt();
    let interval = LevelInterval { estimate, lo: estimate - half_width, hi: estimate + half_width };
    Some(interval).filter(|interval| interval.lo.is_finite() && interval.hi.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_variances_give_the_freedom_of_both_sides_together() {
        // Variances 2.5 and 2.5 of five each: ν = 8, t = 2.306, √(2·2.5/5) = 1.
        let interval = welch_interval(&[3.0, 4.0, 5.0, 6.0, 7.0], &[1.0, 2.0, 3.0, 4.0, 5.0], 0.95).unwrap();
        assert_eq!(interval.estimate, 2.0);
        assert!((interval.lo - (2.0 - 2.306)).abs() < 5e-4, "{interval:?}");
        assert!((interval.hi - (2.0 + 2.306)).abs() < 5e-4, "{interval:?}");
    }

    #[test]
    fn a_side_without_spread_leaves_the_freedom_of_the_other() {
        // s²/n = 2.5/5 = .5, ν = 4, t = 2.7764: ±2.7764·√.5.
        let interval = welch_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], &[3.0; 9], 0.95).unwrap();
        assert!((interval.hi - 2.7764 * 0.5f64.sqrt()).abs() < 5e-4, "{interval:?}");
        let none = welch_interval(&[2.0; 3], &[3.0; 4], 0.95).unwrap();
        assert_eq!((none.lo, none.hi), (-1.0, -1.0));
    }

    #[test]
    fn what_has_no_variance_has_no_interval() {
        assert_eq!(welch_interval(&[1.0], &[1.0, 2.0], 0.95), None);
        assert_eq!(welch_interval(&[1.0, 2.0], &[1.0, f64::NAN], 0.95), None);
        assert_eq!(welch_interval(&[1.0, 2.0], &[1.0, 2.0], 1.0), None);
    }
}
