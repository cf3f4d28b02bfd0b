//! Ranking of models and devices by their projections of one pass, as text and as JSON.

use super::columns::columns;
use super::projection::{ModelOnDevice, is_bound};
use super::wording::no_lead;
use portamark_analysis::{Basis, Criterion, Doubt, Ranked, Ranking, Verdict};
use portamark_model::units;
use serde::Serialize;

/// Ranking of models on devices for one pass.
#[derive(Debug, Clone, Serialize)]
pub struct RankedPass {
    /// Phase of inference: `prefill` or `decode`.
    pub phase: String,
    /// Number of sequences.
    pub batch: u64,
    /// Number of tokens in each sequence.
    pub context: u64,
    /// Criterion by which the projections are ranked.
    pub criterion: Criterion,
    /// Projections that have a rank; [`Ranking::order`] holds indices into this list.
    pub ranked: Vec<ModelOnDevice>,
    /// Projections that have no rank, each with the reason.
    pub unranked: Vec<Unranked>,
    /// Order of `ranked`, with its confidence.
    pub ranking: Ranking,
}

/// A projection that could not be ranked.
#[derive(Debug, Clone, Serialize)]
pub struct Unranked {
    /// Name of the model.
    pub model: String,
    /// Label of the device.
    pub device: String,
    /// Why it could not be ranked.
    pub reason: String,
}

impl RankedPass {
    /// Returns a title such as `decode: 8 sequences of 4096 tokens`.
    pub fn title(&self) -> String {
        let plural = if self.batch == 1 { "" } else { "s" };
        format!("{}: {} sequence{plural} of {} tokens", self.phase, self.batch, self.context)
    }

    /// Returns the value of `one` by the criterion of the ranking, and the lower and upper end of its range;
    /// `None` if the range is unknown. [`criterion`] names the unit.
    pub fn value(&self, one: &ModelOnDevice) -> (f64, Option<(f64, f64)>) {
        let projection = &one.projection;
        let tokens = projection.tokens as f64;
        let of = |seconds: f64| match self.criterion {
            Criterion::Speed => tokens / seconds,
            Criterion::Price => seconds / tokens * 1e6 * one.price_per_hour.unwrap_or(f64::NAN) / 3600.0,
            Criterion::Energy => {
                let watts = one.energy.map_or(f64::NAN, |energy| energy.watts);
                seconds / tokens * watts / 3.6
            }
        };
        let ends = projection.lo.zip(projection.hi).map(|(lo, hi)| {
            let (a, b) = (of(lo), of(hi));
            (a.min(b), a.max(b))
        });
        (of(projection.seconds), ends)
    }
}

/// Returns the name of a criterion with its unit. Prices are in the currency of the device prices.
pub fn criterion(by: Criterion) -> &'static str {
    match by {
        Criterion::Speed => "tokens/s",
        Criterion::Price => "cost per 10^6 tokens",
        Criterion::Energy => "kWh per 10^6 tokens",
    }
}

/// Returns how a time was obtained: `predicted`, `measured`, or the share that was estimated from other
/// sizes, e.g. `12 % extrapolated`.
pub fn origin(one: &ModelOnDevice) -> String {
    if is_bound(one) {
        return "bound, compiled".into();
    }
    if one.projection.predicted {
        return "predicted".into();
    }
    let parts = one.projection.parts.iter().filter(|part| part.basis != Basis::Measured);
    let estimated: f64 = parts.map(|part| part.total_s()).sum::<f64>() / one.projection.seconds;
    if estimated > 0.0 {
        format!("{:.0} % extrapolated", (100.0 * estimated).ceil())
    } else {
        "measured".into()
    }
}

/// Returns the ranking of each pass as text, with the projections that have no rank and the confidence of the
/// order.
pub fn ranking_table(passes: &[RankedPass]) -> String {
    let mut text = String::new();
    let share = |share: Option<f64>| share.map_or("-".into(), |s| format!("{:.1} %", 100.0 * s));
    for pass in passes {
        text += &format!("{}, by {}\n\n", pass.title(), criterion(pass.criterion));
        let head = [
            "rank",
            "model",
            "device",
            "from",
            "tokens/s",
            "range",
            "price/10^6",
            "kWh/10^6",
            "better than next",
        ];
        let mut lines = vec![head.map(String::from)];
        for (rank, ranked) in pass.ranking.order.iter().enumerate() {
            let one = &pass.ranked[ranked.candidate];
            let tokens = one.projection.tokens as f64;
            let range = one.projection.lo.zip(one.projection.hi).map(|(lo, hi)| {
                format!("{} to {}", units::significant(tokens / hi), units::significant(tokens / lo))
            });
            let number = |value: Option<f64>| value.map_or("-".into(), units::significant);
            lines.push([
                (rank + 1).to_string(),
                one.model.clone(),
                one.device.clone(),
                origin(one),
                number(one.projection.tokens_per_s),
                range.unwrap_or("?".into()),
                number(one.price_per_million),
                number(one.energy.map(|energy| energy.kwh_per_million)),
                match &ranked.verdict {
                    Some(verdict) if *verdict != Verdict::Faster => no_lead(verdict).into(),
                    _ => share(ranked.better_than_next),
                },
            ]);
        }
        text += &columns(&lines, |column| column == 0 || (4..9).contains(&column));
        for line in &pass.unranked {
            text += &format!("not ranked: {} on {}: {}\n", line.model, line.device, line.reason);
        }
        text += &match (pass.ranking.first, pass.ranking.whole) {
            (Some(_), _) if pass.ranked.len() < 2 => String::new(),
            (Some(first), Some(whole)) => format!(
                "\nThe top entry is the best in {} of {} draws within the ranges (seed {}); the whole order holds in {}.\n",
                share(Some(first)),
                pass.ranking.draws,
                pass.ranking.seed,
                share(Some(whole)),
            ),
            _ if pass.ranked.len() < 2 => String::new(),
            _ => format!(
                "\nNo confidence is given for the whole order: {}.\n",
                why_no_confidence(&pass.ranking)
            ),
        };
        text.push('\n');
    }
    let all = || passes.iter().flat_map(|pass| &pass.ranked);
    if all().any(|one| one.projection.predicted) {
        text += "Predicted: published peaks times an assumed efficiency; not measured.\n";
    }
    let mut bases: Vec<&str> = all().filter_map(|one| Some(one.energy?.basis.words())).collect();
    bases.dedup();
    if !bases.is_empty() {
        text += &format!("Power: {}.\n", bases.join("; or "));
    }
    text += super::projection::LEFT_OUT;
    text
}

/// Returns the reason why a ranking has no confidence.
fn why_no_confidence(ranking: &Ranking) -> String {
    let told = |(rank, ranked): (usize, &Ranked)| {
        let places = format!("places {} and {}", rank + 1, rank + 2);
        match ranked.verdict.as_ref()? {
            Verdict::Faster => None,
            Verdict::Unclear(Doubt::FewProcesses { new, reference, needed }) => Some(format!(
                "{places} are unclear with {new} and {reference} processes; {needed} of each are needed (run --repeats {needed})"
            )),
            verdict => Some(format!(
                "{places} are {}: their costs differ by no more than the margin or the noise",
                no_lead(verdict)
            )),
        }
    };
    let reason = ranking.order.iter().enumerate().find_map(told);
    reason.unwrap_or_else(|| "at least one range is unknown".into())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::EnergyOfTokens;
    use crate::projection::tests::example;
    use portamark_analysis::{Candidate, PowerBasis, rank};

    /// Returns the ranking of a model measured on one device, predicted for another, and too large for a
    /// third.
    pub(crate) fn passes(by: Criterion) -> Vec<RankedPass> {
        let mut measured = example();
        measured.price_per_hour = Some(2.0);
        let mut predicted = measured.clone();
        predicted.device = "NVIDIA H20".into();
        predicted.projection.predicted = true;
        let seconds = 3.0e-3;
        predicted.projection.seconds = seconds;
        (predicted.projection.lo, predicted.projection.hi) = (Some(2.5e-3), Some(5e-3));
        predicted.projection.tokens_per_s = Some(1.0 / seconds);
        predicted.price_per_hour = Some(0.8);
        predicted.price_per_million = Some(0.8 / 3600.0 * seconds * 1e6);
        for part in &mut predicted.projection.parts {
            part.basis = Basis::Predicted { efficiency: 0.5, from: "given for gemv".into() };
            part.seconds *= seconds / 3.2e-3;
            (part.lo, part.hi) = (Some(part.seconds / 1.2), Some(part.seconds * 5.0 / 3.0));
        }
        predicted.energy = Some(EnergyOfTokens {
            kwh_per_million: 400.0 * seconds / 3.6,
            watts: 400.0,
            basis: PowerBasis::BoardPower,
        });
        let per_second = |one: &ModelOnDevice| match by {
            Criterion::Price => one.price_per_hour.unwrap(),
            _ => 1.0,
        };
        let ranked = vec![measured, predicted];
        let candidates: Vec<Candidate> = ranked
            .iter()
            .enumerate()
            .map(|(device, one)| Candidate {
                projection: &one.projection,
                per_second: per_second(one),
                device,
            })
            .collect();
        let ranking = rank(&candidates, 10_000, 1);
        let reason = "needs 16.6 GB and has 8.00 GB".into();
        let unranked = vec![Unranked { model: "Llama-3.1-8B".into(), device: "Small GPU".into(), reason }];
        vec![RankedPass {
            phase: "decode".into(),
            batch: 1,
            context: 4096,
            criterion: by,
            ranked,
            unranked,
            ranking,
        }]
    }

    #[test]
    fn a_ranking_is_as_shown() {
        insta::assert_snapshot!(ranking_table(&passes(Criterion::Speed)));
    }

    #[test]
    fn the_value_is_that_of_the_criterion_and_its_ends_ascend() {
        let by_price = &passes(Criterion::Price)[0];
        let (value, ends) = by_price.value(&by_price.ranked[1]);
        // A price of 0.8 per hour, at 3 ms per token.
        assert!((value - 0.8 / 3600.0 * 3e-3 * 1e6).abs() < 1e-12, "{value}");
        assert!(ends.is_some_and(|(lo, hi)| lo < value && value < hi));
        let by_speed = &passes(Criterion::Speed)[0];
        let (value, ends) = by_speed.value(&by_speed.ranked[0]);
        assert!((value - 312.5).abs() < 1e-9 && ends.is_some_and(|(lo, hi)| lo < value && value < hi));
    }
}
