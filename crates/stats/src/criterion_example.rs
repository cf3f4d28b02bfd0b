//! Example of criterion's book, `html_report/Fibonacci/Iterative/base`: a published set of samples with
//! the statistics that criterion printed for it.

use super::bootstrap::Bootstrap;
use super::quantile::{Quartiles, median, median_of_unsorted, sorted_finite};
use super::spread::{mean, median_absolute_deviation, standard_deviation};
use super::tukey::Fences;

/// Number of iterations of the first sample; sample i, counted from 1, has i times as many.
const ITERATIONS: f64 = 209_454.0;

/// Time of each sample, in microseconds.
const MICROSECONDS: [u32; 100] = [
    1128, 1853, 2976, 3908, 4938, 5885, 7324, 8286, 8765, 10310, 10857, 11678, 12549, 13873, 14675, 16283,
    20063, 17803, 20195, 20436, 21179, 22198, 22829, 23683, 24281, 25393, 26687, 27278, 28180, 29413, 30601,
    31213, 32171, 33550, 34156, 35158, 36981, 36258, 37167, 37987, 39330, 40601, 41696, 42520, 43247, 45455,
    45675, 49040, 47454, 50823, 50484, 49703, 52361, 54400, 52225, 53356, 60309, 57057, 57279, 58295, 58897,
    59319, 60526, 61972, 63944, 70640, 68548, 66929, 66643, 70034, 68525, 69591, 71544, 72586, 71582, 74696,
    75331, 75553, 76436, 87243, 80738, 79838, 80746, 81994, 83289, 84138, 91807, 84584, 85760, 87469, 89370,
    96233, 94821, 98666, 95124, 92061, 93890, 96042, 96633, 94869,
];

/// Returns the time of one iteration in each sample, in nanoseconds.
fn samples() -> Vec<f64> {
    let per_iteration = |(i, us): (usize, &u32)| f64::from(*us) * 1000.0 / (ITERATIONS * (i + 1) as f64);
    MICROSECONDS.iter().enumerate().map(per_iteration).collect()
}

fn close(actual: Option<f64>, expected: f64, tolerance: f64) -> bool {
    actual.is_some_and(|actual| (actual - expected).abs() <= tolerance)
}

#[test]
fn location_and_spread_are_those_that_criterion_prints() {
    let samples = samples();
    assert!(close(mean(&samples), 4.723173110355467, 1e-12));
    assert!(close(median(&sorted_finite(&samples).unwrap()), 4.670911442470985, 1e-12));
    assert!(close(standard_deviation(&samples), 0.1802894617505479, 1e-12));
    // criterion rounds 1.4826 to an f32 first.
    assert!(close(median_absolute_deviation(&samples), 0.08299438165247179, 1e-7));
}

#[test]
fn fences_and_outliers_are_those_that_criterion_prints() {
    let sorted = sorted_finite(&samples()).unwrap();
    let fences = Fences::new(&Quartiles::from_sorted(&sorted).unwrap());
    let ours = [fences.low_severe, fences.low_mild, fences.high_mild, fences.high_severe];
    let printed = [4.2588340691769435, 4.440709516666814, 4.925710709973135, 5.107586157463005];
    for (ours, printed) in ours.into_iter().zip(printed) {
        assert!(close(Some(ours), printed, 1e-12), "{ours} is not {printed}");
    }
    let counts = fences.count(&sorted);
    assert_eq!((counts.low_severe, counts.low_mild), (0, 1));
    assert_eq!((counts.high_mild, counts.high_severe), (7, 4));
}

#[test]
fn the_bootstrap_interval_of_the_median_is_that_which_criterion_prints() {
    // criterion draws 100 000 resamples as well. The median of a resample is halfway between two
    // samples, so equal quantiles agree to the last digits and not only within the error of the draws.
    let bootstrap = Bootstrap { resamples: 100_000, ..Bootstrap::seeded(7) };
    let interval = bootstrap.interval(&samples(), |x| median_of_unsorted(x).unwrap()).unwrap();
    assert!(close(Some(interval.estimate), 4.670911442470985, 1e-12));
    assert!(close(Some(interval.lo), 4.654054197375762, 1e-5), "{interval:?}");
    assert!(close(Some(interval.hi), 4.696694163445648, 1e-5), "{interval:?}");
}
