//! Statistics of a result row, computed from its samples.

use super::autocorrelation::{RankCorrelation, Removed};
use super::quantile::{Quartiles, sorted_finite};
use super::rank_interval::widened;
use super::tukey::{Fences, OutlierCounts};
use super::{autocorrelation, spread, trend};
use serde::{Deserialize, Serialize};

/// Statistics reported for the samples of one row.
///
/// Times are in the unit of the samples, seconds. A statistic that is undefined for the samples (too few
/// of them, or no spread among them) is `None` and written as `null`, because JSON has no NaN. The
/// headline is the median with its interval and quartiles; the mean is for totals, and the minimum is
/// for ceilings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Summary {
    /// Number of samples.
    pub n: usize,
    /// Median, in seconds.
    pub median: f64,
    /// First quartile (Hyndman-Fan type 7), in seconds.
    pub q1: f64,
    /// Third quartile (Hyndman-Fan type 7), in seconds.
    pub q3: f64,
    /// Lower end of the rank interval of the median, in seconds, widened by the correlation of the samples;
    /// `None` if there are too few samples, fewer than six at 95 %.
    pub ci_lo: Option<f64>,
    /// Upper end of that interval, in seconds; `None` where `ci_lo` is.
    pub ci_hi: Option<f64>,
    /// Coverage of that interval: the exact one of independent samples, and the requested confidence level if
    /// the interval is widened; `None` where `ci_lo` is.
    pub ci_coverage: Option<f64>,
    /// Smallest sample, in seconds.
    pub min: f64,
    /// Largest sample, in seconds.
    pub max: f64,
    /// Arithmetic mean, in seconds.
    pub mean: f64,
    /// Sample standard deviation (n − 1), in seconds; `None` for one sample.
    pub sd: Option<f64>,
    /// Coefficient of variation sd/mean, a fraction; `None` for one sample or a mean of 0.
    pub cv: Option<f64>,
    /// Median absolute deviation times 1.4826, in seconds.
    pub mad: f64,
    /// Interquartile range divided by the median, a fraction; `None` for a median of 0.
    pub relative_iqr: Option<f64>,
    /// Number of samples inside and outside Tukey's fences. No sample is dropped.
    pub outliers: OutlierCounts,
    /// Drift from the first sample to the last, a fraction of the median (Theil-Sen slope); `None` for
    /// fewer than three samples or a median of 0.
    pub drift: Option<f64>,
    /// Two-sided p-value of the Mann-Kendall test for a trend, with the variance that correlated samples have;
    /// `None` for fewer than three samples.
    pub drift_p: Option<f64>,
    /// Lag-1 autocorrelation; `None` for fewer than three samples or if all are equal.
    pub autocorrelation: Option<f64>,
    /// Number of independent samples that the samples are worth for their median, at most `n`; `None` for fewer
    /// than three samples, and in rows of versions that took samples as independent.
    #[serde(default)]
    pub effective_n: Option<f64>,
}

impl Summary {
    /// Computes the summary of samples in seconds, in the order in which they were taken, on which the interval,
    /// the drift and the correlation depend; `level` is the confidence level of the interval of the median.
    ///
    /// `None` if there are no samples, if one is not finite, or if they are so large (10¹⁵⁰) that their
    /// squares overflow.
    pub fn from_samples(samples: &[f64], level: f64) -> Option<Self> {
        let sorted = sorted_finite(samples)?;
        let quartiles = Quartiles::from_sorted(&sorted)?;
        let test = trend::mann_kendall_of_series(samples);
        let mut summary = Self {
            n: samples.len(),
            median: quartiles.median,
            q1: quartiles.q1,
            q3: quartiles.q3,
            ci_lo: None,
            ci_hi: None,
            ci_coverage: None,
            min: *sorted.first()?,
            max: *sorted.last()?,
            mean: spread::mean(samples)?,
            sd: spread::standard_deviation(samples),
            cv: spread::coefficient_of_variation(samples),
            mad: spread::median_absolute_deviation(samples)?,
            relative_iqr: spread::relative_interquartile_range(samples),
            outliers: Fences::new(&quartiles).count(samples),
            drift: test.and_then(|_| trend::drift(samples)),
            drift_p: test.map(|test| test.p),
            autocorrelation: autocorrelation::lag1_autocorrelation(samples),
            effective_n: None,
        };
        summary.correct_for_correlation(samples, level);
        Some(summary)
    }

    /// Replaces the interval of the median and `effective_n` by those of the samples, which must be those of the
    /// summary in the order in which they were taken. Leaves them as they are if the samples have none.
    pub fn correct_for_correlation(&mut self, samples: &[f64], level: f64) {
        let Some(correlation) = RankCorrelation::new(samples, Removed::Mean) else { return };
        let inflation = correlation.median_inflation();
        self.effective_n = Some(samples.len() as f64 / inflation);
        if let Some(interval) = widened(samples, level, inflation) {
            (self.ci_lo, self.ci_hi) = (Some(interval.lo), Some(interval.hi));
            self.ci_coverage = Some(interval.ranks.coverage);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ten_samples_have_the_summary_computed_by_hand() {
        // 1..9 and 20. Type 7: r = 2.25 → 3.25, 4.5 → 5.5, 6.75 → 7.75; IQR 4.5, fences at 14.5 and
        // 21.25, so 20 is a mild outlier. Ranks 2 and 9 of ten. Mean 6.5; Σ(x − x̄)² = 285 + 400 −
        // 422.5 = 262.5. |x − 5.5| = .5 .5 1.5 1.5 2.5 2.5 3.5 3.5 4.5 14.5 → 2.5. High and low samples
        // alternate, so neighbours are not correlated and the interval has the exact ranks.
        let samples = [1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 5.0, 20.0];
        let summary = Summary::from_samples(&samples, 0.95).unwrap();
        assert_eq!(summary.n, 10);
        assert_eq!((summary.q1, summary.median, summary.q3), (3.25, 5.5, 7.75));
        assert_eq!((summary.ci_lo, summary.ci_hi), (Some(2.0), Some(9.0)));
        // P(2 ≤ B ≤ 8) = 1 − 2·11/1024.
        assert!((summary.ci_coverage.unwrap() - 1002.0 / 1024.0).abs() < 1e-12);
        assert_eq!((summary.min, summary.max, summary.mean), (1.0, 20.0, 6.5));
        let sd = (262.5f64 / 9.0).sqrt();
        assert!((summary.sd.unwrap() - sd).abs() < 1e-12);
        assert!((summary.cv.unwrap() - sd / 6.5).abs() < 1e-12);
        assert!((summary.mad - 2.5 * 1.4826).abs() < 1e-12);
        assert!((summary.relative_iqr.unwrap() - 4.5 / 5.5).abs() < 1e-12);
        assert_eq!((summary.outliers.normal, summary.outliers.high_mild), (9, 1));
        assert_eq!(summary.effective_n, Some(10.0));
    }

    #[test]
    fn samples_in_order_drift_and_are_worth_few() {
        // The pair slopes among the first nine are all 1 and make up 36 of 45, so the median is 1.
        let samples = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 20.0];
        let summary = Summary::from_samples(&samples, 0.95).unwrap();
        assert!((summary.drift.unwrap() - 10.0 / 5.5).abs() < 1e-12);
        // S = 45, Var = 10·9·25/18 = 125, z = 44/√125 = 3.94; by Student's t with 8 degrees of freedom p would be .0043.
        // The correction for a possible correlation, which ten samples cannot exclude, makes it larger.
        assert!((0.0043..0.05).contains(&summary.drift_p.unwrap()), "{summary:?}");
        // Ranks 1 and 10 are all there is.
        assert_eq!((summary.ci_lo, summary.ci_hi, summary.ci_coverage), (Some(1.0), Some(20.0), Some(0.95)));
        assert!(summary.effective_n.unwrap() < 3.0, "{summary:?}");
    }

    #[test]
    fn one_sample_has_a_median_and_nothing_that_needs_two() {
        let summary = Summary::from_samples(&[0.25], 0.95).unwrap();
        assert_eq!((summary.median, summary.mean, summary.mad), (0.25, 0.25, 0.0));
        assert_eq!((summary.ci_lo, summary.ci_hi, summary.ci_coverage), (None, None, None));
        assert_eq!((summary.sd, summary.cv), (None, None));
        assert_eq!((summary.drift, summary.drift_p, summary.autocorrelation), (None, None, None));
        assert_eq!(summary.relative_iqr, Some(0.0));
    }

    #[test]
    fn what_has_no_summary_is_none() {
        assert_eq!(Summary::from_samples(&[], 0.95), None);
        assert_eq!(Summary::from_samples(&[1.0, f64::NAN], 0.95), None);
        assert_eq!(Summary::from_samples(&[1.0, f64::INFINITY], 0.95), None);
    }

    #[test]
    fn undefined_statistics_are_written_as_null_and_read_back() {
        let summary = Summary::from_samples(&[0.5, 0.5], 0.95).unwrap();
        let written = serde_json::to_value(&summary).unwrap();
        for undefined in ["ci_lo", "drift", "autocorrelation"] {
            assert!(written[undefined].is_null(), "{undefined}");
        }
        assert_eq!(written["sd"], 0.0);
        assert_eq!(serde_json::from_value::<Summary>(written).unwrap(), summary);
    }

    proptest! {
        #[test]
        fn the_parts_of_a_summary_are_in_order_and_all_finite(
            samples in prop::collection::vec(1e-9..1e3f64, 6..120),
        ) {
            let summary = Summary::from_samples(&samples, 0.95).unwrap();
            let (lo, hi) = (summary.ci_lo.unwrap(), summary.ci_hi.unwrap());
            prop_assert!(summary.min <= summary.q1 && summary.q1 <= summary.median);
            prop_assert!(summary.median <= summary.q3 && summary.q3 <= summary.max);
            prop_assert!(summary.min <= lo && lo <= summary.median);
            prop_assert!(summary.median <= hi && hi <= summary.max);
            prop_assert_eq!(summary.outliers.total(), summary.n);
            // To the bit what the estimates give by themselves.
            let interval = crate::median_interval(&samples, 0.95).unwrap();
            prop_assert_eq!((lo, hi, summary.ci_coverage), (interval.lo, interval.hi, Some(interval.ranks.coverage)));
            prop_assert_eq!(summary.effective_n, crate::effective_samples(&samples));
            // serde_json writes a number that is not finite as null, and then it cannot be read
            // back.
            let text = serde_json::to_string(&summary).unwrap();
            prop_assert!(serde_json::from_str::<Summary>(&text).is_ok());
        }

        #[test]
        fn only_trend_and_correlation_depend_on_the_order(
            (samples, shuffled) in prop::collection::vec(1e-3..1.0f64, 1..60)
                .prop_flat_map(|samples| (Just(samples.clone()), Just(samples).prop_shuffle())),
        ) {
            let a = Summary::from_samples(&samples, 0.95).unwrap();
            let b = Summary::from_samples(&shuffled, 0.95).unwrap();
            prop_assert!((a.mean - b.mean).abs() <= 1e-14);
            prop_assert!((a.sd.unwrap_or(0.0) - b.sd.unwrap_or(0.0)).abs() <= 1e-14);
            let without_order = |summary: Summary| Summary {
                mean: 0.0,
                sd: None,
                cv: None,
                ci_lo: None,
                ci_hi: None,
                ci_coverage: None,
                drift: None,
                drift_p: None,
                autocorrelation: None,
                effective_n: None,
                ..summary
            };
            prop_assert_eq!(without_order(a), without_order(b));
        }
    }
}
