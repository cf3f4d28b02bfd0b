//! Judgement of two sides by their samples: a verdict with its evidence, alone and among many cases.

use super::verdict::{Absence, Doubt, Side, Verdict, VerdictRule};
use portamark_stats::{
    MedianRatio, RatioEvidence, benjamini_hochberg, holm, median_interval, median_of_unsorted,
};
use serde::{Deserialize, Serialize};

/// Verdict together with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Result of the comparison.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Ratio of the medians, new over reference: below 1 if the new side is faster. Also set if the verdict
    /// is unclear; `None` if it is missing.
    pub ratio: Option<MedianRatio>,
    /// p-values of the samples; `None` if there are too few processes for a verdict.
    pub p: Option<PValues>,
}

/// p-values of a case: by itself, and adjusted for all cases judged with it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PValues {
    /// p-value of the hypothesis that the ratio lies within the margin: small if the sides differ.
    pub differs: f64,
    /// p-value of the hypothesis that the ratio lies outside the margin: small if the sides are shown to be
    /// the same.
    pub same: f64,
    /// `differs`, adjusted by Benjamini and Hochberg: of the cases called faster or slower, an expected
    /// fraction of at most α is false.
    pub differs_reading: f64,
    /// `same`, adjusted in the same way.
    pub same_reading: f64,
    /// `differs`, adjusted by Holm: the probability that any case is wrongly called different is at most α.
    pub differs_gate: f64,
}

impl Judgement {
    /// Judges two sides of one run that did not run in turns. Each side is a list of processes with their samples:
    /// positive times, all in the same unit.
    ///
    /// If many cases are judged at once, `judge_together` makes the final decision.
    pub fn of(new: &[Vec<f64>], reference: &[Vec<f64>], rule: &VerdictRule) -> Self {
        if let Some(absent) = Self::absent(new, reference) {
            return absent;
        }
        let few = Self::few(new, reference, rule);
        Self::by(RatioEvidence::new(new, reference, &rule.bootstrap), few, rule)
    }

    /// Returns the verdict if there are too few processes on a side.
    fn few(new: &[Vec<f64>], reference: &[Vec<f64>], rule: &VerdictRule) -> Option<Verdict> {
        let spans =
            |side: &[Vec<f64>]| side.iter().map(|s| span(s, rule.bootstrap.level)).collect::<Vec<_>>();
        Verdict::of_few(&spans(new), &spans(reference), rule)
    }

    /// Judges two sides that were measured in runs of their own, at different times or on different machines. Each
    /// side is a list of runs, each with its processes and their samples as for [`Judgement::of`].
    pub fn of_runs(new: &[Vec<Vec<f64>>], reference: &[Vec<Vec<f64>>], rule: &VerdictRule) -> Self {
        let processes = |side: &[Vec<Vec<f64>>]| side.iter().flatten().cloned().collect::<Vec<_>>();
        let (all_new, all_reference) = (processes(new), processes(reference));
        if let Some(absent) = Self::absent(&all_new, &all_reference) {
            return absent;
        }
        let Some(evidence) = RatioEvidence::new(&all_new, &all_reference, &rule.bootstrap) else {
            return Self::missing(Absence::NoRatio);
        };
        let few = Self::few(&all_new, &all_reference, rule);
        let by_processes = Self::by(Some(evidence.clone()), few.clone(), rule);
        let [new_runs, reference_runs] =
            [new, reference].map(|side| side.iter().map(|run| location(run)).collect::<Vec<f64>>());
        let mut judged =
            Self::by(Some(evidence.between_runs(&new_runs, &reference_runs, rule.run_spread)), few, rule);
        let concluded = matches!(by_processes.verdict, Verdict::Faster | Verdict::Slower | Verdict::Same);
        if concluded && judged.verdict == Verdict::Unclear(Doubt::WideInterval) {
            let few = Doubt::FewRuns { new: new_runs.len(), reference: reference_runs.len() };
            judged.verdict = Verdict::Unclear(few);
        }
        judged
    }

    /// Returns a missing verdict if a side has no samples.
    fn absent(new: &[Vec<f64>], reference: &[Vec<f64>]) -> Option<Self> {
        let sides = [(Side::New, new), (Side::Reference, reference)];
        let empty = |processes: &[Vec<f64>]| processes.is_empty() || processes.iter().any(Vec::is_empty);
        let (side, _) = sides.into_iter().find(|(_, processes)| empty(processes))?;
        Some(Self::missing(Absence::NoSamples(side)))
    }

    /// Judges pairs of processes that ran in turns. Each process is a list of sample pairs (new, reference)
    /// that are neighbours in time, in the order A B B A ….
    pub fn paired(processes: &[Vec<(f64, f64)>], rule: &VerdictRule) -> Self {
        if processes.is_empty() || processes.iter().any(Vec::is_empty) {
            return Self { verdict: Verdict::Missing(Absence::NoSamples(Side::New)), ratio: None, p: None };
        }
        let side = |of: fn(&(f64, f64)) -> f64| -> Vec<Vec<f64>> {
            processes.iter().map(|pairs| pairs.iter().map(of).collect()).collect()
        };
        let few = Self::few(&side(|pair| pair.0), &side(|pair| pair.1), rule);
        Self::by(RatioEvidence::paired(processes, &rule.bootstrap), few, rule)
    }

    /// Returns a missing verdict with its reason.
    pub fn missing(absence: Absence) -> Self {
        Self { verdict: Verdict::Missing(absence), ratio: None, p: None }
    }

    /// Judges by the evidence, or by `few` if there are too few processes for it.
    fn by(evidence: Option<RatioEvidence>, few: Option<Verdict>, rule: &VerdictRule) -> Self {
        let evidence = evidence.filter(|_| rule.margin.is_finite() && rule.margin > 0.0);
        let known = evidence.and_then(|evidence| evidence.ratio().map(|ratio| (evidence, ratio)));
        let Some((evidence, ratio)) = known else {
            return Self::missing(Absence::NoRatio);
        };
        if let Some(verdict) = few {
            return Self { verdict, ratio: Some(ratio), p: None };
        }
        let p = || {
            let (differs, same) = (evidence.p_beyond(rule.margin)?, evidence.p_within(rule.margin)?);
            let (differs_reading, same_reading, differs_gate) = (differs, same, differs);
            Some(PValues { differs, same, differs_reading, same_reading, differs_gate })
        };
        Self { verdict: Verdict::of(&ratio, rule), ratio: Some(ratio), p: p() }
    }

    /// Whether the case is faster or slower with the certainty that a gate requires: by Holm's adjustment. Without
    /// p-values, that is with too few processes, it is not.
    pub fn is_certain(&self, rule: &VerdictRule) -> bool {
        let differs = matches!(self.verdict, Verdict::Faster | Verdict::Slower);
        differs && self.p.is_some_and(|p| p.differs_gate <= rule.alpha())
    }
}

/// Adjusts the p-values of cases that are judged together, and withdraws verdicts that do not hold among so
/// many.
///
/// Among many comparisons of equal kernels some look different by chance. For reading, p-values are adjusted
/// by Benjamini and Hochberg, for gates by Holm ([`Judgement::is_certain`]). The confidence intervals stay
/// those of each case by itself.
pub fn judge_together<'a>(judgements: impl IntoIterator<Item = &'a mut Judgement>, rule: &VerdictRule) {
    let mut judged: Vec<(&mut Verdict, &mut PValues)> = judgements
        .into_iter()
        .filter_map(|judgement| Some((&mut judgement.verdict, judgement.p.as_mut()?)))
        .collect();
    let cases = judged.len();
    let all = |value: fn(&PValues) -> f64| judged.iter().map(|(_, p)| value(p)).collect::<Vec<f64>>();
    let (differs, same) = (all(|p| p.differs), all(|p| p.same));
    let adjusted = (benjamini_hochberg(&differs), benjamini_hochberg(&same), holm(&differs));
    let (Some(differs_reading), Some(same_reading), Some(differs_gate)) = adjusted else { return };
    for (at, (verdict, p)) in judged.iter_mut().enumerate() {
        p.differs_reading = differs_reading[at];
        p.same_reading = same_reading[at];
        p.differs_gate = differs_gate[at];
        let told = match verdict {
            Verdict::Faster | Verdict::Slower => p.differs_reading,
            Verdict::Same => p.same_reading,
            Verdict::Unclear(_) | Verdict::Missing(_) => continue,
        };
        // A single case is judged by its interval, whose ends may lie between two bootstrap replicates.
        if cases > 1 && told > rule.alpha() {
            **verdict = Verdict::Unclear(Doubt::AmongMany { cases });
        }
    }
}

/// Returns ln t of a run: the mean over its processes of the logarithms of their medians.
fn location(processes: &[Vec<f64>]) -> f64 {
    let medians = processes.iter().filter_map(|samples| median_of_unsorted(&mut samples.clone()));
    medians.map(f64::ln).sum::<f64>() / processes.len() as f64
}

/// Returns the interval of a process's median, in seconds; the range of its samples if they are too few for one.
fn span(samples: &[f64], level: f64) -> (f64, f64) {
    let ends = median_interval(samples, level).map(|interval| (interval.lo, interval.hi));
    ends.unwrap_or_else(|| {
        samples.iter().fold((f64::INFINITY, 0.0), |(lo, hi): (f64, f64), s| (lo.min(*s), hi.max(*s)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_stats::Bootstrap;
    use rand_pcg::Pcg64;
    use rand_pcg::rand_core::{Rng, SeedableRng};
    use statrs::distribution::{ContinuousCDF, Normal};

    fn quick() -> VerdictRule {
        let rule = VerdictRule::seeded(1);
        VerdictRule { bootstrap: Bootstrap { resamples: 400, ..rule.bootstrap }, ..rule }
    }

    /// Five processes of ten samples each, without spread within a process; processes at `time` ± `spread`.
    fn side(time: f64, spread: f64) -> Vec<Vec<f64>> {
        [-1.0, -0.5, 0.0, 0.5, 1.0].map(|at| vec![time * (1.0 + spread * at); 10]).to_vec()
    }

    fn verdict(new: &[Vec<f64>], reference: &[Vec<f64>]) -> Verdict {
        Judgement::of(new, reference, &quick()).verdict
    }

    #[test]
    fn the_interval_is_held_against_the_margin_on_both_sides() {
        for (time, spread, expected) in [
            (0.9, 0.001, Verdict::Faster),
            (0.979, 0.0, Verdict::Faster),
            // 1/1.02 = .98039.
            (0.981, 0.0, Verdict::Same),
            (1.0, 0.001, Verdict::Same),
            (1.0199, 0.0, Verdict::Same),
            (1.021, 0.0, Verdict::Slower),
            (1.1, 0.001, Verdict::Slower),
            (1.02, 0.01, Verdict::Unclear(Doubt::WideInterval)),
            (0.98, 0.01, Verdict::Unclear(Doubt::WideInterval)),
            (1.0, 0.2, Verdict::Unclear(Doubt::WideInterval)),
        ] {
            assert_eq!(verdict(&side(time, spread), &side(1.0, spread)), expected, "{time} {spread}");
        }
    }

    #[test]
    fn exchanged_sides_turn_the_verdict_round() {
        let (slow, fast) = (side(1.3, 0.01), side(1.0, 0.01));
        assert_eq!(verdict(&slow, &fast), Verdict::Slower);
        assert_eq!(verdict(&fast, &slow), Verdict::Faster);
    }

    #[test]
    fn too_few_processes_tell_no_difference_below_half_however_clear_the_samples_are() {
        let five = side(1.0, 0.0);
        // 1/1.5 = .6667.
        let halved = |processes: usize| vec![vec![0.67; 100]; processes];
        for (processes, seconds, expected) in [(1, 0.66, Verdict::Faster), (4, 1.51, Verdict::Slower)] {
            assert_eq!(verdict(&vec![vec![seconds; 100]; processes], &five), expected);
        }
        // One process of four that is not beyond the factor leaves it open.
        let mixed = [vec![vec![0.5; 100]; 3], vec![vec![0.7; 100]]].concat();
        assert!(matches!(verdict(&mixed, &five), Verdict::Unclear(Doubt::FewProcesses { new: 4, .. })));
        for processes in 1..5 {
            let doubt = Doubt::FewProcesses { new: processes, reference: 5, needed: 5 };
            assert_eq!(verdict(&halved(processes), &five), Verdict::Unclear(doubt));
        }
        // A rule can ask for fewer, but not for one.
        let lax = VerdictRule { min_processes: 0, ..quick() };
        let judgement = Judgement::of(&halved(1), &five, &lax);
        let doubt = Doubt::FewProcesses { new: 1, reference: 5, needed: 2 };
        assert_eq!((&judgement.verdict, judgement.p), (&Verdict::Unclear(doubt), None));
        assert_eq!(judgement.ratio.unwrap().interval.estimate, 0.67);
        assert_eq!(Judgement::of(&halved(2), &five, &lax).verdict, Verdict::Faster);
        assert_eq!(
            judgement.verdict.to_string(),
            "unclear (1 new and 5 reference processes; 2 on each side are needed for a difference that is not large)"
        );
    }

    #[test]
    fn what_cannot_be_compared_is_missing_with_its_reason() {
        let five = side(1.0, 0.0);
        let missing = Verdict::Missing;
        assert_eq!(verdict(&[], &five), missing(Absence::NoSamples(Side::New)));
        assert_eq!(verdict(&five, &[vec![]]), missing(Absence::NoSamples(Side::Reference)));
        assert_eq!(verdict(&five, &[vec![0.0]]), missing(Absence::NoRatio));
        for margin in [0.0, -0.1, f64::NAN] {
            let rule = VerdictRule { margin, ..quick() };
            let judgement = Judgement::of(&five, &five, &rule);
            assert_eq!((judgement.verdict, judgement.ratio), (missing(Absence::NoRatio), None));
        }
        let row = missing(Absence::Row(Side::New, "unsupported: no f16".into()));
        assert_eq!(row.to_string(), "missing (the new side is unsupported: no f16)");
    }

    #[test]
    fn verdicts_are_written_as_words_and_read_back() {
        let judgement = Judgement::of(&side(1.0, 0.0), &side(1.0, 0.0), &quick());
        let written = serde_json::to_value(&judgement).unwrap();
        assert_eq!(written["verdict"], "same");
        assert_eq!(serde_json::from_value::<Judgement>(written).unwrap(), judgement);
        let judgement = Judgement::of(&[], &[], &quick());
        let written = serde_json::to_value(&judgement).unwrap();
        assert_eq!(written["verdict"], "missing");
        assert_eq!(written["reason"]["no-samples"], "new");
        assert_eq!(serde_json::from_value::<Judgement>(written).unwrap(), judgement);
    }

    /// Two sides of five processes each, of 30 samples with a standard deviation of 1 %, taken in the
    /// order A B B A A B B A A B while the machine becomes 1 % slower. Each process is shifted as a
    /// whole, with the standard deviation `shift`; the new side takes `ratio` times as long.
    fn trial(generator: &mut Pcg64, ratio: f64, shift: f64) -> [Vec<Vec<f64>>; 2] {
        let normal = Normal::standard();
        let mut draw = || {
            // The middle of one of 2⁵³ equal parts of (0, 1).
            let uniform = ((generator.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
            normal.inverse_cdf(uniform)
        };
        let mut sides = [Vec::new(), Vec::new()];
        for (place, side) in [0, 1, 1, 0, 0, 1, 1, 0, 0, 1].into_iter().enumerate() {
            let factor: f64 = if side == 0 { ratio } else { 1.0 };
            let process = factor.ln() + shift * draw() + 0.001 * place as f64;
            sides[side].push((0..30).map(|_| (process + 0.01 * draw()).exp()).collect());
        }
        sides
    }

    #[test]
    fn equal_kernels_in_processes_that_differ_raise_few_alarms() {
        // The variance of ln R is that of five process medians on each side, ⅖·(.01² + π/2·.01²/30) =
        // (.00649)². Both alarming verdicts need the whole interval, and so R itself, beyond the margin, and
        // P(|ln R| > ln 1.02 = .0198) = 2·(1 − Φ(3.05)) = .0023 whatever the interval. In 300 trials .7 are
        // expected; more than 3 have a probability of .005.
        let mut generator = Pcg64::seed_from_u64(5);
        let one = |ratio: &MedianRatio| ratio.lo <= 1.0 && 1.0 <= ratio.hi;
        let (mut alarms, mut off_one, mut off_one_if_alone) = (0, 0, 0);
        for _ in 0..300 {
            let [new, reference] = trial(&mut generator, 1.0, 0.01);
            let judgement = Judgement::of(&new, &reference, &quick());
            alarms += usize::from(matches!(judgement.verdict, Verdict::Faster | Verdict::Slower));
            off_one += usize::from(!one(&judgement.ratio.unwrap()));
            let alone = Judgement::of(&new[..1], &reference[..1], &quick());
            assert_eq!(alone.verdict.word(), "unclear");
            off_one_if_alone += usize::from(!one(&alone.ratio.unwrap()));
        }
        assert!(alarms <= 3, "{alarms} of 300");
        // The interval alone misses 1 in 5 % of trials: 15 ± 3.8 of 300. A single process is not enough
        // because its interval is far too narrow (64 %).
        assert!((4..=27).contains(&off_one), "{off_one} of 300");
        assert!((150..=225).contains(&off_one_if_alone), "{off_one_if_alone} of 300");
    }

    /// Five pairs of processes with 40 pairs of samples each, on a machine shared with others: its speed
    /// drifts by 30 %, one batch in ten takes up to 60 % longer on its own, and the pairs of processes differ
    /// by 1 % as a whole.
    fn shared_machine(generator: &mut Pcg64, ratio: f64) -> Vec<Vec<(f64, f64)>> {
        let normal = Normal::standard();
        let mut uniform = || ((generator.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let mut process = || {
            let own = 0.01 * normal.inverse_cdf(uniform());
            let mut speed = 0.3 * uniform();
            let mut pair = || {
                speed = (speed + 0.05 * (uniform() - 0.5)).clamp(0.0, 0.3);
                let mut batch = |factor: f64| {
                    let spike = if uniform() < 0.1 { 1.0 + 0.6 * uniform() } else { 1.0 };
                    factor * spike * (speed + 0.01 * normal.inverse_cdf(uniform())).exp()
                };
                (batch(ratio * own.exp()), batch(1.0))
            };
            (0..40).map(|_| pair()).collect()
        };
        (0..5).map(|_| process()).collect()
    }

    #[test]
    fn on_a_shared_machine_alarms_are_rare_and_five_percent_are_found() {
        // Each process estimates its ln R with the standard deviation .01 ⊕ 1.25·√2·.01/√40·(a little for the
        // spikes) = .0105, the mean of five with .0047: a false alarm has to be four standard errors off, and
        // the smallest ln R called slower is .0198 + 2.776·.0047 = .0328, three standard errors below ln 1.05
        // = .0488. In 100 trials 99 should be found; fewer than 92 have a probability below 10⁻⁵.
        let mut generator = Pcg64::seed_from_u64(7);
        let (mut alarms, mut found) = (0, 0);
        for _ in 0..100 {
            let mut word = |ratio: f64| {
                Judgement::paired(&shared_machine(&mut generator, ratio), &quick()).verdict.word()
            };
            alarms += usize::from(["faster", "slower"].contains(&word(1.0)));
            found += usize::from(word(1.05) == "slower");
        }
        assert!(alarms <= 1, "{alarms} of 100");
        assert!(found >= 92, "{found} of 100");
    }

    /// Five pairs of processes whose ln R are evenly spread about `middle`, so that their standard error is
    /// .002: ln R = middle ± .002·t₄.
    fn pairs(middle: f64) -> Vec<Vec<(f64, f64)>> {
        [-2.0, -1.0, 0.0, 1.0, 2.0]
            .map(|step: f64| vec![((middle + 0.004 / 2f64.sqrt() * step).exp(), 1.0); 9])
            .to_vec()
    }

    #[test]
    fn too_few_pairs_do_not_tell() {
        let doubt = Doubt::FewProcesses { new: 4, reference: 4, needed: 5 };
        let judgement = Judgement::paired(&pairs(0.03)[..4], &quick());
        assert_eq!((judgement.verdict, judgement.p), (Verdict::Unclear(doubt), None));
        let nothing = Verdict::Missing(Absence::NoSamples(Side::New));
        assert_eq!(Judgement::paired(&[], &quick()).verdict, nothing);
    }

    #[test]
    fn among_many_cases_a_verdict_takes_more() {
        // By itself .03 with the error .002 is slower: (.03 − .0198)/.002 = 5.1, p = .0070. Among 20 cases,
        // the others being equal, the p-value adjusted by Benjamini and Hochberg or by Holm is .14.
        let rule = quick();
        let alone = Judgement::paired(&pairs(0.03), &rule);
        assert_eq!(alone.verdict, Verdict::Slower);
        assert!((alone.p.unwrap().differs - 0.0070).abs() < 2e-4, "{:?}", alone.p);
        let mut family = vec![Judgement::paired(&pairs(0.0), &rule); 20];
        family[3] = alone.clone();
        judge_together(&mut family, &rule);
        assert_eq!(family[3].verdict, Verdict::Unclear(Doubt::AmongMany { cases: 20 }));
        let p = family[3].p.unwrap();
        assert!((p.differs_reading - 20.0 * p.differs).abs() < 1e-12 && p.differs_gate == p.differs_reading);
        assert_eq!(family[3].ratio, alone.ratio, "the interval stays that of the case");
        assert!(family.iter().enumerate().all(|(at, other)| at == 3 || other.verdict == Verdict::Same));
        // Cases that are missing or have too few processes do not count.
        let mut two = vec![alone.clone(), Judgement::missing(Absence::NoRatio), alone.clone()];
        judge_together(&mut two, &rule);
        assert_eq!(two[0].verdict, Verdict::Slower);
        assert!((two[0].p.unwrap().differs_gate - 2.0 * p.differs).abs() < 1e-12);
    }

    #[test]
    fn a_gate_takes_more_than_reading() {
        // Four of ten slower with p = .0070: Benjamini and Hochberg 10·p/4 = .017, Holm 10·p = .070.
        let rule = quick();
        let mut family = vec![Judgement::paired(&pairs(0.0), &rule); 10];
        (0..4).for_each(|at| family[at] = Judgement::paired(&pairs(0.03), &rule));
        judge_together(&mut family, &rule);
        assert!(family[..4].iter().all(|one| one.verdict == Verdict::Slower && !one.is_certain(&rule)));
        // .05 lies (.05 − .0198)/.002 = 15.1 standard errors beyond the margin: p = .00011.
        family[0] = Judgement::paired(&pairs(0.05), &rule);
        judge_together(&mut family, &rule);
        let certain: Vec<bool> = family.iter().map(|one| one.is_certain(&rule)).collect();
        assert_eq!(certain.iter().filter(|one| **one).count(), 1);
        assert!(certain[0]);
    }

    #[test]
    fn true_differences_are_found_and_true_equality_is_shown() {
        // 8 % against a margin of 2 % leaves ln(1.08/1.02) = .057, nine standard errors of .00649.
        // Shifts of .2 % give ln R the standard error √(⅖·(.002² + .0023²)) = .0019, a tenth of the
        // margin.
        let mut generator = Pcg64::seed_from_u64(6);
        let mut found = [0; 3];
        for _ in 0..50 {
            for (found, (ratio, shift, word)) in found.iter_mut().zip([
                (1.0 / 1.08, 0.01, "faster"),
                (1.08, 0.01, "slower"),
                (1.0, 0.002, "same"),
            ]) {
                let [new, reference] = trial(&mut generator, ratio, shift);
                *found += usize::from(verdict(&new, &reference).word() == word);
            }
        }
        assert!(found.iter().all(|found| *found >= 49), "{found:?} of 50");
    }
}
