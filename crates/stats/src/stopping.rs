//! When enough samples have been taken.
//!
//! Two rules, either of which suffices once the least number of samples is there:
//!
//! * **target**: half of the rank interval of the median ([`rank_interval`]) is at most a stated
//!   part of the median. T. Hoefler, R. Belli, "Scientific Benchmarking of Parallel Computing
//!   Systems", SC 2015, doi:10.1145/2807591.2807644, section 4.2.
//! * **stable noise**: the relative standard deviation no longer changes, so that more samples
//!   would not soon reach the target; the second rule of nvbench's `stdrel` criterion.
//!
//! Each look at the samples is a chance to stop on a lucky streak, so looks are spaced. Limits of
//! time and number are the caller's to watch; their names are in [`StopReason`] too.

use super::noise::{NoiseWindow, StableNoise};
use super::rank_interval::rank_interval;
use serde::{Deserialize, Serialize};

/// Why sampling stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StopReason {
    /// The interval of the median is as narrow as was asked.
    Target,
    /// The noise has settled above what the target needs.
    StableNoise,
    /// The time for this case is spent.
    TimeLimit,
    /// The largest number of samples is reached.
    MaxSamples,
}

/// What the stopping rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StoppingConfig {
    /// The confidence level of the rank interval. A level that no number of samples can have (0, 1)
    /// makes the target unreachable.
    pub level: f64,
    /// The largest half-width of the interval as a fraction of the median.
    pub relative_half_width: f64,
    /// The least number of samples before either rule may stop.
    pub min_samples: usize,
    /// The interval is looked at when the number of samples is a multiple of this; 0 means never.
    pub interval_every: usize,
    /// The second rule.
    pub stable_noise: StableNoise,
}

impl Default for StoppingConfig {
    /// 95 %, half-width 0.5 % of the median, at least 30 samples, a look every 5.
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

/// The stopping rule over the samples so far.
#[derive(Debug, Clone)]
pub struct StoppingRule {
    config: StoppingConfig,
    /// The samples in ascending order.
    sorted: Vec<f64>,
    noise: NoiseWindow,
    decision: Option<StopReason>,
}

impl StoppingRule {
    /// A rule that has seen no samples.
    pub fn new(config: StoppingConfig) -> Self {
        Self { config, sorted: Vec::new(), noise: NoiseWindow::new(config.stable_noise), decision: None }
    }

    /// Takes the next sample, in seconds (the rule is the same in any unit).
    ///
    /// A sample that is not finite and positive is no time; it is not taken, and the answer is
    /// `false`. Counting such samples is the caller's.
    pub fn push(&mut self, sample: f64) -> bool {
        if !sample.is_finite() || sample <= 0.0 {
            return false;
        }
        let place = self.sorted.partition_point(|&x| x <= sample);
        self.sorted.insert(place, sample);
        self.noise.push(sample);
        if self.decision.is_none() {
            self.decision = self.look();
        }
        true
    }

    /// Why sampling should stop, or none while it should go on: [`StopReason::Target`] or
    /// [`StopReason::StableNoise`].
    ///
    /// The rule stops at the first look that satisfies it. Samples pushed afterwards (a batch that
    /// was already on its way) do not take the decision back.
    pub fn decision(&self) -> Option<StopReason> {
        self.decision
    }

    /// The number of samples taken.
    pub fn samples(&self) -> usize {
        self.sorted.len()
    }

    /// The noise s/x̄ of all samples so far, with Bessel's correction; `None` for fewer than two.
    pub fn noise(&self) -> Option<f64> {
        self.noise.latest()
    }

    /// Half of the rank interval of the median as a fraction of the median; `None` while there are
    /// too few samples for an interval.
    pub fn relative_half_width(&self) -> Option<f64> {
        let interval = rank_interval(&self.sorted, self.config.level)?;
        let median = super::quantile::median(&self.sorted)?;
        Some(interval.half_width() / median)
    }

    fn look(&self) -> Option<StopReason> {
        let n = self.sorted.len();
        let every = self.config.interval_every;
        if n < self.config.min_samples {
            None
        } else if n.is_multiple_of(every) && self.target_reached() {
            Some(StopReason::Target)
        } else if self.noise.settled() {
            Some(StopReason::StableNoise)
        } else {
            None
        }
    }

    fn target_reached(&self) -> bool {
        self.relative_half_width().is_some_and(|width| width <= self.config.relative_half_width)
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

    /// The number of samples at which the default rule stops, and why.
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
        // Equal samples satisfy the target at any look. With at least 31 samples the look at 30 is
        // too early, and the next is at 35.
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
