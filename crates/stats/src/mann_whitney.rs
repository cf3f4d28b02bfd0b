//! The Mann–Whitney U test: whether samples of one set tend to exceed those of another.
//!
//! H. B. Mann, D. R. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically
//! Larger than the Other", Annals of Mathematical Statistics 18(1), 1947,
//! doi:10.1214/aoms/1177730491.

use super::quantile::sorted_finite;
use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc;

/// The exact distribution is used when the smaller set has no more samples than this.
pub const MOST_EXACT: usize = 8;

/// … and the larger one no more than this, which keeps the counts below 2¹²⁷.
const MOST_EXACT_OTHER: usize = 10_000;

/// The test of two sets of samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MannWhitney {
    /// U of the first set: the number of pairs in which its sample is the larger one, equal ones
    /// counting half.
    pub u: f64,
    /// The number of pairs, n₁·n₂.
    pub pairs: f64,
    /// The two-sided probability of a U at least as far from n₁·n₂/2 when both sets are of one
    /// distribution.
    pub p: f64,
    /// Whether `p` is exact; otherwise it is from the normal approximation.
    pub exact: bool,
}

/// The two-sided Mann–Whitney test of two sets of finite samples in any unit, in any order.
///
/// U₁ = R₁ − n₁(n₁ + 1)/2 with R₁ the sum of the ranks of the first set, ties at their middle rank.
/// Without ties and with at most [`MOST_EXACT`] samples in the smaller set (and 10 000 in the other)
/// p = min(1, 2·P(U ≥ max(U₁, U₂))) is counted exactly; otherwise, with N = n₁ + n₂ and t the sizes
/// of groups of equal samples,
///
/// z = (max(U₁, U₂) − n₁n₂/2 − ½)/σ, σ² = n₁n₂/12·((N + 1) − Σ(t³ − t)/(N(N − 1))), p = min(1, 2·(1 −
/// Φ(z))).
///
/// These are the choices of SciPy. All samples being equal, p is 1. The test takes samples to be
/// independent: given samples of one process each, it tells processes apart and not kernels. It
/// says nothing of how large a difference is. `None` if a set is empty or a sample is not finite.
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Option<MannWhitney> {
    let (first, second) = (sorted_finite(first)?, sorted_finite(second)?);
    let (n1, n2) = (first.len() as f64, second.len() as f64);
    // Halves are exact in f64, so twice U is a whole number.
    let u: f64 = first
        .iter()
        .map(|x| {
            let below = second.partition_point(|y| y < x);
            let up_to = second.partition_point(|y| y <= x);
            (below + up_to) as f64 / 2.0
        })
        .sum();
    let pairs = n1 * n2;
    let larger = u.max(pairs - u);
    let ties = tie_term(&first, &second);
    let smallest = first.len().min(second.len());
    let largest = first.len().max(second.len());
    let exact = ties == 0.0 && smallest <= MOST_EXACT && largest <= MOST_EXACT_OTHER;
    let p = if exact {
        exact_p(smallest, largest, larger as usize)
    } else {
        let n = n1 + n2;
        let variance = pairs / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)));
        if variance > 0.0 {
            let z = (larger - pairs / 2.0 - 0.5) / variance.sqrt();
            erfc(z / std::f64::consts::SQRT_2).min(1.0)
        } else {
            1.0
        }
    };
    Some(MannWhitney { u, pairs, p, exact })
}

/// Σ(t³ − t) over groups of t equal samples of both sets.
fn tie_term(first: &[f64], second: &[f64]) -> f64 {
    let mut both = [first, second].concat();
    both.sort_unstable_by(f64::total_cmp);
    // −0 and 0 are equal samples, so groups are formed by value and not by the total order.
    both.chunk_by(|a, b| a == b).map(|group| (group.len() as f64).powi(3) - group.len() as f64).sum()
}

/// min(1, 2·P(U ≥ `u`)) without ties, for `u` of at least half of the pairs.
///
/// The number of arrangements of m and n samples with U = u is the coefficient of qᵘ in the Gaussian
/// binomial ∏ᵢ₌₁..ₘ (1 − qⁿ⁺ⁱ)/(1 − qⁱ). Each factor makes one Gaussian binomial of another, so that
/// all coefficients stay whole numbers; they are the same from both ends, P(U ≥ u) = P(U ≤ mn − u).
fn exact_p(m: usize, n: usize, u: usize) -> f64 {
    let tail = m * n - u;
    let mut counts = vec![0i128; m * n / 2 + 1];
    counts[0] = 1;
    for i in 1..=m {
        for at in (n + i..counts.len()).rev() {
            counts[at] -= counts[at - n - i];
        }
        for at in i..counts.len() {
            counts[at] += counts[at - i];
        }
    }
    let in_tail: i128 = counts[..=tail].iter().sum();
    let all = (1..=m as i128).fold(1, |binomial, i| binomial * (n as i128 + i) / i);
    (2.0 * in_tail as f64 / all as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(actual: f64, expected: f64) -> bool {
        (actual - expected).abs() <= 1e-9 * expected
    }

    #[test]
    fn the_tests_that_google_benchmark_prints_for_its_examples_are_met() {
        // google/benchmark, tools/gbench, the expectations of report.py; SciPy 1.17.1 gives the same.
        let tied = mann_whitney(&[8.0, 8.0], &[7.0, 4.54, 800.0]).unwrap();
        assert_eq!((tied.u, tied.exact), (4.0, false));
        assert!(close(tied.p, 0.7670968684102772), "{tied:?}");
        let exact = mann_whitney(&[80.0, 77.0], &[75.0, 66.6, 1.0]).unwrap();
        assert_eq!((exact.u, exact.exact), (6.0, true));
        // All six pairs: 2·1/C(5, 2).
        assert!(close(exact.p, 0.2));
        // U = 3 of 4: arrangements with U = 4 or 3: 2·2/C(4, 2).
        assert!(close(mann_whitney(&[90.0, 86.0], &[89.0, 72.0]).unwrap().p, 2.0 / 3.0));
    }

    #[test]
    fn exact_and_approximate_p_are_those_of_scipy() {
        // scipy.stats.mannwhitneyu, 1.17.1; the first is the example of its documentation.
        let test = mann_whitney(&[19.0, 22.0, 16.0, 29.0, 24.0], &[20.0, 11.0, 17.0, 12.0]).unwrap();
        assert_eq!((test.u, test.exact), (17.0, true));
        assert!(close(test.p, 0.1111111111111111), "{test:?}");

        let range =
            |from: f64, step: f64, n: usize| -> Vec<f64> { (0..n).map(|i| from + step * i as f64).collect() };
        let test = mann_whitney(&range(1.0, 1.0, 8), &range(3.5, 1.0, 30)).unwrap();
        assert_eq!((test.u, test.exact), (15.0, true));
        assert!(close(test.p, 2.490619688262752e-05), "{test:?}");
        let test = mann_whitney(&range(10.5, 10.0, 8), &range(1.0, 1.0, 1000)).unwrap();
        assert_eq!((test.u, test.exact), (360.0, true));
        assert!(close(test.p, 2.0090696208519722e-08), "{test:?}");

        let a = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let b = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.065, 3.13, 1.28];
        let test = mann_whitney(&a, &b).unwrap();
        assert_eq!((test.u, test.exact), (58.0, false));
        assert!(close(test.p, 0.1333202155896274), "{test:?}");

        let a = [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0, 5.0, 6.0, 7.0, 7.0];
        let b = [2.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0, 7.0, 7.0, 8.0, 8.0, 9.0, 9.0, 9.0];
        let test = mann_whitney(&a, &b).unwrap();
        assert_eq!((test.u, test.exact), (39.0, false));
        assert!(close(test.p, 0.021096953789788812), "{test:?}");
    }

    #[test]
    fn five_processes_can_tell_at_5_percent_and_three_cannot() {
        // Complete separation: 2/C(6, 3) = .1, 2/C(8, 4) = .0286, 2/C(10, 5) = .0079.
        for (n, p) in [(3, 0.1), (4, 2.0 / 70.0), (5, 2.0 / 252.0)] {
            let low: Vec<f64> = (0..n).map(f64::from).collect();
            let high: Vec<f64> = low.iter().map(|x| x + 100.0).collect();
            assert!(close(mann_whitney(&low, &high).unwrap().p, p), "{n}");
        }
    }

    #[test]
    fn samples_that_are_all_equal_say_nothing() {
        let test = mann_whitney(&[7.0; 5], &[7.0; 9]).unwrap();
        assert_eq!((test.u, test.pairs, test.p), (22.5, 45.0, 1.0));
        let zeros = mann_whitney(&[0.0], &[-0.0]).unwrap();
        assert_eq!((zeros.u, zeros.p, zeros.exact), (0.5, 1.0, false));
    }

    #[test]
    fn the_largest_exact_case_does_not_overflow() {
        let small: Vec<f64> = (0..8).map(f64::from).collect();
        let large: Vec<f64> = (100..10_100).map(f64::from).collect();
        let test = mann_whitney(&small, &large).unwrap();
        // 2/C(10008, 8), about 2·8!/10032⁸.
        assert!(test.exact && test.p > 0.0 && test.p < 1e-26, "{test:?}");
    }

    #[test]
    fn what_has_no_test_is_none() {
        assert_eq!(mann_whitney(&[], &[1.0]), None);
        assert_eq!(mann_whitney(&[1.0], &[]), None);
        assert_eq!(mann_whitney(&[1.0], &[f64::NAN]), None);
        assert_eq!(mann_whitney(&[f64::INFINITY], &[1.0]), None);
    }

    /// How many choices of m ranks among m + n have each U, by going through all of them.
    fn by_enumeration(m: usize, n: usize) -> Vec<i128> {
        let mut counts = vec![0; m * n + 1];
        for chosen in (0u32..1 << (m + n)).filter(|chosen| chosen.count_ones() as usize == m) {
            let ranks: usize = (0..m + n).filter(|rank| chosen >> rank & 1 == 1).sum();
            counts[ranks - m * (m - 1) / 2] += 1;
        }
        counts
    }

    #[test]
    fn exact_p_agrees_with_enumeration_for_all_small_sets() {
        for m in 1..=5 {
            for n in m..=8 {
                let counts = by_enumeration(m, n);
                let all: i128 = counts.iter().sum();
                for u in (m * n).div_ceil(2)..=m * n {
                    let tail: i128 = counts[u..].iter().sum();
                    let expected = (2.0 * tail as f64 / all as f64).min(1.0);
                    assert!(close(exact_p(m, n, u), expected), "{m} {n} {u}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn exchanged_sets_share_p_and_the_pairs(
            first in prop::collection::vec(0..30i32, 1..20),
            second in prop::collection::vec(0..30i32, 1..20),
        ) {
            let first: Vec<f64> = first.into_iter().map(f64::from).collect();
            let second: Vec<f64> = second.into_iter().map(f64::from).collect();
            let (a, b) = (mann_whitney(&first, &second).unwrap(), mann_whitney(&second, &first).unwrap());
            prop_assert_eq!(a.u + b.u, a.pairs);
            prop_assert_eq!(a.p, b.p);
            prop_assert!(a.p > 0.0 && a.p <= 1.0);
            // Only the order of the samples counts.
            let cubed = |samples: &[f64]| samples.iter().map(|x| x.powi(3) + 1.0).collect::<Vec<f64>>();
            prop_assert_eq!(mann_whitney(&cubed(&first), &cubed(&second)), Some(a));
        }
    }
}
