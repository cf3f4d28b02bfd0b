//! How much each level of a measurement varies, how often to repeat it, and how certain its mean is.
//!
//! T. Kalibera, R. Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013,
//! doi:10.1145/2464157.2464160. Levels are counted from 1, the samples, to n, the processes or boots
//! at the top; level i has rᵢ repetitions, as many in each group.

use super::nested::Nested;
use super::spread::{mean, variance};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The variances of the levels of a measurement; each list begins with level 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LevelVariances {
    /// The mean of all samples Ȳ, in their unit.
    pub mean: f64,
    /// The repetitions rᵢ.
    pub repetitions: Vec<usize>,
    /// S²ᵢ, the variance of the means of level i within their group, in the squared unit. It holds
    /// what the lower levels add.
    pub biased: Vec<f64>,
    /// T²ᵢ, what level i adds by itself, in the squared unit. It can be negative, by chance, and then
    /// the level adds nothing that can be seen.
    pub unbiased: Vec<f64>,
}

/// A confidence interval from Student's t distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LevelInterval {
    /// The estimate.
    pub estimate: f64,
    /// The lower end.
    pub lo: f64,
    /// The upper end.
    pub hi: f64,
}

impl LevelVariances {
    /// The variances of finite samples in levels, as many members in each group of a level.
    ///
    /// S²ᵢ = Σ(Ȳ_{jₙ…jᵢ} − Ȳ_{jₙ…jᵢ₊₁})²/(∏_{k>i} rₖ·(rᵢ − 1)); T²₁ = S²₁ and T²ᵢ = S²ᵢ − S²ᵢ₋₁/rᵢ₋₁. (The
    /// first printing of the paper subtracts T²ᵢ₋₁/rᵢ₋₁, which its authors corrected.)
    ///
    /// `None` if groups of a level differ in size, if a level has fewer than two members, or if a
    /// sample is not finite.
    pub fn new(nested: &Nested) -> Option<Self> {
        nested.uniform_depth()?;
        let level = Level::of(nested)?;
        let mut unbiased = level.variances.clone();
        for (i, r) in level.repetitions.iter().enumerate().take(unbiased.len() - 1) {
            unbiased[i + 1] -= level.variances[i] / *r as f64;
        }
        Some(Self { mean: level.mean, repetitions: level.repetitions, biased: level.variances, unbiased })
    }

    /// The interval Ȳ ± t_{1−α/2, rₙ−1}·√(S²ₙ/rₙ) of the mean, in the unit of the samples.
    ///
    /// Only the variance at the top enters: it holds all below. `None` if `level` is not strictly
    /// between 0 and 1.
    pub fn mean_interval(&self, level: f64) -> Option<LevelInterval> {
        let half_width = self.squared_half_width(level)?.sqrt();
        let interval =
            LevelInterval { estimate: self.mean, lo: self.mean - half_width, hi: self.mean + half_width };
        Some(interval).filter(|interval| interval.lo.is_finite() && interval.hi.is_finite())
    }

    /// How often to repeat levels 1 to n − 1 in each group of the level above, given what one
    /// repetition at each level costs (`costs`, one for each of the n levels, in any one unit; that
    /// of level 1 is a sample, that of level 2 starting a process, …): rᵢ = ⌈√(cᵢ₊₁/cᵢ·T²ᵢ/T²ᵢ₊₁)⌉. The
    /// top is then repeated as often as time allows.
    ///
    /// A level that adds no variation (T²ᵢ ≤ 0) needs one repetition. Under a level that adds none
    /// (T²ᵢ₊₁ ≤ 0) the repetitions have no bound, `None` in the list: repeating there is as good as
    /// above it and cheaper.
    ///
    /// `None` as a whole if there is not one positive, finite cost for each level.
    pub fn optimal_repetitions(&self, costs: &[f64]) -> Option<Vec<Option<usize>>> {
        let usable = costs.iter().all(|cost| cost.is_finite() && *cost > 0.0);
        if costs.len() != self.unbiased.len() || !usable {
            return None;
        }
        let best = |(costs, variances): (&[f64], &[f64])| {
            if variances[0] <= 0.0 {
                return Some(1);
            }
            let best = (costs[1] / costs[0] * (variances[0] / variances[1])).sqrt().ceil();
            // As a float it saturates, so that a bound beyond all numbers is none.
            (variances[1] > 0.0 && best < usize::MAX as f64).then_some((best as usize).max(1))
        };
        Some(costs.windows(2).zip(self.unbiased.windows(2)).map(best).collect())
    }

    /// t²·S²ₙ/rₙ.
    fn squared_half_width(&self, level: f64) -> Option<f64> {
        if !(level > 0.0 && level < 1.0) {
            return None;
        }
        let (r, top) = (*self.repetitions.last()? as f64, *self.biased.last()?);
        let t = StudentsT::new(0.0, 1.0, r - 1.0).ok()?.inverse_cdf((1.0 + level) / 2.0);
        Some(t * t * top / r)
    }
}

/// Fieller's interval of the ratio of two independent means, θ = Ȳ′/Ȳ of `new` and `reference`; of
/// times, below 1 means that `new` is faster.
///
/// With h² = t²_{1−α/2, rₙ−1}·S²ₙ/rₙ of the reference and h′² of the new one the ends are
///
/// (ȲȲ′ ± √((ȲȲ′)² − (Ȳ² − h²)·(Ȳ′² − h′²)))/(Ȳ² − h²),
///
/// which are the θ at which (Ȳ′ − θ·Ȳ)² = h′² + θ²·h². E. C. Fieller, "Some Problems in Interval
/// Estimation", Journal of the Royal Statistical Society B 16(2), 1954,
/// doi:10.1111/j.2517-6161.1954.tb00159.x.
///
/// `None` if `level` is not strictly between 0 and 1, or if the mean of the reference is not surely
/// apart from 0 (Ȳ² ≤ h²): then the set of such θ is no interval.
pub fn fieller_interval(
    new: &LevelVariances,
    reference: &LevelVariances,
    level: f64,
) -> Option<LevelInterval> {
    let denominator = reference.mean.powi(2) - reference.squared_half_width(level)?;
    let numerator = new.mean.powi(2) - new.squared_half_width(level)?;
    if denominator <= 0.0 {
        return None;
    }
    let product = reference.mean * new.mean;
    // Not negative but for rounding: (ȲȲ′)² is at least (Ȳ² − h²)·(Ȳ′² − h′²).
    let root = (product.powi(2) - denominator * numerator).max(0.0).sqrt();
    let interval = LevelInterval {
        estimate: new.mean / reference.mean,
        lo: (product - root) / denominator,
        hi: (product + root) / denominator,
    };
    Some(interval).filter(|interval| interval.lo.is_finite() && interval.hi.is_finite())
}

/// A level with those below it.
struct Level {
    mean: f64,
    /// From level 1.
    repetitions: Vec<usize>,
    /// S², from level 1; those below are means over groups of the same size.
    variances: Vec<f64>,
}

impl Level {
    fn of(nested: &Nested) -> Option<Self> {
        let groups = match nested {
            Nested::Samples(samples) => {
                return Some(Self {
                    mean: mean(samples)?,
                    repetitions: vec![samples.len()],
                    variances: vec![variance(samples)?],
                });
            }
            Nested::Groups(groups) => groups,
        };
        let levels: Vec<Self> = groups.iter().map(Self::of).collect::<Option<_>>()?;
        let mut repetitions = levels.first()?.repetitions.clone();
        if levels.iter().any(|level| level.repetitions != repetitions) {
            return None;
        }
        let below = |i: usize| mean(&levels.iter().map(|level| level.variances[i]).collect::<Vec<f64>>());
        let mut variances: Vec<f64> = (0..repetitions.len()).map(below).collect::<Option<_>>()?;
        let means: Vec<f64> = levels.iter().map(|level| level.mean).collect();
        repetitions.push(groups.len());
        variances.push(variance(&means)?);
        Some(Self { mean: mean(&means)?, repetitions, variances })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn levels(text: &str) -> Option<LevelVariances> {
        LevelVariances::new(&serde_json::from_str(text).unwrap())
    }

    fn close(actual: &[f64], expected: &[f64]) -> bool {
        actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 5e-4)
    }

    // The examples of libkalibera, the authors' own implementation (pykalibera, test_data.py).

    #[test]
    fn three_levels_of_libkalibera_have_its_variances() {
        let levels = levels("[[[9, 5], [8, 3]], [[10, 6], [7, 11]], [[1, 12], [2, 4]]]").unwrap();
        assert_eq!((levels.mean, &levels.repetitions[..]), (6.5, &[2, 2, 3][..]));
        assert!(close(&levels.biased, &[16.5, 2.5833, 3.5625]), "{levels:?}");
        // 2.5833 − 16.5/2 and 3.5625 − 2.5833/2.
        assert!(close(&levels.unbiased, &[16.5, -5.6667, 2.2708]), "{levels:?}");
    }

    #[test]
    fn two_levels_of_libkalibera_have_its_variances_and_interval() {
        let levels = levels("[[9, 5, 8, 3], [10, 6, 7, 11], [1, 12, 2, 4]]").unwrap();
        assert!(close(&levels.biased, &[12.7222, 3.5625]), "{levels:?}");
        assert!(close(&levels.unbiased, &[12.7222, 0.3819]), "{levels:?}");
        // t₀.₉₇₅,₂ = 4.30265; √(3.5625/3) = 1.08972.
        let interval = levels.mean_interval(0.95).unwrap();
        assert_eq!(interval.estimate, 6.5);
        assert!((interval.hi - 6.5 - 4.688707109531832).abs() < 1e-8, "{interval:?}");
        assert!((6.5 - interval.lo - 4.688707109531832).abs() < 1e-8, "{interval:?}");
    }

    #[test]
    fn the_optimal_repetitions_of_libkalibera_are_met() {
        let levels = levels("[[[3, 4, 3], [1.2, 3.1, 3]], [[0.2, 1, 1.5], [1, 2, 3]]]").unwrap();
        assert!(close(&levels.unbiased, &[0.72667, 0.26278, 0.77472]), "{levels:?}");
        // √(20/3·.72667/.26278) = 4.2937 and √(100/20·.26278/.77472) = 1.3023.
        assert_eq!(levels.optimal_repetitions(&[3.0, 20.0, 100.0]), Some(vec![Some(5), Some(2)]));
        for costs in [&[3.0, 20.0][..], &[3.0, 20.0, 0.0], &[3.0, f64::NAN, 1.0]] {
            assert_eq!(levels.optimal_repetitions(costs), None);
        }
    }

    #[test]
    fn a_level_without_variation_is_repeated_once_and_those_below_without_bound() {
        // T² = 16.5, −5.67, 2.27.
        let levels = levels("[[[9, 5], [8, 3]], [[10, 6], [7, 11]], [[1, 12], [2, 4]]]").unwrap();
        assert_eq!(levels.optimal_repetitions(&[1.0, 10.0, 100.0]), Some(vec![None, Some(1)]));
        let costs = [1.0, 1e300, 1e300];
        assert_eq!(levels.optimal_repetitions(&costs).unwrap()[0], None);
    }

    #[test]
    fn fiellers_interval_is_where_the_difference_equals_its_error() {
        // SciPy 1.17.1: brentq of (Ȳ′ − θȲ)² − h′² − θ²h² on either side of Ȳ′/Ȳ, with t.ppf.
        let reference =
            levels("[[10.1, 10.3, 10.2], [10.4, 10.6, 10.5], [9.9, 10, 10.1], [10.2, 10.1, 10.4]]").unwrap();
        let new = levels("[[9.1, 9, 9.2], [9.4, 9.3, 9.5], [9.2, 9.4, 9.3], [8.9, 9, 9.1], [9.6, 9.5, 9.7]]")
            .unwrap();
        let interval = fieller_interval(&new, &reference, 0.95).unwrap();
        assert!((interval.estimate - 0.9068403908794789).abs() < 1e-12);
        assert!((interval.lo - 0.8667639121562158).abs() < 1e-8, "{interval:?}");
        assert!((interval.hi - 0.948770287952871).abs() < 1e-8, "{interval:?}");
    }

    #[test]
    fn a_reference_that_may_be_zero_has_no_ratio() {
        // Means 1 and 3: Ȳ = 2, S² = 2, t₀.₉₇₅,₁ = 12.7: h² = 161 > 4.
        let wide = levels("[[1, 1], [3, 3]]").unwrap();
        let sure = levels("[[2, 2], [2, 2]]").unwrap();
        assert_eq!(fieller_interval(&sure, &wide, 0.95), None);
        assert!(fieller_interval(&wide, &sure, 0.95).is_some());
        let same = fieller_interval(&sure, &sure, 0.95).unwrap();
        assert_eq!((same.estimate, same.lo, same.hi), (1.0, 1.0, 1.0));
    }

    #[test]
    fn what_has_no_variances_is_none() {
        for text in ["[]", "[1]", "[[1, 2]]", "[[1], [2]]", "[[1, 2], [1, 2, 3]]", "[[1, 2], [[1, 2]]]"] {
            assert_eq!(levels(text), None, "{text}");
        }
        assert_eq!(LevelVariances::new(&Nested::Samples(vec![1.0, f64::NAN])), None);
        let levels = levels("[1, 2]").unwrap();
        for level in [0.0, 1.0, f64::NAN] {
            assert_eq!(levels.mean_interval(level), None);
            assert_eq!(fieller_interval(&levels, &levels, level), None);
        }
    }

    proptest! {
        #[test]
        fn the_variances_of_balanced_levels_add_up_to_that_of_analysis_of_variance(
            processes in prop::collection::vec(prop::collection::vec(1e-3..1.0f64, 4), 2..6),
        ) {
            // The sum of squares about the mean is that within groups and that between them.
            let levels = LevelVariances::new(&Nested::processes(&processes)).unwrap();
            let all: Vec<f64> = processes.concat();
            let total = variance(&all).unwrap() * (all.len() - 1) as f64;
            let r = processes.len() as f64;
            let parts = levels.biased[0] * r * 3.0 + levels.biased[1] * 4.0 * (r - 1.0);
            prop_assert!((total - parts).abs() <= 1e-9 * total.max(1e-9));
            prop_assert!((levels.mean - mean(&all).unwrap()).abs() < 1e-12);
        }

        #[test]
        fn fiellers_interval_of_the_inverse_is_the_inverse(
            first in prop::collection::vec(prop::collection::vec(1.0..1.1f64, 3), 4),
            second in prop::collection::vec(prop::collection::vec(1.0..1.1f64, 3), 4),
        ) {
            let first = LevelVariances::new(&Nested::processes(&first)).unwrap();
            let second = LevelVariances::new(&Nested::processes(&second)).unwrap();
            let ratio = fieller_interval(&first, &second, 0.95).unwrap();
            let inverse = fieller_interval(&second, &first, 0.95).unwrap();
            prop_assert!((ratio.lo * inverse.hi - 1.0).abs() < 1e-9);
            prop_assert!((ratio.hi * inverse.lo - 1.0).abs() < 1e-9);
            prop_assert!(ratio.lo <= ratio.estimate && ratio.estimate <= ratio.hi);
        }
    }
}
