//! The percentile bootstrap, seeded, with the same result on every platform.
//!
//! B. Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7(1), 1979,
//! doi:10.1214/aos/1176344552. The bias-corrected interval is in [`super::bca`], resampling of
//! processes and then of samples in [`super::hierarchical`].
//!
//! The generator is PCG64 (XSL RR 128/64), M. E. O'Neill, "PCG: A Family of Simple Fast
//! Space-Efficient Statistically Good Algorithms for Random Number Generation", HMC-CS-2014-0905,
//! as `rand_pcg` has it. A 64-bit draw x becomes the index ⌊x·n/2⁶⁴⌋, which favours no index by
//! more than n/2⁶⁴. A test holds the first indices, so that a stored seed keeps its meaning.

use super::quantile::{quantile, sorted_finite};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Bootstrap {
    /// The number of resamples, B.
    pub resamples: usize,
    /// The confidence level, strictly between 0 and 1.
    pub level: f64,
    /// The seed of the generator.
    pub seed: u64,
}

/// What was resampled, and how the interval was read off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BootstrapMethod {
    /// Samples; quantiles of the replicates.
    Percentile,
    /// Samples; quantiles corrected for bias and acceleration.
    Bca,
    /// Processes and, within each, samples; quantiles of the replicates.
    Hierarchical,
}

/// A bootstrap interval with what is needed to compute it again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BootstrapInterval {
    /// The statistic of the samples themselves.
    pub estimate: f64,
    /// The lower end: for the percentile method the (1 − level)/2 quantile of the replicates.
    pub lo: f64,
    /// The upper end: for the percentile method the (1 + level)/2 quantile of the replicates.
    pub hi: f64,
    /// The method.
    pub method: BootstrapMethod,
    /// How the samples were resampled.
    pub bootstrap: Bootstrap,
}

/// The statistic of the samples, and those of the resamples in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replicates {
    pub(super) estimate: f64,
    pub(super) sorted: Vec<f64>,
}

impl Bootstrap {
    /// 10 000 resamples at 95 %, from `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self { resamples: 10_000, level: 0.95, seed }
    }

    /// The percentile interval of any statistic of finite samples.
    ///
    /// Each of the B resamples draws n of the n samples with replacement; the interval spans the
    /// central `level` of the statistics, by type 7 quantiles. `statistic` may rearrange the slice
    /// that it is given. Since samples are taken as exchangeable, they are sorted first and their
    /// order never changes the result; a statistic of the order (a trend) means nothing here.
    ///
    /// The interval is somewhat too narrow for small n, and it knows of no variation but that
    /// between these samples: samples of one process say nothing about the next process.
    ///
    /// `None` if there are no samples or one is not finite, if `resamples` is 0 or `level` not
    /// strictly between 0 and 1, or if a statistic is not finite.
    pub fn interval(
        &self,
        samples: &[f64],
        mut statistic: impl FnMut(&mut [f64]) -> f64,
    ) -> Option<BootstrapInterval> {
        let groups = [sorted_finite(samples)?];
        let replicates = self.replicates(&groups, |groups| statistic(&mut groups[0]))?;
        self.percentile_interval(&replicates, BootstrapMethod::Percentile)
    }

    /// The statistics of resamples of independent groups, each resampled by itself. The groups are
    /// sorted and finite, and none is empty.
    pub(super) fn replicates(
        &self,
        groups: &[Vec<f64>],
        mut statistic: impl FnMut(&mut [Vec<f64>]) -> f64,
    ) -> Option<Replicates> {
        let mut resample = groups.to_vec();
        let estimate = statistic(&mut resample);
        self.replicate(estimate, |generator| {
            for (group, resample) in groups.iter().zip(&mut resample) {
                draw(generator, group, resample);
            }
            statistic(&mut resample)
        })
    }

    /// `estimate` and B results of `replicate` with the seeded generator; `None` if there are none
    /// or one is not finite.
    pub(super) fn replicate(
        &self,
        estimate: f64,
        mut replicate: impl FnMut(&mut Pcg64) -> f64,
    ) -> Option<Replicates> {
        if !estimate.is_finite() {
            return None;
        }
        let mut generator = Pcg64::seed_from_u64(self.seed);
        let replicates: Vec<f64> = (0..self.resamples).map(|_| replicate(&mut generator)).collect();
        Some(Replicates { estimate, sorted: sorted_finite(&replicates)? })
    }

    /// The interval that spans the central `level` of the replicates.
    pub(super) fn percentile_interval(
        &self,
        replicates: &Replicates,
        method: BootstrapMethod,
    ) -> Option<BootstrapInterval> {
        self.interval_between(replicates, method, (1.0 - self.level) / 2.0, (1.0 + self.level) / 2.0)
    }

    /// The interval between two quantiles of the replicates.
    pub(super) fn interval_between(
        &self,
        replicates: &Replicates,
        method: BootstrapMethod,
        lower: f64,
        upper: f64,
    ) -> Option<BootstrapInterval> {
        if !(self.level > 0.0 && self.level < 1.0) {
            return None;
        }
        Some(BootstrapInterval {
            estimate: replicates.estimate,
            lo: quantile(&replicates.sorted, lower)?,
            hi: quantile(&replicates.sorted, upper)?,
            method,
            bootstrap: *self,
        })
    }
}

/// Fills `resample` with draws of `samples`, with replacement.
pub(super) fn draw(generator: &mut Pcg64, samples: &[f64], resample: &mut [f64]) {
    for slot in resample {
        *slot = samples[draw_index(generator, samples.len())];
    }
}

/// A number below `n`, each as likely as another but for n/2⁶⁴.
pub(super) fn draw_index(generator: &mut Pcg64, n: usize) -> usize {
    ((u128::from(generator.next_u64()) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mean(samples: &mut [f64]) -> f64 {
        samples.iter().sum::<f64>() / samples.len() as f64
    }

    fn quick(seed: u64) -> Bootstrap {
        Bootstrap { resamples: 200, ..Bootstrap::seeded(seed) }
    }

    #[test]
    fn a_seed_draws_the_indices_that_it_has_always_drawn() {
        // Computed apart from this crate, by a Python transcription of PCG32 seeding and PCG64.
        let mut generator = Pcg64::seed_from_u64(2026);
        let drawn: Vec<usize> = (0..20).map(|_| draw_index(&mut generator, 10)).collect();
        assert_eq!(drawn, [6, 6, 2, 3, 3, 5, 2, 1, 0, 2, 0, 7, 5, 6, 7, 2, 9, 3, 3, 5]);
    }

    #[test]
    fn the_interval_of_a_proportion_is_that_of_the_binomial() {
        // 50 zeros and 50 ones: a resampled mean is Bin(100, ½)/100. P(≤ 39) = .0176 and
        // P(≤ 40) = .0284, so the .025 quantile is .40, and by symmetry the other is .60.
        let samples: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        let interval = Bootstrap::seeded(1).interval(&samples, mean).unwrap();
        assert_eq!((interval.estimate, interval.lo, interval.hi), (0.5, 0.40, 0.60));
        assert_eq!(
            (interval.method, interval.bootstrap),
            (BootstrapMethod::Percentile, Bootstrap::seeded(1))
        );
    }

    #[test]
    fn samples_without_spread_have_an_interval_without_width() {
        let interval = quick(3).interval(&[3.0; 8], mean).unwrap();
        assert_eq!((interval.estimate, interval.lo, interval.hi), (3.0, 3.0, 3.0));
    }

    #[test]
    fn what_has_no_interval_is_none() {
        let ones = [1.0; 4];
        assert_eq!(quick(0).interval(&[], mean), None);
        assert_eq!(quick(0).interval(&[1.0, f64::NAN], mean), None);
        assert_eq!(quick(0).interval(&ones, |_| f64::NAN), None);
        for (resamples, level) in [(0, 0.95), (10, 0.0), (10, 1.0), (10, f64::NAN)] {
            let bootstrap = Bootstrap { resamples, level, seed: 0 };
            assert_eq!(bootstrap.interval(&ones, mean), None, "{bootstrap:?}");
        }
    }

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_interval_in_any_order_of_samples(
            (samples, shuffled) in prop::collection::vec(1e-6..1.0f64, 2..30)
                .prop_flat_map(|samples| (Just(samples.clone()), Just(samples).prop_shuffle())),
            seed in any::<u64>(),
        ) {
            let interval = quick(seed).interval(&samples, mean);
            prop_assert!(interval.is_some());
            prop_assert_eq!(quick(seed).interval(&shuffled, mean), interval);
        }

        #[test]
        fn another_seed_gives_another_interval(seed in any::<u64>()) {
            let samples: Vec<f64> = (1..=30).map(|i| f64::from(i).sqrt()).collect();
            let (a, b) = (quick(seed), quick(seed ^ 1));
            prop_assert_ne!(
                a.interval(&samples, mean).map(|i| (i.lo, i.hi)),
                b.interval(&samples, mean).map(|i| (i.lo, i.hi))
            );
        }

        #[test]
        fn the_interval_stays_within_what_resampling_can_give_and_scales(
            samples in prop::collection::vec(1e-6..1.0f64, 2..30),
            seed in any::<u64>(),
        ) {
            let interval = quick(seed).interval(&samples, mean).unwrap();
            let lowest = samples.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = samples.iter().copied().fold(0.0, f64::max);
            let rounding = 1e-12;
            prop_assert!(lowest - rounding <= interval.lo && interval.lo <= interval.hi);
            prop_assert!(interval.hi <= highest + rounding);

            let halved: Vec<f64> = samples.iter().map(|x| x / 2.0).collect();
            let half = quick(seed).interval(&halved, mean).unwrap();
            prop_assert_eq!((2.0 * half.lo, 2.0 * half.hi), (interval.lo, interval.hi));
        }
    }
}
