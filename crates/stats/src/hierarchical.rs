//! Hierarchical bootstrap: resampling with replacement at every level, processes and then samples.
//!
//! T. Kalibera, R. Jones, "Quantifying Performance Changes with Effect Size Confidence Intervals",
//! 2012, arXiv 2007.10899, and their "Rigorous Benchmarking in Reasonable Time", ISMM 2013,
//! doi:10.1145/2464157.2464160.

use super::bootstrap::draw_index;
use super::nested::Nested;
use rand_pcg::Pcg64;

/// Statistic of samples in levels, computed from the lowest level upwards.
pub struct Levelled<W, A> {
    /// Reduces the samples of one group of level 1 to one value; it may reorder them.
    pub within: W,
    /// Reduces the values of the members of a group of a higher level to one value.
    pub across: A,
}

impl<W: FnMut(&mut [f64]) -> f64, A: FnMut(&mut [f64]) -> f64> Levelled<W, A> {
    /// Returns the statistic of the original samples. The caller must exclude empty levels, which give NaN.
    pub(super) fn of(&mut self, nested: &Nested) -> f64 {
        match nested {
            Nested::Samples(samples) => (self.within)(&mut samples.clone()),
            Nested::Groups(groups) => {
                let mut members: Vec<f64> = groups.iter().map(|group| self.of(group)).collect();
                (self.across)(&mut members)
            }
        }
    }

    /// Returns the statistic of one resample, which draws as many members of each group as the group has.
    /// `resampled` draws as many samples as a group of level 1 has, and reduces them to one value as `within`
    /// does.
    pub(super) fn of_resample(
        &mut self,
        nested: &Nested,
        generator: &mut Pcg64,
        resampled: &mut impl FnMut(&mut Pcg64, &[f64]) -> f64,
    ) -> f64 {
        match nested {
            Nested::Samples(samples) => resampled(generator, samples),
            Nested::Groups(groups) => {
                let mut members: Vec<f64> = (0..groups.len())
                    .map(|_| {
                        let group = &groups[draw_index(generator, groups.len())];
                        self.of_resample(group, generator, resampled)
                    })
                    .collect();
                (self.across)(&mut members)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::{Bootstrap, BootstrapInterval, BootstrapMethod, draw};
    use proptest::prelude::*;

    impl Bootstrap {
        /// Returns the percentile interval of a statistic of samples in levels, whose lowest level is a mean.
        ///
        /// The order of samples and of groups never changes the result. The interval is too narrow for few
        /// groups: for the mean of r groups that differ, the variance of the replicates is (r − 1)/r of what it
        /// should be, and the quantiles are those of the normal distribution instead of Student's t. With one
        /// group at the highest level, it does not cover any variation between groups.
        ///
        /// `None` where [`Nested::canonical`] is, if `resamples` is 0, if `level` is not strictly between 0 and
        /// 1, or if a statistic is not finite.
        fn hierarchical_interval<W, A>(
            &self,
            nested: &Nested,
            mut statistic: Levelled<W, A>,
        ) -> Option<BootstrapInterval>
        where
            W: FnMut(&mut [f64]) -> f64,
            A: FnMut(&mut [f64]) -> f64,
        {
            let nested = nested.canonical()?;
            let estimate = statistic.of(&nested);
            let replicates = self.replicate(estimate, |generator| {
                statistic.of_resample(&nested, generator, &mut resampled_mean)
            })?;
            self.percentile_interval(&replicates, BootstrapMethod::Hierarchical)
        }
    }

    fn mean(samples: &mut [f64]) -> f64 {
        samples.iter().sum::<f64>() / samples.len() as f64
    }

    fn resampled_mean(generator: &mut Pcg64, samples: &[f64]) -> f64 {
        let mut resample = samples.to_vec();
        draw(generator, samples, &mut resample);
        mean(&mut resample)
    }

    fn mean_of_means() -> Levelled<impl FnMut(&mut [f64]) -> f64, impl FnMut(&mut [f64]) -> f64> {
        Levelled { within: mean, across: mean }
    }

    fn quick(seed: u64) -> Bootstrap {
        Bootstrap { resamples: 200, ..Bootstrap::seeded(seed) }
    }

    #[test]
    fn processes_without_inner_spread_are_resampled_as_samples_would_be() {
        // 50 processes at 0 and 50 at 1, three samples each: the mean is Bin(100, ½)/100, whose .025
        // and .975 quantiles are .40 and .60 (see the percentile bootstrap), although there are 300
        // samples.
        let processes: Vec<Vec<f64>> = (0..100).map(|i| vec![f64::from(i % 2); 3]).collect();
        let interval =
            Bootstrap::seeded(1).hierarchical_interval(&Nested::processes(&processes), mean_of_means());
        let interval = interval.unwrap();
        assert_eq!((interval.estimate, interval.lo, interval.hi), (0.5, 0.40, 0.60));
        assert_eq!(interval.method, BootstrapMethod::Hierarchical);
    }

    #[test]
    fn one_level_is_the_percentile_bootstrap() {
        let samples = vec![3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        let flat = quick(9).interval(&samples, mean).unwrap();
        let levelled = quick(9).hierarchical_interval(&Nested::Samples(samples), mean_of_means()).unwrap();
        assert_eq!((levelled.lo, levelled.hi), (flat.lo, flat.hi));
    }

    #[test]
    fn every_level_adds_its_variance() {
        // Two boots of two processes of two samples, boots at ±4, processes at ±2, samples at ±1, so
        // the eight samples are ±4 ± 2 ± 1. The variance of the replicates is the sum over levels of
        // the biased variance of its members over their number up to that level: 16/2 + 4/4 + 1/8 =
        // 9.125. Resampling all eight as one would give 21/8 = 2.625.
        let process = |centre: f64| Nested::Samples(vec![centre - 1.0, centre + 1.0]);
        let boot = |centre: f64| Nested::Groups(vec![process(centre - 2.0), process(centre + 2.0)]);
        let nested = Nested::Groups(vec![boot(-4.0), boot(4.0)]);
        let bootstrap = Bootstrap { resamples: 20_000, ..Bootstrap::seeded(8) };
        let replicates = bootstrap
            .replicate(0.0, |generator| mean_of_means().of_resample(&nested, generator, &mut resampled_mean))
            .unwrap();
        let variance = crate::spread::variance(&replicates.sorted).unwrap();
        // The standard error of a variance of 20 000 is about 1 % of it.
        assert!((variance - 9.125).abs() < 0.3, "{variance}");
    }

    #[test]
    fn what_has_no_interval_is_none() {
        let none = |nested: Nested| quick(0).hierarchical_interval(&nested, mean_of_means());
        assert_eq!(none(Nested::Groups(vec![])), None);
        assert_eq!(none(Nested::processes(&[vec![1.0], vec![]])), None);
        assert_eq!(none(Nested::processes(&[vec![1.0], vec![f64::NAN]])), None);
        let never = Bootstrap { resamples: 0, ..quick(0) };
        assert_eq!(never.hierarchical_interval(&Nested::Samples(vec![1.0]), mean_of_means()), None);
    }

    proptest! {
        #[test]
        fn the_order_of_processes_and_of_samples_does_not_matter(
            (processes, shuffled) in prop::collection::vec(prop::collection::vec(1e-6..1.0f64, 1..8), 1..6)
                .prop_flat_map(|processes| (Just(processes.clone()), Just(processes).prop_shuffle())),
            seed in any::<u64>(),
        ) {
            let reversed: Vec<Vec<f64>> =
                shuffled.into_iter().map(|samples| samples.into_iter().rev().collect()).collect();
            let a = quick(seed).hierarchical_interval(&Nested::processes(&processes), mean_of_means());
            let b = quick(seed).hierarchical_interval(&Nested::processes(&reversed), mean_of_means());
            prop_assert!(a.is_some());
            prop_assert_eq!(a, b);
        }
    }
}
