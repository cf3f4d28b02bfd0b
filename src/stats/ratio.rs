//! The ratio of the medians of two sets of processes, and how certain it is.

use super::bca::acceleration;
use super::bootstrap::{Bootstrap, BootstrapInterval, BootstrapMethod};
use super::hierarchical::Levelled;
use super::nested::Nested;
use super::quantile::median_of_unsorted;
use serde::{Deserialize, Serialize};

/// With fewer samples than this on a side, one process on each, the interval is BCa.
pub const FEW_SAMPLES: usize = 30;

/// The ratio of two locations with its intervals. Of times, below 1 means that the new side is
/// faster.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MedianRatio {
    /// R, its interval at the level 1 − α, and how it was made.
    pub interval: BootstrapInterval,
    /// The lower end of the interval at 1 − 2α, from the same replicates, for a test of equivalence.
    pub equivalence_lo: f64,
    /// The upper end of that interval.
    pub equivalence_hi: f64,
    /// The number of processes of the new side.
    pub new_processes: usize,
    /// The number of processes of the reference.
    pub reference_processes: usize,
}

impl MedianRatio {
    /// R = x̃_new/x̃_ref of processes with their samples, each a positive, finite time in one unit.
    ///
    /// The location of a side is the geometric mean of the medians of its processes, exp(Σ ln x̃/r):
    /// the median itself where there is one process. Each process counts the same, however many
    /// samples it took.
    ///
    /// With several processes on a side the bootstrap is hierarchical: processes are drawn, and then
    /// samples within each. With one on each side only samples can be drawn; the interval is then BCa
    /// below [`FEW_SAMPLES`] samples on a side (percentile where BCa has no value), percentile from
    /// there on, and holds nothing of how processes differ: where processes of equal kernels differ by
    /// 1 %, as samples of one do, the interval of 30 samples each excludes 1 in two trials of three.
    /// For equivalence 1 − 2α is the level of two one-sided tests at α, D. J. Schuirmann, "A
    /// Comparison of the Two One-Sided Tests Procedure and the Power Approach", Journal of
    /// Pharmacokinetics and Biopharmaceutics 15(6), 1987, doi:10.1007/BF01068419.
    ///
    /// `None` if a side has no process, a process has no samples, a sample is not positive and finite,
    /// `resamples` is 0, or the level is not strictly between ½ and 1.
    pub fn new(new: &[Vec<f64>], reference: &[Vec<f64>], bootstrap: &Bootstrap) -> Option<Self> {
        let usable = |time: &f64| time.is_finite() && *time > 0.0;
        let sides = [new, reference];
        if bootstrap.level <= 0.5 || !sides.iter().all(|side| side.iter().flatten().all(usable)) {
            return None;
        }
        let wider = Bootstrap { level: 2.0 * bootstrap.level - 1.0, ..*bootstrap };
        let nested = sides.map(|side| Nested::processes(side).canonical());
        let [Some(new_nested), Some(reference_nested)] = nested else {
            return None;
        };
        let [interval, equivalence] = if let [[new], [reference]] = [new, reference] {
            ratio_of_samples(new, reference, [bootstrap, &wider])?
        } else {
            ratio_of_processes(&new_nested, &reference_nested, [bootstrap, &wider])?
        };
        Some(Self {
            interval,
            equivalence_lo: equivalence.lo,
            equivalence_hi: equivalence.hi,
            new_processes: new.len(),
            reference_processes: reference.len(),
        })
    }
}

/// The intervals at two levels from the same draws of samples.
fn ratio_of_samples(
    new: &[f64],
    reference: &[f64],
    bootstraps: [&Bootstrap; 2],
) -> Option<[BootstrapInterval; 2]> {
    let ratio = |sides: &mut [Vec<f64>]| median(&mut sides[0]) / median(&mut sides[1]);
    let mut groups = [new.to_vec(), reference.to_vec()];
    groups.iter_mut().for_each(|group| group.sort_unstable_by(f64::total_cmp));
    let [first, second] = bootstraps;
    let replicates = first.replicates(&groups, ratio)?;
    if new.len().min(reference.len()) < FEW_SAMPLES
        && let Some(acceleration) = acceleration(&groups, ratio)
        && let Some(narrow) = first.bca_of_replicates(&replicates, acceleration)
        && let Some(wide) = second.bca_of_replicates(&replicates, acceleration)
    {
        return Some([narrow, wide]);
    }
    let method = BootstrapMethod::Percentile;
    Some([first.percentile_interval(&replicates, method)?, second.percentile_interval(&replicates, method)?])
}

/// The intervals at two levels from the same draws of processes and samples.
fn ratio_of_processes(
    new: &Nested,
    reference: &Nested,
    bootstraps: [&Bootstrap; 2],
) -> Option<[BootstrapInterval; 2]> {
    let mean = |logarithms: &mut [f64]| logarithms.iter().sum::<f64>() / logarithms.len() as f64;
    let mut location = Levelled { within: |samples: &mut [f64]| median(samples).ln(), across: mean };
    let estimate = (location.of(new) - location.of(reference)).exp();
    let mut scratch = Vec::new();
    let [first, second] = bootstraps;
    let replicates = first.replicate(estimate, |generator| {
        let new = location.of_resample(new, generator, &mut scratch);
        let reference = location.of_resample(reference, generator, &mut scratch);
        (new - reference).exp()
    })?;
    let method = BootstrapMethod::Hierarchical;
    Some([first.percentile_interval(&replicates, method)?, second.percentile_interval(&replicates, method)?])
}

/// NaN where there is none, which the bootstrap refuses.
fn median(samples: &mut [f64]) -> f64 {
    median_of_unsorted(samples).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quick(seed: u64) -> Bootstrap {
        Bootstrap { resamples: 200, ..Bootstrap::seeded(seed) }
    }

    fn ends(ratio: &MedianRatio) -> (f64, f64, f64) {
        (ratio.interval.estimate, ratio.interval.lo, ratio.interval.hi)
    }

    #[test]
    fn samples_without_spread_have_an_interval_without_width() {
        let ratio = MedianRatio::new(&[vec![3.0; 8]], &[vec![2.0; 5]], &quick(3)).unwrap();
        assert_eq!(ends(&ratio), (1.5, 1.5, 1.5));
        assert_eq!((ratio.equivalence_lo, ratio.equivalence_hi), (1.5, 1.5));
        assert_eq!((ratio.new_processes, ratio.reference_processes), (1, 1));
    }

    #[test]
    fn the_ratio_of_two_coins_covers_exactly_its_possible_values() {
        // 30 samples of 6 over {1, 2} thirty times each: the median of the reference is 1 or 2 but for
        // an even draw, so both ends are reached: 6/2 and 6/1.
        let coins: Vec<f64> = (0..60).map(|i| f64::from(1 + i % 2)).collect();
        let ratio = MedianRatio::new(&[vec![6.0; 30]], &[coins], &quick(5)).unwrap();
        assert_eq!(ends(&ratio), (4.0, 3.0, 6.0));
        assert_eq!(ratio.interval.method, BootstrapMethod::Percentile);
    }

    #[test]
    fn the_method_follows_from_the_processes_and_the_number_of_samples() {
        let samples = |n: i32| (0..n).map(|i| 1.0 + f64::from(i * 7 % 10) / 100.0).collect::<Vec<f64>>();
        let method = |new: &[Vec<f64>], reference: &[Vec<f64>]| {
            MedianRatio::new(new, reference, &quick(1)).unwrap().interval.method
        };
        assert_eq!(method(&[samples(30)], &[samples(40)]), BootstrapMethod::Percentile);
        assert_eq!(method(&[samples(29)], &[samples(40)]), BootstrapMethod::Bca);
        assert_eq!(method(&[samples(40)], &[samples(29)]), BootstrapMethod::Bca);
        let several = [samples(10), samples(12)];
        assert_eq!(method(&several, &[samples(40)]), BootstrapMethod::Hierarchical);
        assert_eq!(method(&[samples(40)], &several), BootstrapMethod::Hierarchical);
    }

    #[test]
    fn processes_count_the_same_however_many_samples_they_took() {
        // Medians 1 and 4 in one, 2 in the other: √(1·4)/2 = 1.
        let new = [vec![1.0; 90], vec![4.0; 3]];
        let ratio = MedianRatio::new(&new, &[vec![2.0; 5]], &quick(2)).unwrap();
        // Of the four draws of two processes one is both fast and one both slow.
        let (estimate, lo, hi) = ends(&ratio);
        assert!((estimate - 1.0).abs() < 1e-12 && (lo - 0.5).abs() < 1e-12 && (hi - 2.0).abs() < 1e-12);
    }

    #[test]
    fn processes_that_differ_make_the_interval_as_wide_as_they_do() {
        // Ten processes each of 30 equal samples, ±1 % in turn: the replicates of ln x̃ have the
        // standard deviation .01/√10 on a side and .01·√(2/10) = .00447 for the ratio: ±.0088 at
        // 95 %. The 300 samples taken as one would have a width of nearly none or of all.
        let side: Vec<Vec<f64>> =
            (0..10).map(|i| vec![(0.01 * f64::from(2 * (i % 2) - 1)).exp(); 30]).collect();
        let ratio = MedianRatio::new(&side, &side, &Bootstrap { resamples: 4000, ..quick(4) }).unwrap();
        let (estimate, lo, hi) = ends(&ratio);
        assert_eq!(estimate, 1.0);
        assert!((lo.ln() + 0.0088).abs() < 0.0015 && (hi.ln() - 0.0088).abs() < 0.0015, "{ratio:?}");
        // 90 %: ±.0074.
        assert!(ratio.equivalence_lo > lo && ratio.equivalence_hi < hi);
    }

    #[test]
    fn what_has_no_ratio_is_none() {
        let ones = || vec![vec![1.0; 4]];
        let none = |new: &[Vec<f64>], reference: &[Vec<f64>]| MedianRatio::new(new, reference, &quick(0));
        assert_eq!(none(&ones(), &[]), None);
        assert_eq!(none(&[], &ones()), None);
        assert_eq!(none(&ones(), &[vec![]]), None);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(none(&ones(), &[vec![1.0, bad]]), None);
            assert_eq!(none(&[vec![bad], vec![1.0]], &ones()), None);
        }
        for (resamples, level) in [(0, 0.95), (10, 0.5), (10, 1.0), (10, f64::NAN)] {
            let bootstrap = Bootstrap { resamples, level, seed: 0 };
            assert_eq!(MedianRatio::new(&ones(), &ones(), &bootstrap), None, "{bootstrap:?}");
        }
    }

    proptest! {
        #[test]
        fn orders_and_units_do_not_matter(
            (processes, shuffled) in prop::collection::vec(prop::collection::vec(0.5..1.0f64, 1..12), 1..5)
                .prop_flat_map(|processes| (Just(processes.clone()), Just(processes).prop_shuffle())),
            reference in prop::collection::vec(prop::collection::vec(0.5..1.0f64, 1..12), 1..5),
            seed in any::<u64>(),
        ) {
            let ratio = MedianRatio::new(&processes, &reference, &quick(seed)).unwrap();
            prop_assert_eq!(MedianRatio::new(&shuffled, &reference, &quick(seed)), Some(ratio));
            prop_assert!(ratio.interval.lo <= ratio.equivalence_lo);
            prop_assert!(ratio.equivalence_hi <= ratio.interval.hi);
            let scaled = |side: &[Vec<f64>]| -> Vec<Vec<f64>> {
                side.iter().map(|samples| samples.iter().map(|x| 1024.0 * x).collect()).collect()
            };
            let other = MedianRatio::new(&scaled(&processes), &scaled(&reference), &quick(seed)).unwrap();
            prop_assert!((other.interval.lo / ratio.interval.lo - 1.0).abs() < 1e-9);
            prop_assert!((other.interval.hi / ratio.interval.hi - 1.0).abs() < 1e-9);
        }
    }
}
