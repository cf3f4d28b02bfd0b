//! Rules that decide when enough samples have been taken.
//!
//! Either of two rules stops sampling once the minimum number of samples is reached:
//!
//! * **target**: half the width of the rank interval of the median ([`median_interval`]), which correlated
//!   samples widen, is at most a given fraction of the median. T. Hoefler, R. Belli, "Scientific Benchmarking of Parallel Computing
//!   Systems", SC 2015, doi:10.1145/2807591.2807644, section 4.2.
//! * **stable noise**: the relative standard deviation no longer changes, so more samples would not
//!   soon reach the target. This is the second rule of nvbench's `stdrel` criterion. The samples must also be worth
//!   the minimum number of independent samples, because the standard deviation of correlated samples seems to
//!   settle long before they have shown all of their spread.
//!
//! Each check is a chance to stop on a lucky streak, so checks are spaced out, the more the longer sampling takes. The caller enforces the
//! limits on time and on the number of samples; [`StopReason`] has names for these as well.

use super::autocorrelation::effective_samples;
use super::noise::{NoiseWindow, StableNoise};
use super::rank_interval::{RankInterval, median_interval, rank_interval};
use serde::{Deserialize, Serialize};

/// Least growth of the number of samples from one check of the interval to the next.
const GROWTH: f64 = 1.1;

/// Why sampling stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StopReason {
    /// The confidence interval of the median is as narrow as the target requires.
    Target,
    /// The noise has settled at a level too high for the target.
    StableNoise,
    /// The time limit of the case was reached.
    TimeLimit,
    /// The maximum number of samples was reached.
    MaxSamples,
}

/// Parameters of the stopping rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StoppingConfig {
    /// Confidence level of the rank interval. A level that no interval can have (0 or 1) makes the target
    /// unreachable.
    pub level: f64,
    /// Largest half-width of the interval that meets the target, as a fraction of the median.
    pub relative_half_width: f64,
    /// Minimum number of samples before either rule may stop.
    pub min_samples: usize,
    /// The interval is checked at multiples of this number of samples, if there are a tenth more than at the last
    /// check. 0 means never.
    pub interval_every: usize,
    /// Parameters of the stable-noise rule.
    pub stable_noise: StableNoise,
}

impl Default for StoppingConfig {
    /// Level 95 %, half-width 0.5 % of the median, at least 30 samples, a check every 5 samples.
    fn default() -> Self {
        Self {
            level: 0.95,
            relative_half_width: 0.005,
            min_samples: 30,
            interval_every: 5,
            stable_noise: StableNoise::default(),
        }
    }
}

/// Stopping rule with the samples taken so far.
#[derive(Debug, Clone)]
pub struct StoppingRule {
    config: StoppingConfig,
    /// Samples in the order in which they were taken.
    samples: Vec<f64>,
    /// Samples in ascending order.
    sorted: Vec<f64>,
    /// Number of samples from which on the interval is checked again.
    next_check: usize,
    noise: NoiseWindow,
    decision: Option<StopReason>,
}

impl StoppingRule {
    /// Creates a rule without samples.
    pub fn new(config: StoppingConfig) -> Self {
        Self {
            config,
            samples: Vec::new(),
            sorted: Vec::new(),
            next_check: 0,
            noise: NoiseWindow::new(config.stable_noise),
            decision: None,
        }
    }

    /// Adds the next sample, in seconds (the rule works the same in any unit).
    ///
    /// Ignores a sample that is not finite and positive, and returns `false`. The caller counts such
    /// samples.
    pub fn push(&mut self, sample: f64) -> bool {
        if !sample.is_finite() || sample <= 0.0 {
            return false;
        }
        let place = self.sorted.partition_point(|&x| x <= sample);
        self.sorted.insert(place, sample);
        self.samples.push(sample);
        self.noise.push(sample);
        if self.decision.is_none() {
            self.decision = self.look();
        }
        true
    }

    /// Returns why sampling should stop: [`StopReason::Target`] or [`StopReason::StableNoise`]; `None` while
    /// it should continue.
    ///
    /// The first check that succeeds decides. Samples pushed afterwards (a batch that was already in
    /// flight) do not revoke the decision.
    pub fn decision(&self) -> Option<StopReason> {
        self.decision
    }

    /// Returns the number of samples accepted so far.
    pub fn samples(&self) -> usize {
        self.sorted.len()
    }

    /// Returns the noise s/x̄ of all samples so far, with Bessel's correction; `None` if there are fewer than
    /// two samples.
    pub fn noise(&self) -> Option<f64> {
        self.noise.latest()
    }

    /// Returns half the width of the rank interval of the median as a fraction of the median, widened by the
    /// correlation of the samples; `None` while there are too few samples for an interval.
    pub fn relative_half_width(&self) -> Option<f64> {
        let interval = median_interval(&self.samples, self.config.level)?;
        let median = super::quantile::median(&self.sorted)?;
        Some(interval.half_width() / median)
    }

    fn look(&mut self) -> Option<StopReason> {
        let n = self.sorted.len();
        if n < self.config.min_samples {
            return None;
        }
        if n >= self.next_check && n.is_multiple_of(self.config.interval_every) {
            self.next_check = (n as f64 * GROWTH).ceil() as usize;
            // The interval of independent samples takes less time and is never wider.
            let level = self.config.level;
            if self.is_within(rank_interval(&self.sorted, level))
                && self.is_within(median_interval(&self.samples, level))
            {
                return Some(StopReason::Target);
            }
        }
        let worth = || effective_samples(&self.samples).unwrap_or(0.0);
        (self.noise.settled() && worth() >= self.config.min_samples as f64).then_some(StopReason::StableNoise)
    }

    fn is_within(&self, interval: Option<RankInterval>) -> bool {
        let most = super::quantile::median(&self.sorted).map(|m| m * self.config.relative_half_width);
        interval.zip(most).is_some_and(|(interval, most)| interval.half_width() <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule_over(samples: impl IntoIterator<Item = f64>) -> StoppingRule {
        let mut rule = StoppingRule::new(StoppingConfig::default());
        for sample in samples {
            assert!(rule.push(sample));
        }
        rule
    }

    /// Returns the number of samples at which the default rule stops, and why.
    fn stops(samples: impl IntoIterator<Item = f64>) -> Option<(usize, StopReason)> {
        let mut rule = StoppingRule::new(StoppingConfig::default());
        samples.into_iter().find_map(|sample| {
            rule.push(sample);
            rule.decision().map(|reason| (rule.samples(), reason))
        })
    }

    #[test]
    fn samples_without_noise_stop_at_the_least_number() {
        assert_eq!(stops(std::iter::repeat_n(1e-3, 100)), Some((30, StopReason::Target)));
    }

    #[test]
    fn the_target_is_met_at_the_half_width_and_missed_above_it() {
        // 30 samples, ranks 10 and 21: 15 at 1 − d, 15 at 1 + d have the median 1 and half-width d.
        let two_levels = |d: f64| (0..30).map(move |i| if i % 2 == 0 { 1.0 - d } else { 1.0 + d });
        assert_eq!(stops(two_levels(0.0049)), Some((30, StopReason::Target)));
        assert_eq!(stops(two_levels(0.0051)), None);
        let width = rule_over(two_levels(0.0051)).relative_half_width().unwrap();
        assert!((width - 0.0051).abs() < 1e-12);
    }

    #[test]
    fn the_interval_is_looked_at_every_fifth_sample_only() {
        // Equal samples meet the target at every check. With a minimum of 31 samples, the check at 30
        // comes too early and the next one is at 35.
        let config = StoppingConfig { min_samples: 31, ..StoppingConfig::default() };
        let mut rule = StoppingRule::new(config);
        for count in 1..=35 {
            assert_eq!(rule.decision(), None, "before sample {count}");
            rule.push(1.0);
        }
        assert_eq!(rule.decision(), Some(StopReason::Target));
    }

    #[test]
    fn an_interval_that_is_never_looked_at_never_stops() {
        let mut rule = StoppingRule::new(StoppingConfig { interval_every: 0, ..StoppingConfig::default() });
        (0..100).for_each(|_| assert!(rule.push(1.0)));
        assert_eq!(rule.decision(), None);
    }

    #[test]
    fn settled_noise_stops_although_the_target_is_missed() {
        // 1.0 and 1.2 in turn: the half-width stays .1/1.1 = 9 %, and the noise is settled at the
        // first multiple of 16 above 68 samples.
        let samples = (0..200).map(|i| if i % 2 == 0 { 1.0 } else { 1.2 });
        assert_eq!(stops(samples), Some((80, StopReason::StableNoise)));
    }

    #[test]
    fn samples_after_the_decision_do_not_take_it_back() {
        let mut rule = rule_over([1.0; 30]);
        assert_eq!(rule.decision(), Some(StopReason::Target));
        (0..300).for_each(|i| assert!(rule.push(1.1f64.powi(i))));
        assert!(rule.relative_half_width().unwrap() > 0.005);
        assert_eq!(rule.decision(), Some(StopReason::Target));
    }

    #[test]
    fn what_is_no_time_is_not_taken() {
        let mut rule = rule_over([1.0, 3.0]);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(!rule.push(bad));
        }
        assert_eq!(rule.samples(), 2);
        assert_eq!(rule.noise(), Some(2.0f64.sqrt() / 2.0));
    }

    #[test]
    fn too_few_samples_have_neither_noise_nor_interval() {
        let rule = rule_over([1.0]);
        assert_eq!((rule.noise(), rule.relative_half_width()), (None, None));
        assert_eq!(rule_over([1.0; 5]).relative_half_width(), None);
        assert_eq!(rule_over([1.0; 6]).relative_half_width(), Some(0.0));
    }

    #[test]
    fn reasons_are_written_in_kebab_case() {
        let written =
            [StopReason::Target, StopReason::StableNoise, StopReason::TimeLimit, StopReason::MaxSamples]
                .map(|reason| serde_json::to_string(&reason).unwrap());
        let expected = ["\"target\"", "\"stable-noise\"", "\"time-limit\"", "\"max-samples\""];
        assert_eq!(written, expected);
    }

    proptest! {
        #[test]
        fn it_never_stops_before_the_least_number_nor_for_a_wrong_reason(
            samples in prop::collection::vec(1.0..1.03f64, 1..300),
            min_samples in 1..120usize,
        ) {
            let config = StoppingConfig { min_samples, ..StoppingConfig::default() };
            let mut rule = StoppingRule::new(config);
            for sample in samples {
                rule.push(sample);
                if let Some(reason) = rule.decision() {
                    let n = rule.samples();
                    prop_assert!(n >= min_samples);
                    let narrow = rule.relative_half_width().unwrap_or(1.0) <= 0.005;
                    match reason {
                        StopReason::Target => prop_assert!(narrow && n.is_multiple_of(5)),
                        StopReason::StableNoise => prop_assert!(n >= 69 && n.is_multiple_of(16)),
                        other => prop_assert!(false, "{:?} is the caller's", other),
                    }
                    break;
                }
            }
        }

        #[test]
        fn the_unit_of_time_does_not_matter(
            samples in prop::collection::vec(1.0..1.03f64, 1..200),
        ) {
            let in_other_unit: Vec<f64> = samples.iter().map(|x| x / 1048576.0).collect();
            prop_assert_eq!(stops(in_other_unit), stops(samples));
        }
    }
}
