//! Performance portability: how much of the possible one program reaches across a set of platforms.
//!
//! S. J. Pennycook, J. D. Sewall, V. W. Lee, "Implications of a Metric for Performance Portability",
//! Future Generation Computer Systems 92, 2019, doi:10.1016/j.future.2017.08.007. A value belongs to
//! a program, a problem and a set of platforms H, and says nothing without them.

use super::means::harmonic_mean;
use super::spread::mean;
use serde::{Deserialize, Serialize};

/// Whether a smaller or a larger figure of merit is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Times and other costs.
    Lower,
    /// Rates.
    Higher,
}

/// The metrics that are to be shown together; all are without a unit.
///
/// The first alone loses what the platforms have reached as soon as one of them is not supported
/// (A. Marowka, doi:10.1002/spe.3002), the rest alone hide that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Portability {
    /// PP, the harmonic mean of the efficiencies over H; 0 if a platform of H is not supported.
    pub pp: f64,
    /// The harmonic mean over the supported platforms S; none if there are none.
    pub supported_pp: Option<f64>,
    /// P̄, the arithmetic mean over the supported platforms; 0 if there are none.
    pub mean: f64,
    /// The least efficiency of a supported platform; none if there are none.
    pub least: Option<f64>,
    /// |S|, the number of supported platforms.
    pub supported: usize,
    /// |H|, the number of platforms.
    pub platforms: usize,
}

impl Portability {
    /// The metrics of the efficiencies of the platforms of H, each above 0 and at most 1; `None` where
    /// a platform is not supported, which means that the program does not run there or does not
    /// verify.
    ///
    /// PP = |H|/Σ 1/eᵢ, P̄ = Σ eᵢ/|S|.
    ///
    /// `None` if H is empty or an efficiency is not above 0 and at most 1. One above 1 means that its
    /// peak is not one: whoever sets it to 1 is to say so beside the result.
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

/// The application efficiency on one platform: the best known time over the own one, or the own rate
/// over the best known one.
///
/// It grows stale when somebody is faster than `best`, and then exceeds 1. `None` if one of the two is
/// not positive and finite.
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
