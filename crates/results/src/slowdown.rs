//! Times of the sentinels, which are fixed kernels between the samples, and their slowdown during a run.

use portamark_stats::{median, rank_interval, sorted_finite};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The device counts as slower than at the start if its sentinel takes longer by more than this factor.
const THROTTLED: f64 = 1.05;
/// Confidence level of the medians that are compared.
const LEVEL: f64 = 0.95;
/// Minimum number of times for a comparison.
const FEWEST: usize = 3;

/// Times of the two sentinels, which are fixed kernels, in seconds and in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct SentinelTimes {
    /// Times of the arithmetic-bound sentinel, in seconds.
    #[serde(default)]
    pub arithmetic_s: Vec<f64>,
    /// Times of the memory-bound sentinel, in seconds.
    #[serde(default)]
    pub bandwidth_s: Vec<f64>,
}

impl SentinelTimes {
    /// Creates a record from the times of both sentinels, in seconds.
    pub fn new(arithmetic_s: Vec<f64>, bandwidth_s: Vec<f64>) -> Self {
        SentinelTimes { arithmetic_s, bandwidth_s }
    }
}

/// How much longer a sentinel takes than at the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Slowdown {
    /// Ratio g of the median time now to the median time at the start; above 1 is slower.
    pub factor: f64,
    /// Lower bound of g: the lower end of the median's 95 % rank interval now over the upper end of the one
    /// at the start. With fewer than six times, their range replaces the interval.
    pub lo: f64,
    /// Upper bound of g: the upper end of the median's interval now over the lower end of the one at the
    /// start.
    pub hi: f64,
}

impl Slowdown {
    /// Compares the times at the start with those now; `None` if there are fewer than three of either.
    pub fn between(start: &[f64], now: &[f64]) -> Option<Self> {
        let (then, now) = (Middle::of(start)?, Middle::of(now)?);
        Some(Slowdown { factor: now.median / then.median, lo: now.lo / then.hi, hi: now.hi / then.lo })
    }

    /// Returns whether the device is certainly over 5 % slower. One disturbed time hardly moves the interval
    /// of the median, whereas a reduced clock moves all of it.
    pub fn is_sustained(&self) -> bool {
        self.lo > THROTTLED
    }
}

/// Median of times with its interval, in seconds.
struct Middle {
    median: f64,
    lo: f64,
    hi: f64,
}

impl Middle {
    fn of(times: &[f64]) -> Option<Self> {
        let sorted = sorted_finite(times).filter(|sorted| sorted.len() >= FEWEST && sorted[0] > 0.0)?;
        let interval = rank_interval(&sorted, LEVEL);
        Some(Middle {
            median: median(&sorted)?,
            lo: interval.map_or(sorted[0], |interval| interval.lo),
            hi: interval.map_or(sorted[sorted.len() - 1], |interval| interval.hi),
        })
    }
}

/// Slowdown of both sentinels during a case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Slowdowns {
    /// Slowdown of the arithmetic-bound sentinel; absent with fewer than three times.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub arithmetic: Option<Slowdown>,
    /// Slowdown of the memory-bound sentinel; absent with fewer than three times.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bandwidth: Option<Slowdown>,
}

impl Slowdowns {
    /// Compares the sentinel times of a row with those at the start of the run.
    pub fn between(start: &SentinelTimes, now: &SentinelTimes) -> Self {
        Slowdowns {
            arithmetic: Slowdown::between(&start.arithmetic_s, &now.arithmetic_s),
            bandwidth: Slowdown::between(&start.bandwidth_s, &now.bandwidth_s),
        }
    }

    /// Returns the sustained slowdowns, each with its name: `arithmetic` or `memory`.
    pub fn sustained(&self) -> impl Iterator<Item = (&'static str, Slowdown)> + use<> {
        [("arithmetic", self.arithmetic), ("memory", self.bandwidth)]
            .into_iter()
            .filter_map(|(name, slowdown)| Some((name, slowdown.filter(Slowdown::is_sustained)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEADY: [f64; 15] =
        [1.0, 1.01, 1.0, 0.99, 1.0, 1.02, 1.0, 1.0, 1.01, 0.99, 1.0, 1.0, 1.01, 1.0, 0.99];

    fn sustained(now: &[f64]) -> bool {
        Slowdown::between(&STEADY, now).unwrap().is_sustained()
    }

    #[test]
    fn all_times_a_tenth_above_the_start_are_a_fallen_clock() {
        // Sorted the start is .99 x3, 1 x8, 1.01 x3, 1.02; ranks 4 and 12 of fifteen: 1 and 1.01.
        let slowdown = Slowdown::between(&STEADY, &[1.10, 1.12, 1.11]).unwrap();
        assert!((slowdown.factor - 1.11).abs() < 1e-12);
        assert!((slowdown.lo - 1.10 / 1.01).abs() < 1e-12);
        assert!((slowdown.hi - 1.12).abs() < 1e-12);
        assert!(slowdown.is_sustained());
    }

    #[test]
    fn disturbed_times_among_good_ones_are_none() {
        assert!(!sustained(&[1.0, 3.0, 2.0]));
        assert!(!sustained(&[1.8, 1.0, 1.8, 1.9, 1.0, 1.9, 1.0]));
        // More than half of many are disturbed: the lower rank of ten is the second.
        assert!(!sustained(&[1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]));
        assert!(sustained(&[1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]));
    }

    #[test]
    fn four_percent_and_two_times_are_too_few() {
        assert!(!sustained(&[1.04; 20]));
        assert_eq!(Slowdown::between(&STEADY, &[2.0, 2.0]), None);
        assert_eq!(Slowdown::between(&[1.0, 1.0], &STEADY), None);
        assert_eq!(Slowdown::between(&STEADY, &[0.0; 5]), None);
    }

    #[test]
    fn the_clock_that_fell_is_named() {
        let start = SentinelTimes { arithmetic_s: STEADY.into(), bandwidth_s: STEADY.into() };
        let now = SentinelTimes { arithmetic_s: vec![1.0; 5], bandwidth_s: vec![1.3; 5] };
        let slowdowns = Slowdowns::between(&start, &now);
        let names: Vec<&str> = slowdowns.sustained().map(|(name, _)| name).collect();
        assert_eq!(names, ["memory"]);
        assert_eq!(Slowdowns::between(&start, &SentinelTimes::default()), Slowdowns::default());
    }

    proptest! {
        #[test]
        fn a_clock_that_holds_is_never_accused_under_two_percent_of_noise(
            start in prop::collection::vec(0.98..1.02f64, 15),
            now in prop::collection::vec(0.98..1.02f64, 3..100),
        ) {
            prop_assert!(!Slowdown::between(&start, &now).unwrap().is_sustained());
        }

        #[test]
        fn a_clock_that_fell_by_an_eighth_always_is(
            start in prop::collection::vec(0.98..1.02f64, 15),
            now in prop::collection::vec(0.98..1.02f64, 3..100),
        ) {
            // .98 · 1.125 / 1.02 = 1.081.
            let fallen: Vec<f64> = now.iter().map(|time| time * 1.125).collect();
            prop_assert!(Slowdown::between(&start, &fallen).unwrap().is_sustained());
        }
    }
}
