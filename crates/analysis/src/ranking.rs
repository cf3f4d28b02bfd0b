//! Ranking of the projections of one pass, with the confidence in the order.

use super::judgement::Judgement;
use super::projection::{Basis, Projection};
use super::verdict::{Verdict, VerdictRule};
use portamark_stats::{Spreading, Term, UncertainSum, order_confidence};
use serde::Serialize;

/// Ranking criterion; the best candidate comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// Tokens per second, highest first.
    Speed,
    /// Price of 10⁶ tokens, lowest first.
    Price,
    /// Energy of 10⁶ tokens, lowest first.
    Energy,
}

/// One projection to be ranked.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Projected time of the pass, with its parts.
    pub projection: &'a Projection,
    /// Cost of one second in the criterion's unit: 1 for speed, otherwise a price or an energy.
    pub per_second: f64,
    /// Number of its device: estimates and predictions for one device rest on the same efficiencies, so their
    /// errors are correlated.
    pub device: usize,
}

/// One place in the ranking.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// Index of the candidate.
    pub candidate: usize,
    /// Verdict on it against the next one, by the rule of a comparison of rows; `None` for the last one, or if
    /// one of them is predicted or has parts that were not measured.
    pub verdict: Option<Verdict>,
    /// Share of draws in which it beats the next one; `None` for the last one, if a range is unknown, or if the
    /// verdict is other than `faster`.
    pub better_than_next: Option<f64>,
}

/// Ranking of candidates with its confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranking {
    /// Candidates, best first.
    pub order: Vec<Ranked>,
    /// Share of draws in which the first one is the best; `None` if a range is unknown, or if a verdict is other
    /// than `faster`.
    pub first: Option<f64>,
    /// Share of draws in which the whole order holds; `None` in the same cases.
    pub whole: Option<f64>,
    /// Number of random draws.
    pub draws: usize,
    /// Seed of the random draws.
    pub seed: u64,
}

/// Returns the terms of a candidate's cost per token; `None` if the range of a part is unknown.
fn terms(candidate: &Candidate) -> Option<UncertainSum> {
    let scale = candidate.per_second / candidate.projection.tokens as f64;
    let term = |part: &super::projection::PartTime| {
        let each = part.times as f64 * scale;
        let spreading = if part.basis == Basis::Measured { Spreading::Measured } else { Spreading::Together };
        let (lo, hi) = (part.lo?, part.hi?);
        // The interval always contains the median; a rounding error must not push the median outside.
        let (lo, hi) = (lo.min(part.seconds), hi.max(part.seconds));
        Some(Term { middle: part.seconds * each, lo: lo * each, hi: hi * each, spreading })
    };
    let terms = candidate.projection.parts.iter().map(term).collect::<Option<_>>()?;
    Some(UncertainSum { terms, group: candidate.device })
}

/// Returns the verdict on `one` against `next`, both measured, by the rule for rows: each process gives the cost of a
/// whole pass. If parts of a pass were not measured, only too few processes of the others count; without them the
/// ranges decide.
fn verdict(one: &Candidate, next: &Candidate, rule: &VerdictRule) -> Option<Verdict> {
    if one.projection.predicted || next.projection.predicted {
        return None;
    }
    let measured = |candidate: &Candidate| -> Option<(bool, Vec<Vec<f64>>)> {
        let parts = &candidate.projection.parts;
        let own = parts.iter().filter(|part| part.basis == Basis::Measured);
        let processes = own.clone().map(|part| part.process_s.len()).min()?;
        let scale = candidate.per_second / candidate.projection.tokens as f64;
        let cost = |process: usize| {
            let each = own.clone().map(|part| part.times as f64 * part.process_s[process]);
            vec![scale * each.sum::<f64>()]
        };
        Some((own.clone().count() == parts.len(), (0..processes).map(cost).collect()))
    };
    let ((whole, new), (next_whole, reference)) = (measured(one)?, measured(next)?);
    let spans = |side: &[Vec<f64>]| side.iter().map(|cost| (cost[0], cost[0])).collect::<Vec<_>>();
    match Verdict::of_few(&spans(&new), &spans(&reference), rule) {
        Some(verdict) => Some(verdict),
        None if whole && next_whole => Some(Judgement::of_runs(&[new], &[reference], rule).verdict),
        None => None,
    }
}

/// Ranks `candidates` by the cost of one token and estimates the confidence from `draws` random draws. Errors
/// of measured parts are independent; those of estimated and predicted parts on one device are correlated. Where
/// both of two neighbours were measured, the verdict on their rows decides whether there is a confidence at all.
pub fn rank(candidates: &[Candidate], draws: usize, seed: u64) -> Ranking {
    let cost = |place: usize| {
        let candidate = &candidates[place];
        candidate.projection.seconds * candidate.per_second / candidate.projection.tokens as f64
    };
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|a, b| cost(*a).total_cmp(&cost(*b)));
    let sums: Vec<Option<UncertainSum>> = order.iter().map(|place| terms(&candidates[*place])).collect();
    let known: Option<Vec<UncertainSum>> = sums.iter().cloned().collect();
    let whole = known.and_then(|sums| order_confidence(&sums, draws, seed));
    let pair = |rank: usize| {
        let two = [sums[rank].clone()?, sums.get(rank + 1)?.clone()?];
        Some(order_confidence(&two, draws, seed)?.below_next[0])
    };
    let rule = VerdictRule::seeded(seed);
    let is_told = |verdict: &Option<Verdict>| matches!(verdict, None | Some(Verdict::Faster));
    let ranked = order.iter().enumerate().map(|(rank, place)| {
        let next = order.get(rank + 1).map(|next| &candidates[*next]);
        let verdict = next.and_then(|next| verdict(&candidates[*place], next, &rule));
        let share = match &whole {
            Some(whole) => whole.below_next.get(rank).copied(),
            None => pair(rank),
        };
        Ranked { candidate: *place, better_than_next: share.filter(|_| is_told(&verdict)), verdict }
    });
    let ranked: Vec<Ranked> = ranked.collect();
    let whole = whole.filter(|_| ranked.iter().all(|ranked| is_told(&ranked.verdict)));
    Ranking {
        order: ranked,
        first: whole.as_ref().map(|whole| whole.first),
        whole: whole.map(|whole| whole.whole),
        draws,
        seed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Doubt;
    use crate::PartTime;

    fn projection(seconds: f64, range: Option<f64>, basis: Basis) -> Projection {
        let part = PartTime {
            name: "part".into(),
            case: "gemm f32 m4 n4 k4 nn".into(),
            routing: None,
            times: 1,
            pieces: 1,
            seconds,
            lo: range.map(|factor| seconds / factor),
            hi: range.map(|factor| seconds * factor),
            process_s: vec![seconds; 5],
            basis,
            binds: None,
        };
        Projection {
            phase: "decode".into(),
            batch: 1,
            context: 1,
            predicted: false,
            tokens: 1,
            seconds,
            lo: part.lo,
            hi: part.hi,
            tokens_per_s: Some(1.0 / seconds),
            parts: vec![part],
            missing: Vec::new(),
        }
    }

    fn ranked(projections: &[Projection], per_second: &[f64]) -> Ranking {
        let candidates: Vec<Candidate> = projections
            .iter()
            .zip(per_second)
            .enumerate()
            .map(|(device, (projection, per_second))| Candidate {
                projection,
                per_second: *per_second,
                device,
            })
            .collect();
        rank(&candidates, 10_000, 1)
    }

    fn places(ranking: &Ranking) -> Vec<usize> {
        ranking.order.iter().map(|ranked| ranked.candidate).collect()
    }

    #[test]
    fn the_fastest_is_first_and_a_price_can_turn_the_order() {
        let of = |seconds| projection(seconds, Some(1.01), Basis::Measured);
        let both = [of(1.0), of(2.0)];
        assert_eq!(places(&ranked(&both, &[1.0, 1.0])), [0, 1]);
        let by_price = ranked(&both, &[3.0, 1.0]);
        assert_eq!((places(&by_price), by_price.first), (vec![1, 0], Some(1.0)));
        assert_eq!(by_price.order[1].better_than_next, None);
    }

    #[test]
    fn what_a_comparison_of_rows_leaves_unclear_has_no_confidence() {
        let of = |seconds: f64, processes: usize| {
            let mut found = projection(seconds, Some(1.001), Basis::Measured);
            found.parts[0].process_s = vec![seconds; processes];
            found
        };
        // A factor of 1.4 in one process each: no verdict, so no share of draws either. A factor of 5.04 is one.
        assert_eq!(ranked(&[of(1.0, 1), of(5.04, 1)], &[1.0, 1.0]).order[0].verdict, Some(Verdict::Faster));
        let found = ranked(&[of(1.0, 1), of(1.4, 1)], &[1.0, 1.0]);
        let few = Doubt::FewProcesses { new: 1, reference: 1, needed: 5 };
        assert_eq!(found.order[0].verdict, Some(Verdict::Unclear(few)));
        assert_eq!((found.order[0].better_than_next, found.first, found.whole), (None, None, None));
        let found = ranked(&[of(1.0, 5), of(5.04, 5)], &[1.0, 1.0]);
        assert_eq!(found.order[0].verdict, Some(Verdict::Faster));
        assert_eq!((found.order[0].better_than_next, found.first), (Some(1.0), Some(1.0)));
        // 1 % is what whole runs may differ by, however narrow the ranges are.
        let found = ranked(&[of(1.0, 5), of(1.01, 5)], &[1.0, 1.0]);
        let few = Doubt::FewRuns { new: 1, reference: 1 };
        assert_eq!((&found.order[0].verdict, found.whole), (&Some(Verdict::Unclear(few)), None));
    }

    #[test]
    fn a_range_that_overlaps_makes_the_order_unsure() {
        let predicted = Basis::Predicted { efficiency: 0.5, from: "given".into() };
        let wide = projection(1.0, Some(2.0), predicted);
        let sharp = projection(1.2, Some(1.0001), Basis::Measured);
        let found = ranked(&[sharp, wide], &[1.0, 1.0]);
        assert_eq!(places(&found), [1, 0]);
        // Half of all draws are below 1; log₂ 1.2 = 0.263 of the other half are below 1.2.
        let expected = 0.5 + 0.263 / 2.0;
        assert!((found.first.unwrap() - expected).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn without_a_range_there_is_an_order_and_no_confidence_but_between_others() {
        let of = |seconds, range| projection(seconds, range, Basis::Measured);
        let found = ranked(&[of(3.0, None), of(1.0, Some(1.01)), of(2.0, Some(1.01))], &[1.0, 1.0, 1.0]);
        assert_eq!((places(&found), found.first, found.whole), (vec![1, 2, 0], None, None));
        let steps: Vec<_> = found.order.iter().map(|ranked| ranked.better_than_next).collect();
        assert_eq!(steps, [Some(1.0), None, None]);
        assert_eq!(ranked(&[], &[]).order, []);
    }
}
