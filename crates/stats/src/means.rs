//! Means across workloads; which mean is right depends on what is averaged.
//!
//! T. Hoefler, R. Belli, "Scientific Benchmarking of Parallel Computing Systems", SC 2015,
//! doi:10.1145/2807591.2807644, rules 3 and 4: costs (seconds, joules) have an arithmetic mean
//! ([`super::spread::mean`]), rates (FLOP/s, B/s, tokens/s) a harmonic one. Ratios should not be averaged
//! if the costs behind them are known; otherwise they have a geometric mean. Each function takes
//! positive, finite values and returns `None` for other values and for an empty slice.

/// Returns the harmonic mean n/Σ(1/x) of rates, in their unit: the overall rate if each workload does the
/// same amount of work.
pub fn harmonic_mean(rates: &[f64]) -> Option<f64> {
    let works = vec![1.0; rates.len()];
    weighted_harmonic_mean(rates, &works)
}

/// Returns the harmonic mean Σw/Σ(w/x) of rates, weighted by the amounts of work w: total work divided by
/// total time, in the unit of the rates. Also `None` if there is not one weight for each rate.
pub fn weighted_harmonic_mean(rates: &[f64], works: &[f64]) -> Option<f64> {
    if rates.len() != works.len() || !are_positive(rates) || !are_positive(works) {
        return None;
    }
    let time: f64 = rates.iter().zip(works).map(|(rate, work)| work / rate).sum();
    Some(works.iter().sum::<f64>() / time).filter(|mean| mean.is_finite() && *mean > 0.0)
}

/// Returns the geometric mean (∏x)^(1/n) of ratios, computed by logarithms so that products neither
/// overflow nor underflow. Swapping the two sides of all ratios inverts their mean.
pub fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    if !are_positive(ratios) {
        return None;
    }
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    Some((logarithms / ratios.len() as f64).exp())
}

fn are_positive(values: &[f64]) -> bool {
    !values.is_empty() && values.iter().all(|value| value.is_finite() && *value > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spread::mean;
    use proptest::prelude::*;

    fn close(actual: Option<f64>, expected: f64) -> bool {
        actual.is_some_and(|actual| (actual - expected).abs() <= 1e-12 * expected)
    }

    #[test]
    fn the_examples_of_the_python_documentation_are_met() {
        // statistics.harmonic_mean([40, 60]) = 48 and, for 5 km at 40 km/h and 30 km at 60 km/h,
        // 56; statistics.geometric_mean([54, 24, 36]) = 36.
        assert!(close(harmonic_mean(&[40.0, 60.0]), 48.0));
        assert!(close(weighted_harmonic_mean(&[40.0, 60.0], &[5.0, 30.0]), 56.0));
        assert!(close(geometric_mean(&[54.0, 24.0, 36.0]), 36.0));
    }

    #[test]
    fn the_harmonic_mean_is_the_rate_of_the_whole() {
        // 100 GFLOP three times in 10, 100 and 40 s: 300 GFLOP in 150 s. The arithmetic mean of the
        // rates, 4.5, would claim 67 s.
        assert!(close(harmonic_mean(&[10.0, 1.0, 2.5]), 2.0));
        // Different amounts of work: 100 in 10 s and 1 in 1 s.
        assert!(close(weighted_harmonic_mean(&[10.0, 1.0], &[100.0, 1.0]), 101.0 / 11.0));
    }

    #[test]
    fn many_ratios_neither_overflow_nor_underflow() {
        for ratio in [1e300, 1e-300] {
            let mean = geometric_mean(&[ratio; 1000]).unwrap();
            assert!((mean / ratio - 1.0).abs() < 1e-9, "{mean}");
        }
    }

    #[test]
    fn what_has_no_mean_is_none() {
        for values in [&[][..], &[1.0, 0.0], &[1.0, -1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert_eq!(harmonic_mean(values), None);
            assert_eq!(geometric_mean(values), None);
        }
        assert_eq!(weighted_harmonic_mean(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(weighted_harmonic_mean(&[1.0], &[0.0]), None);
    }

    proptest! {
        #[test]
        fn harmonic_geometric_and_arithmetic_means_are_in_this_order(
            values in prop::collection::vec(1e-6..1e6f64, 1..40),
        ) {
            let harmonic = harmonic_mean(&values).unwrap();
            let geometric = geometric_mean(&values).unwrap();
            let arithmetic = mean(&values).unwrap();
            prop_assert!(harmonic <= geometric * (1.0 + 1e-9));
            prop_assert!(geometric <= arithmetic * (1.0 + 1e-9));
        }

        #[test]
        fn the_base_of_ratios_does_not_matter(ratios in prop::collection::vec(1e-3..1e3f64, 1..40)) {
            let inverse: Vec<f64> = ratios.iter().map(|ratio| 1.0 / ratio).collect();
            let product = geometric_mean(&ratios).unwrap() * geometric_mean(&inverse).unwrap();
            prop_assert!((product - 1.0).abs() < 1e-9);
        }
    }
}
