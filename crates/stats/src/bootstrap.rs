//! Seeded percentile bootstrap, with the same result on every platform.
//!
//! B. Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7(1), 1979,
//! doi:10.1214/aos/1176344552. The bias-corrected interval is in [`super::bca`]; resampling of
//! processes and then of samples is in [`super::hierarchical`].
//!
//! The generator is PCG64 (XSL RR 128/64), M. E. O'Neill, "PCG: A Family of Simple Fast
//! Space-Efficient Statistically Good Algorithms for Random Number Generation", HMC-CS-2014-0905,
//! as implemented by `rand_pcg`. A 64-bit draw x becomes the index ⌊x·n/2⁶⁴⌋, which favours no index by
//! more than n/2⁶⁴. A test fixes the first indices, so that a stored seed always gives the same draws.

use super::quantile::{quantile, sorted_finite};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Parameters of a bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Bootstrap {
    /// Number of resamples, B; at least 1.
    pub resamples: usize,
    /// Confidence level, strictly between 0 and 1.
    pub level: f64,
    /// Seed of the random number generator.
    pub seed: u64,
}

/// Unit of resampling of a bootstrap, and derivation of its interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BootstrapMethod {
    /// Resamples samples; the interval ends are quantiles of the replicates.
    Percentile,
    /// Resamples samples; the quantiles are corrected for bias and acceleration.
    Bca,
    /// Resamples processes and then the samples of each; the interval ends are quantiles of the replicates.
    Hierarchical,
}

/// Bootstrap confidence interval, with everything needed to compute it again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BootstrapInterval {
    /// Statistic of the original samples.
    pub estimate: f64,
    /// Lower end; for the percentile method the (1 − level)/2 quantile of the replicates.
    pub lo: f64,
    /// Upper end; for the percentile method the (1 + level)/2 quantile of the replicates.
    pub hi: f64,
    /// Method that gave the interval.
    pub method: BootstrapMethod,
    /// Parameters of the resampling.
    pub bootstrap: Bootstrap,
}

/// Statistic of the original samples, and the statistics of the resamples in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replicates {
    pub(super) estimate: f64,
    pub(super) sorted: Vec<f64>,
}

impl Bootstrap {
    /// Returns the default parameters with `seed`: 10 000 resamples at 95 %.
    pub fn seeded(seed: u64) -> Self {
        Self { resamples: 10_000, level: 0.95, seed }
    }

    /// Returns the percentile interval of a statistic of finite samples.
    ///
    /// Each of the B resamples draws n of the n samples with replacement; the interval spans the central
    /// `level` of their statistics, by type 7 quantiles. `statistic` may reorder its slice. Samples are
    /// assumed to be exchangeable and are sorted first, so their order never changes the result; a
    /// statistic of the order (a trend) is meaningless here.
    ///
    /// The interval is somewhat too narrow for small n, and it covers only the variation between these
    /// samples: samples of one process say nothing about the next process.
    ///
    /// `None` if there are no samples or one is not finite, if `resamples` is 0, if `level` is not strictly
    /// between 0 and 1, or if a statistic is not finite.
    pub fn interval(
        &self,
        samples: &[f64],
        mut statistic: impl FnMut(&mut [f64]) -> f64,
    ) -> Option<BootstrapInterval> {
        let groups = [sorted_finite(samples)?];
        let replicates = self.replicates(&groups, |groups| statistic(&mut groups[0]))?;
        self.percentile_interval(&replicates, BootstrapMethod::Percentile)
    }

    /// Computes a statistic over resamples of independent groups, each resampled separately. The groups must
    /// be sorted, finite and not empty.
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

    /// Calls `replicate` B times with the seeded generator and returns the results with `estimate`; `None`
    /// if B is 0 or a value is not finite.
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

    /// Returns the interval that spans the central `level` of the replicates.
    pub(super) fn percentile_interval(
        &self,
        replicates: &Replicates,
        method: BootstrapMethod,
    ) -> Option<BootstrapInterval> {
        self.interval_between(replicates, method, (1.0 - self.level) / 2.0, (1.0 + self.level) / 2.0)
    }

    /// Returns the interval between two quantiles of the replicates.
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

/// Fills `resample` with values drawn from `samples` with replacement.
pub(super) fn draw(generator: &mut Pcg64, samples: &[f64], resample: &mut [f64]) {
    for slot in resample {
        *slot = samples[draw_index(generator, samples.len())];
    }
}

/// Draws an index below `n`; all are equally likely up to a bias of n/2⁶⁴.
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
        // Computed independently of this crate, by a Python transcription of PCG32 seeding and PCG64.
        let mut generator = Pcg64::seed_from_u64(2026);
        let drawn: Vec<usize> = (0..20).map(|_| draw_index(&mut generator, 10)).collect();
        assert_eq!(drawn, [6, 6, 2, 3, 3, 5, 2, 1, 0, 2, 0, 7, 5, 6, 7, 2, 9, 3, 3, 5]);
    }

    #[test]
    fn the_interval_of_a_proportion_is_that_of_the_binomial() {
        // 50 zeros and 50 ones: a resampled mean is Bin(100, ½)/100. P(≤ 39) = .0176 and
        // P(≤ 40) = .0284, so the .025 quantile is .40 and, by symmetry, the .975 quantile is .60.
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
