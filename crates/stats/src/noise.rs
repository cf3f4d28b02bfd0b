//! Noise of samples, and detection of when it has settled.
//!
//! The noise is the relative standard deviation s/x̄ of all samples so far. Once it no longer changes,
//! more samples do not make it smaller. This is the second rule of nvbench's `stdrel` criterion, which
//! cut the time of a suite there from thirty hours to five.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Condition under which noise counts as settled: more than `min_estimates` of the last `window`
/// estimates exist, and their biased variance is below (`relative_deviation` · their mean)².
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StableNoise {
    /// Number of latest estimates that are kept; each sample from the fifth on gives one.
    pub window: usize,
    /// Number of estimates that must be exceeded.
    pub min_estimates: usize,
    /// Number of samples between checks of the rule; it is checked at multiples of this. 0 means never.
    pub every: usize,
    /// Limit of the standard deviation of the estimates, as a fraction of their mean.
    pub relative_deviation: f64,
}

impl Default for StableNoise {
    /// nvbench's values: a window of 512 estimates, more than 64 needed, a check every 16 samples, 5 %.
    fn default() -> Self {
        Self { window: 512, min_estimates: 64, every: 16, relative_deviation: 0.05 }
    }
}

/// Number of samples from which on the noise is estimated.
const FIRST_ESTIMATE: usize = 5;

/// Noise of the samples so far, with its latest estimates.
#[derive(Debug, Clone)]
pub struct NoiseWindow {
    rule: StableNoise,
    samples: usize,
    /// Running mean; `squares` is Σ(x − x̄)² about it.
    mean: f64,
    squares: f64,
    /// Latest estimates, oldest first.
    estimates: VecDeque<f64>,
}

impl NoiseWindow {
    /// Creates a window without samples.
    pub fn new(rule: StableNoise) -> Self {
        Self { rule, samples: 0, mean: 0.0, squares: 0.0, estimates: VecDeque::new() }
    }

    /// Adds the next sample, which must be finite and positive.
    ///
    /// Welford's update: B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares
    /// and Products", Technometrics 4(3), 1962, doi:10.1080/00401706.1962.10490022.
    pub fn push(&mut self, sample: f64) {
        self.samples += 1;
        let before = sample - self.mean;
        self.mean += before / self.samples as f64;
        self.squares += before * (sample - self.mean);
        if self.samples >= FIRST_ESTIMATE {
            self.estimates.extend(self.latest());
            let surplus = self.estimates.len().saturating_sub(self.rule.window);
            self.estimates.drain(..surplus);
        }
    }

    /// Returns the noise s/x̄ of all samples so far, with Bessel's correction; `None` if there are fewer than
    /// two samples.
    pub fn latest(&self) -> Option<f64> {
        (self.samples > 1).then(|| (self.squares / (self.samples - 1) as f64).sqrt() / self.mean)
    }

    /// Returns whether the rule is due at the current number of samples and satisfied.
    pub fn settled(&self) -> bool {
        let due = self.samples.is_multiple_of(self.rule.every);
        let n = self.estimates.len() as f64;
        let mean = self.estimates.iter().sum::<f64>() / n;
        let squares: f64 = self.estimates.iter().map(|x| (x - mean).powi(2)).sum();
        due && self.estimates.len() > self.rule.min_estimates
            && squares / n < (self.rule.relative_deviation * mean).powi(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise_of(samples: impl IntoIterator<Item = f64>) -> Option<f64> {
        let mut window = NoiseWindow::new(StableNoise::default());
        samples.into_iter().for_each(|sample| window.push(sample));
        window.latest()
    }

    /// Returns the number of samples at which the noise first counts as settled.
    fn settles(rule: StableNoise, samples: impl IntoIterator<Item = f64>) -> Option<usize> {
        let mut window = NoiseWindow::new(rule);
        samples.into_iter().zip(1..).find_map(|(sample, count)| {
            window.push(sample);
            window.settled().then_some(count)
        })
    }

    fn in_turn(low: f64, high: f64) -> impl Iterator<Item = f64> {
        (0..400).map(move |i| if i % 2 == 0 { low } else { high })
    }

    fn growing() -> impl Iterator<Item = f64> {
        (0..400).map(|i| 1.1f64.powi(i))
    }

    #[test]
    fn the_noise_of_nvbench_examples_is_the_unbiased_one() {
        // Mean 100.2, Σ(x − x̄)² = 4·.04 + .64 = .8, s² = .2.
        let low = noise_of([100.0, 100.0, 100.0, 100.0, 101.0]).unwrap();
        assert!((low - 0.2f64.sqrt() / 100.2).abs() < 1e-12);
        assert!(low < 0.1);
        // Mean 30, Σ(x − x̄)² = 1000, s² = 250.
        let high = noise_of([10.0, 20.0, 30.0, 40.0, 50.0]).unwrap();
        assert!((high - 250.0f64.sqrt() / 30.0).abs() < 1e-12);
        assert!(high > 0.1);
        // 6i for i = 1..26: mean 81, s² = 36·26·27/12 = 2106. Biased it would be 45/81 = .5556.
        let rising = noise_of((1..=26).map(|i| 6.0 * f64::from(i))).unwrap();
        assert!((rising - 2106.0f64.sqrt() / 81.0).abs() < 1e-12);
        assert!((rising - 0.5666).abs() < 1e-4);
    }

    #[test]
    fn one_sample_has_no_noise() {
        assert_eq!(noise_of([]), None);
        assert_eq!(noise_of([1.0]), None);
        assert_eq!(noise_of([1.0, 1.0]), Some(0.0));
    }

    #[test]
    fn steady_noise_settles_at_the_first_look_with_enough_estimates() {
        // Estimates begin at sample 5, so 64 of them exist at 68; more exist at the next multiple
        // of 16, 80, and at 69 if the rule is checked at every sample.
        let rule = StableNoise::default();
        assert_eq!(settles(rule, in_turn(1.0, 1.2)), Some(80));
        let rule = StableNoise { every: 1, ..rule };
        assert_eq!(settles(rule, in_turn(1.0, 1.2)), Some(69));
        let rule = StableNoise { every: 0, ..rule };
        assert_eq!(settles(rule, in_turn(1.0, 1.2)), None);
    }

    #[test]
    fn the_variance_of_the_noise_is_the_biased_one() {
        // 1, 1.2 in turn. Five: mean 1.08, s² = .048/4 = .012; six: mean 1.1, s² = .06/5 = .012.
        // So ν = √.012/1.08 = .10143 and √.012/1.1 = .09959, mean .10051, deviation ±.00092: the
        // biased one is .0092 of the mean, the unbiased one √2 times that, .0130.
        let six = || in_turn(1.0, 1.2).take(6);
        let rule = |relative_deviation: f64| StableNoise {
            min_estimates: 1,
            every: 1,
            relative_deviation,
            ..StableNoise::default()
        };
        assert_eq!(settles(rule(0.0093), six()), Some(6));
        assert_eq!(settles(rule(0.0091), six()), None);
    }

    #[test]
    fn noise_that_still_grows_is_not_settled() {
        // xᵢ = rⁱ, r = 1.1, large n: x̄ = rⁿ/(n(r − 1)) and Σx² = r²ⁿ/(r² − 1), so
        // ν² = n·(r − 1)/(r + 1) − 1 = n/21 − 1. From n = 32 to n = 400 it grows from 0.7 to 4.2,
        // a spread of far more than 5 % within the window.
        assert_eq!(settles(StableNoise::default(), growing()), None);
    }

    #[test]
    fn the_window_forgets_the_noise_of_the_beginning() {
        // The same growth, ν² ~ n − 21. Over the last w estimates ν has about the relative spread
        // w/(2·√12·(n − 21)), n being the middle of the window: for w = 70 less than 5 % from a
        // middle of 223 on, that is from sample 258 on, and the next multiple of 16 is 272.
        let rule = StableNoise { window: 70, ..StableNoise::default() };
        assert_eq!(settles(rule, growing()), Some(272));
    }
}
