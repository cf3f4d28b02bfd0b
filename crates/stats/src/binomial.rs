//! Confidence interval of a proportion from a number of trials.

use statrs::distribution::{Beta, ContinuousCDF};

/// Returns the exact confidence interval, at `level`, of a probability: x = `successes` of n = `trials`
/// independent trials succeeded.
///
/// The interval goes from B(α/2; x, n − x + 1) to B(1 − α/2; x + 1, n − x), which are quantiles of the
/// beta distribution; the lower end is 0 for x = 0 and the upper end is 1 for x = n. Its coverage is
/// `level` or more. C. J. Clopper, E. S. Pearson, "The Use of Confidence or Fiducial Limits Illustrated
/// in the Case of the Binomial", Biometrika 26(4), 1934, doi:10.1093/biomet/26.4.404.
///
/// `None` if there are no trials, if `successes` exceeds `trials`, or if `level` is not strictly between
/// 0 and 1.
pub fn clopper_pearson(successes: u64, trials: u64, level: f64) -> Option<(f64, f64)> {
    if trials == 0 || successes > trials || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let tail = (1.0 - level) / 2.0;
    let (x, rest) = (successes as f64, (trials - successes) as f64);
    let quantile = |a: f64, b: f64, p: f64| Some(Beta::new(a, b).ok()?.inverse_cdf(p));
    let lo = if successes == 0 { 0.0 } else { quantile(x, rest + 1.0, tail)? };
    let hi = if successes == trials { 1.0 } else { quantile(x + 1.0, rest, 1.0 - tail)? };
    Some((lo, hi))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(interval: Option<(f64, f64)>, lo: f64, hi: f64) {
        let (a, b) = interval.unwrap();
        assert!((a - lo).abs() < 1e-4 && (b - hi).abs() < 1e-4, "{a} to {b}, not {lo} to {hi}");
    }

    #[test]
    fn the_ends_of_none_and_of_all_follow_from_one_power() {
        // x = 0: (1 − p)ⁿ = .025, for n = 200 p = 1 − .025^(1/200) = .01827. x = n = 10: p = .025^(1/10).
        near(clopper_pearson(0, 200, 0.95), 0.0, 1.0 - 0.025f64.powf(1.0 / 200.0));
        near(clopper_pearson(10, 10, 0.95), 0.025f64.powf(0.1), 1.0);
        // x = n = 1 at 90 %: p = .05.
        near(clopper_pearson(1, 1, 0.90), 0.05, 1.0);
    }

    #[test]
    fn half_of_ten_is_that_of_the_tables() {
        near(clopper_pearson(5, 10, 0.95), 0.1871, 0.8129);
    }

    #[test]
    fn what_has_no_trials_has_no_share() {
        assert_eq!(clopper_pearson(0, 0, 0.95), None);
        assert_eq!(clopper_pearson(3, 2, 0.95), None);
        assert_eq!(clopper_pearson(1, 2, 1.0), None);
    }

    proptest! {
        #[test]
        fn the_share_itself_is_inside_and_failures_mirror_successes(
            trials in 1..300u64,
            part in 0.0..=1.0f64,
        ) {
            let successes = (part * trials as f64) as u64;
            let (lo, hi) = clopper_pearson(successes, trials, 0.95).unwrap();
            let share = successes as f64 / trials as f64;
            prop_assert!(lo <= share && share <= hi);
            let (other_lo, other_hi) = clopper_pearson(trials - successes, trials, 0.95).unwrap();
            prop_assert!((lo + other_hi - 1.0).abs() < 1e-6 && (hi + other_lo - 1.0).abs() < 1e-6);
        }
    }
}
