//! Confidence in an order of uncertain sums, by Monte Carlo simulation.
//!
//! Each draw takes a random value for every term of every sum; the confidence that one sum is below
//! another is the share of draws in which it is (the method of ranking by simulation, e.g. Goldstein and
//! Spiegelhalter, JRSS A 159(3) 1996, doi:10.2307/2983325). The generator is that of
//! [`super::bootstrap`], so a seed always gives the same draws.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal};

/// Half-width of the 95 % interval of a normal distribution, in standard deviations.
const Z_95: f64 = 1.959_963_984_540_054;

/// Distribution of the values of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spreading {
    /// The logarithm is normal and the range is its 95 % interval; terms are independent.
    Measured,
    /// The logarithm is uniform from the lower end to the middle and from there to the upper end, with half
    /// of the draws in each part. All such terms of a group of sums take the same relative position in
    /// their ranges.
    Together,
}

/// Term of a sum: a positive value with a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// Central value, within the range.
    pub middle: f64,
    /// Lower end of the range, above 0.
    pub lo: f64,
    /// Upper end of the range.
    pub hi: f64,
    /// Distribution of the values over the range.
    pub spreading: Spreading,
}

/// Sum of uncertain terms.
#[derive(Debug, Clone, PartialEq)]
pub struct UncertainSum {
    /// Terms that are added.
    pub terms: Vec<Term>,
    /// Number of its group. The [`Spreading::Together`] terms of all sums of a group err together.
    pub group: usize,
}

/// Confidence that sums are in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderConfidence {
    /// Share of draws in which a sum is below the next one, for each sum but the last.
    pub below_next: Vec<f64>,
    /// Share of draws in which the first sum is the smallest.
    pub first: f64,
    /// Share of draws in which the whole order holds.
    pub whole: f64,
}

impl Term {
    /// Returns the value for `normal`, a standard normal deviate, or for `part`, a uniform number from 0 to 1.
    fn draw(&self, normal: f64, part: f64) -> f64 {
        match self.spreading {
            Spreading::Measured => {
                let deviation = (self.hi / self.lo).ln() / (2.0 * Z_95);
                self.middle * (normal * deviation).exp()
            }
            Spreading::Together if part < 0.5 => self.lo * (self.middle / self.lo).powf(2.0 * part),
            Spreading::Together => self.middle * (self.hi / self.middle).powf(2.0 * part - 1.0),
        }
    }

    fn is_sound(&self) -> bool {
        self.lo > 0.0 && self.lo <= self.middle && self.middle <= self.hi && self.hi.is_finite()
    }
}

/// Estimates the confidence that `sums` are in ascending order, from `draws` draws. `None` if there are
/// no draws or no sums, or if the range of a term is invalid.
pub fn order_confidence(sums: &[UncertainSum], draws: usize, seed: u64) -> Option<OrderConfidence> {
    if draws == 0 || sums.is_empty() || !sums.iter().flat_map(|sum| &sum.terms).all(Term::is_sound) {
        return None;
    }
    let mut generator = Pcg64::seed_from_u64(seed);
    let normal = Normal::standard();
    // The midpoint of one of 2⁵³ equal steps, so never 0 or 1.
    let mut uniform = || ((generator.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let (mut below, mut first, mut whole) = (vec![0usize; sums.len() - 1], 0usize, 0usize);
    let mut groups: Vec<usize> = sums.iter().map(|sum| sum.group).collect();
    groups.sort_unstable();
    groups.dedup();
    for _ in 0..draws {
        let together: Vec<f64> = groups.iter().map(|_| uniform()).collect();
        let part_of = |group: usize| groups.binary_search(&group).map_or(0.5, |place| together[place]);
        let drawn: Vec<f64> = sums
            .iter()
            .map(|sum| {
                let one = |term: &Term| match term.spreading {
                    Spreading::Measured => term.draw(normal.inverse_cdf(uniform()), 0.0),
                    Spreading::Together => term.draw(0.0, part_of(sum.group)),
                };
                sum.terms.iter().map(one).sum()
            })
            .collect();
        let ascends = drawn.windows(2).map(|pair| pair[0] < pair[1]);
        below.iter_mut().zip(ascends.clone()).for_each(|(count, holds)| *count += usize::from(holds));
        whole += usize::from(ascends.clone().all(|holds| holds));
        first += usize::from(drawn[1..].iter().all(|other| drawn[0] < *other));
    }
    let share = |count: usize| count as f64 / draws as f64;
    Some(OrderConfidence {
        below_next: below.into_iter().map(share).collect(),
        first: share(first),
        whole: share(whole),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(lo: f64, middle: f64, hi: f64, spreading: Spreading) -> Vec<Term> {
        vec![Term { middle, lo, hi, spreading }]
    }

    /// Puts each sum in a group of its own.
    fn apart(sums: &[Vec<Term>]) -> Vec<UncertainSum> {
        sums.iter().enumerate().map(|(group, terms)| UncertainSum { terms: terms.clone(), group }).collect()
    }

    fn confidence(sums: &[Vec<Term>]) -> OrderConfidence {
        order_confidence(&apart(sums), 20_000, 1).unwrap()
    }

    #[test]
    fn ranges_that_lie_apart_are_sure_and_equal_ones_are_even() {
        let near = term(1.0, 2.0, 4.0, Spreading::Together);
        let far = term(8.0, 9.0, 10.0, Spreading::Together);
        let sure = confidence(&[near.clone(), far]);
        assert_eq!((sure.below_next[0], sure.first, sure.whole), (1.0, 1.0, 1.0));
        let even = confidence(&[near.clone(), near]);
        assert!((even.below_next[0] - 0.5).abs() < 0.02, "{even:?}");
    }

    #[test]
    fn two_measured_values_differ_by_a_normal_deviate() {
        // Half widths of 1 % each: ln of the ratio has σ = √2·0.01/1.96. For a ratio of 1.01,
        // Φ(ln 1.01 / σ) = Φ(1.379) = 0.916.
        let value = |v: f64| term(v * (-0.01f64).exp(), v, v * 0.01f64.exp(), Spreading::Measured);
        let found = confidence(&[value(1.0), value(1.01)]);
        assert!((found.below_next[0] - 0.916).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn terms_that_come_together_do_not_average_out() {
        // A sum of four measured terms is more certain than one such term; a sum of four estimated terms
        // is not.
        let many = |spreading| vec![Term { middle: 1.0, lo: 0.5, hi: 2.0, spreading }; 4];
        let fixed = |v: f64| term(v, v, v, Spreading::Measured);
        let independent = confidence(&[many(Spreading::Measured), fixed(5.0)]).below_next[0];
        let together = confidence(&[many(Spreading::Together), fixed(5.0)]).below_next[0];
        // Together: the part of 1 … 2 below 5/4 is log₂ 1.25 = 0.32 of the upper half: 0.66 of all.
        assert!((together - 0.661).abs() < 0.01, "{together}");
        assert!(independent > together + 0.05, "{independent}");
    }

    #[test]
    fn sums_of_one_group_err_together() {
        // Wide ranges with a common cause; one sum is always a tenth above the other.
        let of = |scale: f64, group: usize| UncertainSum {
            terms: term(scale, 2.0 * scale, 8.0 * scale, Spreading::Together),
            group,
        };
        let below = |group: usize| order_confidence(&[of(1.0, 0), of(1.1, group)], 10_000, 1).unwrap().first;
        assert_eq!(below(0), 1.0);
        assert!(below(1) < 0.6, "{}", below(1));
    }

    #[test]
    fn the_whole_order_is_less_sure_than_each_step_and_a_seed_repeats() {
        let value = |v: f64| term(v / 1.1, v, v * 1.1, Spreading::Measured);
        let sums = [value(1.0), value(1.05), value(1.1)];
        let found = confidence(&sums);
        assert!(found.whole < found.below_next[0] && found.whole < found.below_next[1]);
        let sums = apart(&sums);
        assert_eq!(order_confidence(&sums, 100, 7), order_confidence(&sums, 100, 7));
    }

    #[test]
    fn what_has_no_range_has_no_confidence() {
        let bad = term(0.0, 1.0, 2.0, Spreading::Measured);
        assert_eq!(order_confidence(&apart(&[bad]), 10, 1), None);
        assert_eq!(order_confidence(&[], 10, 1), None);
        assert_eq!(order_confidence(&apart(&[term(1.0, 1.0, 1.0, Spreading::Together)]), 0, 1), None);
    }
}
