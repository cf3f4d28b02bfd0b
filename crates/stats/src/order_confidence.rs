//! How sure an order of uncertain sums is, by Monte Carlo.
//!
//! Each draw gives every term of every sum a value within its range; the confidence that one sum is
//! below another is the share of draws in which it is (the method of ranking by simulation, e.g.
//! Goldstein and Spiegelhalter, JRSS A 159(3) 1996, doi:10.2307/2983325). The generator is that of
//! [`super::bootstrap`], so a seed keeps its meaning.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal};

/// Where the 95 % interval of a normal distribution ends, in standard deviations.
const Z_95: f64 = 1.959_963_984_540_054;

/// How the values of a term spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spreading {
    /// Its logarithm is normal and the range its 95 % interval; terms are independent.
    Measured,
    /// Its logarithm is uniform from the lower end to the middle and from there to the upper end, half
    /// of all draws in each; all such terms of a group of sums lie at the same part of their ranges.
    Together,
}

/// A term of a sum: a positive value with a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// The value itself.
    pub middle: f64,
    /// The lower end of its range.
    pub lo: f64,
    /// The upper end.
    pub hi: f64,
    /// How values spread within it.
    pub spreading: Spreading,
}

/// A sum of uncertain terms.
#[derive(Debug, Clone, PartialEq)]
pub struct UncertainSum {
    /// What is added.
    pub terms: Vec<Term>,
    /// Sums of one group have the same cause of what errs [together](Spreading::Together).
    pub group: usize,
}

/// How sure the ascending order of sums is.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderConfidence {
    /// For each sum but the last the share of draws in which it is below the next.
    pub below_next: Vec<f64>,
    /// Share of draws in which the first is the least.
    pub first: f64,
    /// Share of draws in which the whole order holds.
    pub whole: f64,
}

impl Term {
    /// The value where `normal` and `part`, a uniform number from 0 to 1, say.
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

/// How sure it is that `sums` ascend, from `draws` draws. `None` of no draws, or if a term has no sound
/// range.
pub fn order_confidence(sums: &[UncertainSum], draws: usize, seed: u64) -> Option<OrderConfidence> {
    if draws == 0 || sums.is_empty() || !sums.iter().flat_map(|sum| &sum.terms).all(Term::is_sound) {
        return None;
    }
    let mut generator = Pcg64::seed_from_u64(seed);
    let normal = Normal::standard();
    // The middle of one of 2⁵³ equal steps: never 0 or 1.
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

    /// Each sum in a group of its own.
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
        // Of four measured terms the sum is surer than of one; of four estimated ones it is not.
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
        // Wide ranges of the same cause, one always a tenth above the other.
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
