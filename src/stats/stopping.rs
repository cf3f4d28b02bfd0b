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

use super::rank_interval::rank_interval;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Why sampling stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
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

/// When noise counts as settled: of the last `window` estimates of the noise there are more than
/// `min_estimates`, and their biased variance is below (`relative_deviation` · their mean)².
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StableNoise {
    /// How many of the latest estimates are kept, one for each sample from the fifth on.
    pub window: usize,
    /// More than this many estimates are needed.
    pub min_estimates: usize,
    /// The rule is looked at when the number of samples is a multiple of this; 0 means never.
    pub every: usize,
    /// The largest standard deviation of the estimates as a fraction of their mean.
    pub relative_deviation: f64,
}

impl Default for StableNoise {
    /// The numbers of nvbench: 512 estimates, more than 64, every 16 samples, 5 %.
    fn default() -> Self {
        Self { window: 512, min_estimates: 64, every: 16, relative_deviation: 0.05 }
    }
}

/// The number of samples from which on the noise is estimated.
const FIRST_NOISE_ESTIMATE: usize = 5;

/// The stopping rule over the samples so far.
#[derive(Debug, Clone)]
pub struct StoppingRule {
    config: StoppingConfig,
    /// The samples in ascending order.
    sorted: Vec<f64>,
    /// The running mean, and Σ(x − x̄)² about it.
    mean: f64,
    squares: f64,
    /// The latest estimates of the noise, oldest first.
    noise: VecDeque<f64>,
    decision: Option<StopReason>,
}

impl StoppingRule {
    /// A rule that has seen no samples.
    pub fn new(config: StoppingConfig) -> Self {
        Self { config, sorted: Vec::new(), mean: 0.0, squares: 0.0, noise: VecDeque::new(), decision: None }
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
        self.update_moments(sample);
        if self.sorted.len() >= FIRST_NOISE_ESTIMATE {
            self.noise.extend(self.noise());
            let surplus = self.noise.len().saturating_sub(self.config.stable_noise.window);
            self.noise.drain(..surplus);
        }
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
        let n = self.sorted.len();
        (n > 1).then(|| (self.squares / (n - 1) as f64).sqrt() / self.mean)
    }

    /// Half of the rank interval of the median as a fraction of the median; `None` while there are
    /// too few samples for an interval.
    pub fn relative_half_width(&self) -> Option<f64> {
        let interval = rank_interval(&self.sorted, self.config.level)?;
        let median = super::quantile::median(&self.sorted)?;
        Some(interval.half_width() / median)
    }

    /// Welford's update: B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares
    /// and Products", Technometrics 4(3), 1962, doi:10.1080/00401706.1962.10490022.
    fn update_moments(&mut self, sample: f64) {
        let before = sample - self.mean;
        self.mean += before / self.sorted.len() as f64;
        self.squares += before * (sample - self.mean);
    }

    fn look(&self) -> Option<StopReason> {
        let n = self.sorted.len();
        let due = |every: usize| every > 0 && n.is_multiple_of(every);
        if n < self.config.min_samples {
            None
        } else if due(self.config.interval_every) && self.target_reached() {
            Some(StopReason::Target)
        } else if due(self.config.stable_noise.every) && self.noise_settled() {
            Some(StopReason::StableNoise)
        } else {
            None
        }
    }

    fn target_reached(&self) -> bool {
        self.relative_half_width().is_some_and(|width| width <= self.config.relative_half_width)
    }

    fn noise_settled(&self) -> bool {
        let rule = &self.config.stable_noise;
        let estimates = self.noise.len() as f64;
        let mean = self.noise.iter().sum::<f64>() / estimates;
        let squares: f64 = self.noise.iter().map(|noise| (noise - mean).powi(2)).sum();
        self.noise.len() > rule.min_estimates
            && squares / estimates < (rule.relative_deviation * mean).powi(2)
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
    fn the_noise_of_nvbench_examples_is_the_unbiased_one() {
        // Mean 100.2, Σ(x − x̄)² = 4·.04 + .64 = .8, s² = .2.
        let low = rule_over([100.0, 100.0, 100.0, 100.0, 101.0]).noise().unwrap();
        assert!((low - 0.2f64.sqrt() / 100.2).abs() < 1e-12);
        assert!(low < 0.1);
        // Mean 30, Σ(x − x̄)² = 1000, s² = 250.
        let high = rule_over([10.0, 20.0, 30.0, 40.0, 50.0]).noise().unwrap();
        assert!((high - 250.0f64.sqrt() / 30.0).abs() < 1e-12);
        assert!(high > 0.1);
        // 6i for i = 1..26: mean 81, s² = 36·26·27/12 = 2106. Biased it would be 45/81 = .5556.
        let rising = rule_over((1..=26).map(|i| 6.0 * f64::from(i))).noise().unwrap();
        assert!((rising - 2106.0f64.sqrt() / 81.0).abs() < 1e-12);
        assert!((rising - 0.5666).abs() < 1e-4);
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
    fn settled_noise_stops_at_the_first_look_with_enough_estimates() {
        // 1.0 and 1.2 in turn: the half-width stays .1/1.1 = 9 %, the noise settles near that.
        // Estimates begin at sample 5, so 64 of them exist at 68; more exist at the next multiple
        // of 16, 80.
        let samples = (0..200).map(|i| if i % 2 == 0 { 1.0 } else { 1.2 });
        assert_eq!(stops(samples), Some((80, StopReason::StableNoise)));
    }

    #[test]
    fn settled_noise_needs_more_than_the_least_number_of_estimates() {
        // Looked at after every sample, the 65th estimate at sample 69 is the first that can do.
        let mut config = StoppingConfig::default();
        config.stable_noise.every = 1;
        let mut rule = StoppingRule::new(config);
        (0..200)
            .take_while(|i| rule.push(if i % 2 == 0 { 1.0 } else { 1.2 }) && rule.decision().is_none())
            .for_each(drop);
        assert_eq!(rule.samples(), 69);
    }

    #[test]
    fn the_variance_of_the_noise_is_the_biased_one() {
        // 1, 1.2 in turn. Five: mean 1.08, s² = .048/4 = .012; six: mean 1.1, s² = .06/5 = .012. So
        // ν = √.012/1.08 = .10143 and √.012/1.1 = .09959, mean .10051, deviation ±.00092: the biased
        // one is .0092 of the mean, the unbiased one √2 times that, .0130.
        let stops_at_six = |relative_deviation: f64| {
            let mut rule = StoppingRule::new(StoppingConfig {
                min_samples: 6,
                stable_noise: StableNoise {
                    min_estimates: 1,
                    every: 1,
                    relative_deviation,
                    ..StableNoise::default()
                },
                ..StoppingConfig::default()
            });
            for sample in [1.0, 1.2, 1.0, 1.2, 1.0, 1.2] {
                rule.push(sample);
            }
            rule.decision() == Some(StopReason::StableNoise)
        };
        assert!(stops_at_six(0.0093));
        assert!(!stops_at_six(0.0091));
    }

    #[test]
    fn noise_that_still_grows_is_not_settled() {
        // xᵢ = rⁱ, r = 1.1, large n: x̄ = rⁿ/(n(r − 1)) and Σx² = r²ⁿ/(r² − 1), so
        // ν² = n·(r − 1)/(r + 1) − 1 = n/21 − 1. From n = 32 to n = 400 it grows from 0.7 to 4.2,
        // a spread of far more than 5 % within the window.
        assert_eq!(stops((0..400).map(|i| 1.1f64.powi(i))), None);
    }

    #[test]
    fn the_window_forgets_the_noise_of_the_beginning() {
        // The same growth, ν² ~ n − 21. Over the last w estimates ν has about the relative spread
        // w/(2·√12·(n − 21)), n being the middle of the window: for w = 70 less than 5 % from a
        // middle of 223 on, that is from sample 258 on, and the next multiple of 16 is 272.
        let mut config = StoppingConfig::default();
        config.stable_noise.window = 70;
        let mut rule = StoppingRule::new(config);
        (0..400).take_while(|&i| rule.push(1.1f64.powi(i)) && rule.decision().is_none()).for_each(drop);
        assert_eq!(rule.decision(), Some(StopReason::StableNoise));
        assert_eq!(rule.samples(), 272);
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
