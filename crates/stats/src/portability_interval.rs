//! Confidence interval of the performance portability PP, from the samples of each platform.

use super::bootstrap::{Bootstrap, BootstrapInterval, BootstrapMethod};
use super::hierarchical::Levelled;
use super::nested::Nested;
use super::quantile::median_of_unsorted;
use super::resampled_median::resampled_median;

/// Best time that an efficiency is relative to.
#[derive(Debug, Clone, PartialEq)]
pub enum Best {
    /// Time given by a roofline, taken as exact.
    Known(f64),
    /// Samples of another program, resampled like the program's own.
    Measured(Nested),
}

/// Samples from which one efficiency is computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// Times of the program: samples, or processes with the samples of each.
    pub own: Nested,
    /// Best time, in the same unit.
    pub best: Best,
}

impl Best {
    fn canonical(&self) -> Option<Self> {
        match self {
            Best::Known(time) => (time.is_finite() && *time > 0.0).then_some(Best::Known(*time)),
            Best::Measured(nested) => nested.canonical().map(Best::Measured),
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    median_of_unsorted(values).unwrap_or(f64::NAN)
}

impl Bootstrap {
    /// Returns the percentile interval of PP over `platforms`. Each platform has one efficiency per problem;
    /// the efficiency of a platform is the harmonic mean over its problems. An efficiency above 1 counts
    /// as 1.
    ///
    /// Each resample draws the processes of every platform, and the samples within them, with replacement;
    /// platforms are independent. A time is the median over processes of the medians of their samples. The
    /// estimate is PP of the original samples.
    ///
    /// `None` if there is no platform or one without a problem, where [`Nested::canonical`] or
    /// [`Bootstrap::interval`] is, or if a time is not positive.
    pub fn portability_interval(&self, platforms: &[Vec<Sampled>]) -> Option<BootstrapInterval> {
        let canonical = |sampled: &Sampled| {
            Some(Sampled { own: sampled.own.canonical()?, best: sampled.best.canonical()? })
        };
        let platforms: Vec<Vec<Sampled>> = platforms
            .iter()
            .map(|problems| problems.iter().map(canonical).collect::<Option<Vec<Sampled>>>())
            .collect::<Option<_>>()?;
        if platforms.is_empty() || platforms.iter().any(Vec::is_empty) {
            return None;
        }
        let mut statistic = Levelled { within: median, across: median };
        // 1/PP is the mean over platforms of the mean over problems of 1/e.
        let pp = |time: &mut dyn FnMut(&Nested) -> f64| {
            let mut inverse = 0.0;
            for problems in &platforms {
                let mut sum = 0.0;
                for Sampled { own, best } in problems {
                    let own = time(own);
                    let best = match best {
                        Best::Known(seconds) => *seconds,
                        Best::Measured(nested) => time(nested),
                    };
                    if !(own > 0.0 && best > 0.0) {
                        return f64::NAN;
                    }
                    sum += (own / best).max(1.0);
                }
                inverse += sum / problems.len() as f64;
            }
            platforms.len() as f64 / inverse
        };
        let estimate = pp(&mut |nested: &Nested| statistic.of(nested));
        let replicates = self.replicate(estimate, |generator| {
            pp(&mut |nested: &Nested| statistic.of_resample(nested, generator, &mut resampled_median))
        })?;
        self.percentile_interval(&replicates, BootstrapMethod::Hierarchical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quick(seed: u64) -> Bootstrap {
        Bootstrap { resamples: 400, ..Bootstrap::seeded(seed) }
    }

    fn sampled(own: &[f64], best: f64) -> Sampled {
        Sampled { own: Nested::Samples(own.to_vec()), best: Best::Known(best) }
    }

    #[test]
    fn without_spread_the_interval_is_the_score() {
        // Efficiencies 1, .8, .5, 1 and .2: 5/10.25.
        let platforms = [1.0, 0.8, 0.5, 1.0, 0.2].map(|e| vec![sampled(&[1.0 / e; 9], 1.0)]);
        let interval = quick(1).portability_interval(&platforms).unwrap();
        assert!((interval.estimate - 5.0 / 10.25).abs() < 1e-12);
        assert!((interval.lo - interval.hi).abs() < 1e-12 && interval.bootstrap.seed == 1);
        // Two problems at 1 and 1/3 have the harmonic mean 1/2.
        let two = [vec![sampled(&[1.0; 3], 1.0), sampled(&[3.0; 3], 1.0)]];
        assert!((quick(1).portability_interval(&two).unwrap().estimate - 0.5).abs() < 1e-12);
    }

    #[test]
    fn processes_that_differ_widen_the_interval_and_samples_within_them_do_not() {
        // Three processes at 1, 2 and 4 s: medians of resamples reach from 1 to 4, whatever is within.
        let processes = Nested::processes(&[vec![1.0; 30], vec![2.0; 30], vec![4.0; 30]]);
        let one = Sampled { own: processes, best: Best::Known(1.0) };
        let interval = quick(2).portability_interval(&[vec![one]]).unwrap();
        assert_eq!((interval.lo, interval.estimate, interval.hi), (0.25, 0.5, 1.0));
    }

    #[test]
    fn above_the_best_counts_as_the_best_and_a_measured_best_is_drawn_too() {
        assert_eq!(quick(3).portability_interval(&[vec![sampled(&[1.0, 1.1], 2.0)]]).unwrap().hi, 1.0);
        let best = Best::Measured(Nested::Samples(vec![1.0, 1.0, 1.0, 2.0, 2.0]));
        let both = Sampled { own: Nested::Samples(vec![2.0; 5]), best };
        let interval = quick(3).portability_interval(&[vec![both]]).unwrap();
        assert_eq!((interval.lo, interval.estimate, interval.hi), (0.5, 0.5, 1.0));
    }

    #[test]
    fn what_has_no_interval_is_none() {
        let none = |platforms: &[Vec<Sampled>]| quick(4).portability_interval(platforms);
        assert_eq!(none(&[]), None);
        assert_eq!(none(&[vec![]]), None);
        for (own, best) in
            [(&[][..], 1.0), (&[f64::NAN], 1.0), (&[0.0], 1.0), (&[1.0], 0.0), (&[1.0], f64::NAN)]
        {
            assert_eq!(none(&[vec![sampled(own, best)]]), None, "{own:?} {best}");
        }
    }

    proptest! {
        #[test]
        fn the_score_lies_within_its_interval_and_both_within_0_and_1(
            platforms in prop::collection::vec(prop::collection::vec(1.0..9.0f64, 1..12), 1..5), seed: u64,
        ) {
            let platforms: Vec<Vec<Sampled>> = platforms.iter().map(|own| vec![sampled(own, 1.5)]).collect();
            let interval = quick(seed).portability_interval(&platforms).unwrap();
            prop_assert!(0.0 < interval.lo && interval.lo <= interval.hi && interval.hi <= 1.0);
        }
    }
}
