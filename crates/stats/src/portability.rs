//! Performance portability: how efficient one program is across a set of platforms.
//!
//! S. J. Pennycook, J. D. Sewall, V. W. Lee, "Implications of a Metric for Performance Portability",
//! Future Generation Computer Systems 92, 2019, doi:10.1016/j.future.2017.08.007. A value belongs to
//! a program, a problem and a set of platforms H, and is meaningless without them.

use super::means::harmonic_mean;
use super::spread::mean;
use serde::{Deserialize, Serialize};

/// Direction in which a figure of merit is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Lower is better: times and other costs.
    Lower,
    /// Higher is better: rates.
    Higher,
}

/// Metrics of performance portability, which should be shown together; all are dimensionless.
///
/// PP alone hides what the other platforms reach as soon as one of them is not supported (A. Marowka,
/// doi:10.1002/spe.3002); the other metrics alone hide that a platform is not supported.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Portability {
    /// PP: the harmonic mean of the efficiencies over H; 0 if a platform of H is not supported.
    pub pp: f64,
    /// Harmonic mean of the efficiencies over the supported platforms S; `None` if there are none.
    pub supported_pp: Option<f64>,
    /// P̄: the arithmetic mean of the efficiencies over the supported platforms; 0 if there are none.
    pub mean: f64,
    /// Lowest efficiency of a supported platform; `None` if there are none.
    pub least: Option<f64>,
    /// |S|: the number of supported platforms.
    pub supported: usize,
    /// |H|: the number of platforms.
    pub platforms: usize,
}

impl Portability {
    /// Computes the metrics from the efficiencies of the platforms of H, each above 0 and at most 1. An entry
    /// is `None` if the platform is not supported: the program does not run there or fails verification.
    ///
    /// PP = |H|/Σ 1/eᵢ, P̄ = Σ eᵢ/|S|.
    ///
    /// `None` if H is empty or an efficiency is not above 0 and at most 1. An efficiency above 1 means that
    /// its peak is not the true one: a caller that clips it to 1 should say so next to the result.
    pub fn new(efficiencies: &[Option<f64>]) -> Option<Self> {
        let supported: Vec<f64> = efficiencies.iter().copied().flatten().collect();
        if efficiencies.is_empty() || !supported.iter().all(|e| *e > 0.0 && *e <= 1.0) {
            return None;
        }
        let supported_pp = harmonic_mean(&supported);
        let complete = supported.len() == efficiencies.len();
        Some(Self {
            pp: supported_pp.filter(|_| complete).unwrap_or(0.0),
            supported_pp,
            mean: mean(&supported).unwrap_or(0.0),
            least: supported.iter().copied().min_by(f64::total_cmp),
            supported: supported.len(),
            platforms: efficiencies.len(),
        })
    }
}

impl Portability {
    /// Computes the metrics from measured efficiencies, of which some may exceed 1, and counts those that
    /// do. They are clipped to 1: their peak is not the true one, or the program is faster than the best
    /// known one. The count should be shown next to the result.
    ///
    /// `None` if there is no platform or an efficiency is not positive and finite.
    pub fn of_measured(efficiencies: &[Option<f64>]) -> Option<(Self, usize)> {
        let above = efficiencies.iter().flatten().filter(|e| **e > 1.0 && e.is_finite()).count();
        let cut = |e: &Option<f64>| e.map(|e| if e.is_finite() { e.min(1.0) } else { e });
        let cut: Vec<Option<f64>> = efficiencies.iter().map(cut).collect();
        Some((Self::new(&cut)?, above))
    }
}

/// Data of one application in a cascade plot: its PP as platforms are added, the most efficient first.
///
/// J. Sewall and others, "Interpreting and Visualizing Performance Portability Metrics", P3HPC 2020,
/// doi:10.1109/P3HPC51967.2020.00007. The cumulative score is that of the University of Bristol's
/// `pp_vis.py`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cascade {
    /// Supported platforms as indices into H, in order of falling efficiency; equal ones keep the order of H.
    pub order: Vec<usize>,
    /// Efficiencies in that order, clipped to 1.
    pub efficiencies: Vec<f64>,
    /// PP of the first k platforms for each k, k/Σ 1/eⱼ. The last one is PP over H only if all of H is
    /// supported.
    pub cumulative: Vec<f64>,
    /// PP over H; 0 if a platform of H is not supported.
    pub pp: f64,
}

impl Cascade {
    /// Computes the cascade from the efficiencies on H, given as for [`Portability::of_measured`].
    pub fn new(efficiencies: &[Option<f64>]) -> Option<Self> {
        let (portability, _) = Portability::of_measured(efficiencies)?;
        let mut supported: Vec<(usize, f64)> = efficiencies
            .iter()
            .enumerate()
            .filter_map(|(place, e)| Some((place, e.as_ref()?.min(1.0))))
            .collect();
        // The sort is stable, so equal platforms keep the order of H.
        supported.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let (order, efficiencies): (Vec<usize>, Vec<f64>) = supported.into_iter().unzip();
        let mut inverse = 0.0;
        let cumulative = efficiencies.iter().enumerate().map(|(place, e)| {
            inverse += 1.0 / e;
            (place + 1) as f64 / inverse
        });
        Some(Self { cumulative: cumulative.collect(), order, efficiencies, pp: portability.pp })
    }
}

/// Returns the standard deviation of efficiencies around their harmonic mean H, propagated from that of
/// their inverses: H²·√(Σ(1/x − 1/H)²/(n − 1)).
///
/// C. Bertoni and others use this form ("Performance Portability Evaluation of OpenCL Benchmarks across
/// Intel and NVIDIA Platforms", IPDPSW 2020). `None` for fewer than two values or if one is not positive.
pub fn harmonic_deviation(values: &[f64]) -> Option<f64> {
    let mean = harmonic_mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|x| (1.0 / x - 1.0 / mean).powi(2)).sum();
    Some(mean * mean * (squares / (values.len() - 1) as f64).sqrt())
}

/// Returns the application efficiency on one platform: the best known time divided by the program's own
/// time, or its own rate divided by the best known rate.
///
/// The value is out of date once a result is better than `best`; for such a result it exceeds 1. `None`
/// if `own` or `best` is not positive and finite.
pub fn application_efficiency(own: f64, best: f64, better: Better) -> Option<f64> {
    let efficiency = match better {
        Better::Lower => best / own,
        Better::Higher => own / best,
    };
    (own > 0.0 && best > 0.0 && efficiency.is_finite() && efficiency > 0.0).then_some(efficiency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(actual: f64, expected: f64) -> bool {
        (actual - expected).abs() < 1e-6
    }

    fn pp(efficiencies: &[f64]) -> f64 {
        let some: Vec<Option<f64>> = efficiencies.iter().map(|e| Some(*e).filter(|e| *e > 0.0)).collect();
        Portability::new(&some).unwrap().pp
    }

    #[test]
    fn the_examples_of_the_p3_library_are_met() {
        // p3-analysis-library, tests/metrics/test_pp.py: 5/(1 + 1.25 + 2 + 1 + 5) = 5/10.25.
        assert!(close(pp(&[1.0, 0.8, 0.5, 1.0, 0.2]), 0.487805));
        assert_eq!(pp(&[1.0; 5]), 1.0);
        assert_eq!(pp(&[1.0, 0.8, 0.5, 0.0, 0.2]), 0.0);
        assert!(close(pp(&[0.2]), 0.2));
    }

    #[test]
    fn the_synthetic_programs_of_sewall_and_others_have_their_scores() {
        // J. Sewall and others, "Interpreting and Visualizing Performance Portability Metrics", P3HPC
        // 2020, doi:10.1109/P3HPC51967.2020.00007, as in p3's plot_simple_cascade.py: ten platforms.
        let mut single = [0.1; 10];
        single[0] = 1.0;
        assert!(close(pp(&single), 10.0 / 91.0));
        let mut multi = [0.1; 10];
        multi[..5].fill(1.0);
        assert!(close(pp(&multi), 0.181818));
        assert!(close(pp(&[0.3; 10]), 0.3) && close(pp(&[0.7; 10]), 0.7));
        let inconsistent: Vec<f64> = (1..=10).map(|i| f64::from(i) / 10.0).collect();
        assert!(close(pp(&inconsistent), 0.341417));
    }

    #[test]
    fn what_is_not_supported_shows_in_the_score_and_not_in_the_rest() {
        let portability = Portability::new(&[Some(1.0), None, Some(0.5)]).unwrap();
        // 2/(1 + 2) and (1 + .5)/2.
        assert!(close(portability.supported_pp.unwrap(), 2.0 / 3.0) && close(portability.mean, 0.75));
        assert_eq!((portability.pp, portability.least), (0.0, Some(0.5)));
        assert_eq!((portability.supported, portability.platforms), (2, 3));
        let nowhere = Portability::new(&[None, None]).unwrap();
        assert_eq!((nowhere.pp, nowhere.mean, nowhere.supported), (0.0, 0.0, 0));
        assert_eq!((nowhere.supported_pp, nowhere.least), (None, None));
    }

    #[test]
    fn application_efficiencies_are_those_of_the_p3_library() {
        // test_efficiency.py: times against the best, and rates against the best.
        for (own, best, better, expected) in [
            (25.0, 25.0, Better::Lower, 1.0),
            (12.5, 10.0, Better::Lower, 0.8),
            (25.0, 12.5, Better::Lower, 0.5),
            (5.0, 1.0, Better::Lower, 0.2),
            (4.0, 4.0, Better::Higher, 1.0),
            (8.0, 10.0, Better::Higher, 0.8),
            (4.0, 8.0, Better::Higher, 0.5),
            (20.0, 100.0, Better::Higher, 0.2),
        ] {
            assert!(close(application_efficiency(own, best, better).unwrap(), expected));
        }
    }

    #[test]
    fn efficiencies_above_1_count_as_1_and_are_counted() {
        // 3/(1 + 1 + 2) with two above 1; a fourth platform is not supported.
        let (portability, above) = Portability::of_measured(&[Some(1.3), Some(9.0), Some(0.5)]).unwrap();
        assert!(close(portability.pp, 0.75) && above == 2);
        let (portability, above) = Portability::of_measured(&[Some(1.3), None]).unwrap();
        assert_eq!((portability.pp, portability.supported_pp, above), (0.0, Some(1.0), 1));
        for wrong in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            assert_eq!(Portability::of_measured(&[Some(wrong)]), None);
        }
    }

    #[test]
    fn a_cascade_falls_from_the_best_platform_on() {
        // Sewall's "inconsistent": .1, .2, …, 1. Best first, PP of the first two is 2/(1 + 1/.9).
        let inconsistent: Vec<Option<f64>> = (1..=10).map(|i| Some(f64::from(i) / 10.0)).collect();
        let cascade = Cascade::new(&inconsistent).unwrap();
        assert_eq!(cascade.order, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
        assert!(close(cascade.cumulative[0], 1.0) && close(cascade.cumulative[1], 18.0 / 19.0));
        assert!(close(cascade.cumulative[9], 0.341417) && close(cascade.pp, 0.341417));
        // Equal platforms keep the order of H; unsupported ones are missing.
        let cascade = Cascade::new(&[Some(0.5), None, Some(0.5), Some(1.5)]).unwrap();
        assert_eq!((cascade.order, cascade.pp), (vec![3, 0, 2], 0.0));
        assert!(close(cascade.cumulative[2], 3.0 / 5.0));
        assert_eq!(Cascade::new(&[]), None);
        assert!(Cascade::new(&[None]).unwrap().order.is_empty());
    }

    #[test]
    fn the_spreads_of_a_harmonic_mean_are_those_of_the_published_example() {
        // The University of Bristol's consistency.py on .1, .2, …, 1.
        let values: Vec<f64> = (1..=10).map(|i| f64::from(i) / 10.0).collect();
        assert!(close(harmonic_deviation(&values).unwrap(), 0.323196));
        assert_eq!(harmonic_deviation(&[0.5]), None);
        assert_eq!(harmonic_deviation(&[0.5, 0.5]), Some(0.0));
        assert_eq!(harmonic_deviation(&[0.5, 0.0]), None);
    }

    #[test]
    fn what_has_no_score_is_none() {
        assert_eq!(Portability::new(&[]), None);
        for efficiency in [0.0, -0.5, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Portability::new(&[Some(0.5), Some(efficiency)]), None);
        }
        for (own, best) in [(0.0, 1.0), (1.0, 0.0), (-1.0, -1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert_eq!(application_efficiency(own, best, Better::Lower), None);
            assert_eq!(application_efficiency(own, best, Better::Higher), None);
        }
    }

    proptest! {
        #[test]
        fn the_score_lies_between_the_least_efficiency_and_their_mean(
            efficiencies in prop::collection::vec(0.001..=1.0f64, 1..20),
        ) {
            let some: Vec<Option<f64>> = efficiencies.into_iter().map(Some).collect();
            let portability = Portability::new(&some).unwrap();
            prop_assert!(portability.least.unwrap() <= portability.pp * (1.0 + 1e-12));
            prop_assert!(portability.pp <= portability.mean * (1.0 + 1e-12));
        }
    }
}
