//! The percentile bootstrap, seeded, with the same result on every platform.
//!
//! B. Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7(1), 1979,
//! doi:10.1214/aos/1176344552.
//!
//! The generator is PCG64 (XSL RR 128/64), M. E. O'Neill, "PCG: A Family of Simple Fast
//! Space-Efficient Statistically Good Algorithms for Random Number Generation", HMC-CS-2014-0905,
//! as `rand_pcg` has it. A 64-bit draw x becomes the index ⌊x·n/2⁶⁴⌋, which favours no index by
//! more than n/2⁶⁴. A test holds the first indices, so that a stored seed keeps its meaning.

use super::quantile::{median_of_unsorted, quantile, sorted_finite};
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

/// A percentile bootstrap interval with what is needed to compute it again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BootstrapInterval {
    /// The statistic of the samples themselves.
    pub estimate: f64,
    /// The (1 − level)/2 quantile of the statistic over the resamples.
    pub lo: f64,
    /// The (1 + level)/2 quantile of the statistic over the resamples.
    pub hi: f64,
    /// How the samples were resampled.
    pub bootstrap: Bootstrap,
}

impl Bootstrap {
    /// 10 000 resamples at 95 %, from `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self { resamples: 10_000, level: 0.95, seed }
    }

    /// The interval of any statistic of finite samples.
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
        let mut sorted = sorted_finite(samples)?;
        let mut resample = sorted.clone();
        let mut generator = Pcg64::seed_from_u64(self.seed);
        let replicates = || {
            draw(&mut generator, &sorted, &mut resample);
            statistic(&mut resample)
        };
        let replicates: Vec<f64> = std::iter::repeat_with(replicates).take(self.resamples).collect();
        self.percentiles(statistic(&mut sorted), &replicates)
    }

    /// The interval of the ratio median(`new`)/median(`reference`) of two independent sets of
    /// finite samples, each resampled by itself; a time ratio below 1 means that `new` is faster.
    ///
    /// `None` where [`Bootstrap::interval`] is, for either set, and where a median of the reference
    /// is 0.
    pub fn median_ratio(&self, new: &[f64], reference: &[f64]) -> Option<BootstrapInterval> {
        let (mut new, mut reference) = (sorted_finite(new)?, sorted_finite(reference)?);
        let (mut new_resample, mut reference_resample) = (new.clone(), reference.clone());
        let mut generator = Pcg64::seed_from_u64(self.seed);
        let replicates: Option<Vec<f64>> = std::iter::repeat_with(|| {
            draw(&mut generator, &new, &mut new_resample);
            draw(&mut generator, &reference, &mut reference_resample);
            ratio_of_medians(&mut new_resample, &mut reference_resample)
        })
        .take(self.resamples)
        .collect();
        self.percentiles(ratio_of_medians(&mut new, &mut reference)?, &replicates?)
    }

    /// The interval from the statistics of the resamples.
    fn percentiles(&self, estimate: f64, replicates: &[f64]) -> Option<BootstrapInterval> {
        if !(estimate.is_finite() && self.level > 0.0 && self.level < 1.0) {
            return None;
        }
        let replicates = sorted_finite(replicates)?;
        Some(BootstrapInterval {
            estimate,
            lo: quantile(&replicates, (1.0 - self.level) / 2.0)?,
            hi: quantile(&replicates, (1.0 + self.level) / 2.0)?,
            bootstrap: *self,
        })
    }
}

/// Fills `resample` with draws of `samples`, with replacement.
fn draw(generator: &mut Pcg64, samples: &[f64], resample: &mut [f64]) {
    for slot in resample {
        *slot = samples[draw_index(generator, samples.len())];
    }
}

/// A number below `n`, each as likely as another but for n/2⁶⁴.
fn draw_index(generator: &mut Pcg64, n: usize) -> usize {
    ((u128::from(generator.next_u64()) * n as u128) >> 64) as usize
}

/// The ratio of the medians, if it is a number.
fn ratio_of_medians(new: &mut [f64], reference: &mut [f64]) -> Option<f64> {
    let ratio = median_of_unsorted(new)? / median_of_unsorted(reference)?;
    Some(ratio).filter(|ratio| ratio.is_finite())
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
        assert_eq!(interval.bootstrap, Bootstrap::seeded(1));
    }

    #[test]
    fn samples_without_spread_have_an_interval_without_width() {
        let interval = quick(3).median_ratio(&[3.0; 8], &[2.0; 5]).unwrap();
        assert_eq!((interval.estimate, interval.lo, interval.hi), (1.5, 1.5, 1.5));
    }

    #[test]
    fn the_ratio_of_two_coins_covers_exactly_its_possible_values() {
        // One sample of 6 over {1, 2}: medians of the reference 1, 1.5, 2 with ¼, ½, ¼.
        // The .025 and .975 quantiles lie in the outer quarters: 6/2 and 6/1.
        let interval = quick(5).median_ratio(&[6.0], &[1.0, 2.0]).unwrap();
        assert_eq!((interval.estimate, interval.lo, interval.hi), (4.0, 3.0, 6.0));
    }

    #[test]
    fn what_has_no_interval_is_none() {
        let ones = [1.0; 4];
        assert_eq!(quick(0).interval(&[], mean), None);
        assert_eq!(quick(0).interval(&[1.0, f64::NAN], mean), None);
        assert_eq!(quick(0).interval(&ones, |_| f64::NAN), None);
        assert_eq!(quick(0).median_ratio(&ones, &[]), None);
        assert_eq!(quick(0).median_ratio(&[], &ones), None);
        assert_eq!(quick(0).median_ratio(&ones, &[0.0, 0.0]), None);
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
            prop_assert_eq!(
                quick(seed).median_ratio(&shuffled, &samples),
                quick(seed).median_ratio(&samples, &shuffled)
            );
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
