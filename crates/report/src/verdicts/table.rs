//! Table of verdicts for a terminal.

use super::super::columns::columns;
use portamark_analysis::{CaseVerdict, clean};
use portamark_model::units;
use portamark_results::Status;

/// Returns one line for each verdict: times of both sides, the ratio `new`/`reference` with its interval, and
/// the verdict on `new`. `reference` and `new` are the names of the sides.
pub fn verdict_table(verdicts: &[CaseVerdict], reference: &str, new: &str) -> String {
    let mut out = lines(verdicts, reference, new);
    if let Some(ratio) = verdicts.iter().find_map(|verdict| verdict.judgement.ratio.as_ref()) {
        let percent = (1e4 * ratio.interval.bootstrap.level).round() / 100.0;
        out += &format!("{percent} % intervals of each individual case");
        out += if verdicts.len() > 1 {
            ", verdicts corrected for multiple comparisons (Benjamini-Hochberg)\n"
        } else {
            "\n"
        };
        out += &run_spread(verdicts).map_or(String::new(), |text| text + "\n");
    }
    out
}

/// Returns what intervals contain for differences between runs; `None` if that is nothing.
pub(crate) fn run_spread<'a>(verdicts: impl IntoIterator<Item = &'a CaseVerdict>) -> Option<String> {
    let assumed = verdicts.into_iter();
    let spreads = assumed.filter_map(|verdict| verdict.judgement.ratio.as_ref()?.run_spread);
    let (least, most) = spreads.fold((f64::MAX, 0.0f64), |(least, most), s| (least.min(s), most.max(s)));
    let percent = |part: f64| (1e4 * part).round() / 100.0;
    let range = match (percent(least), percent(most)) {
        (_, 0.0) => return None,
        (least, most) if least == most => format!("{most} %"),
        (least, most) => format!("{least} to {most} %"),
    };
    Some(format!(
        "intervals include a standard deviation of {range} between whole runs, assumed and corrected by what runs show"
    ))
}

/// Returns the cells of a verdict: case, times of the reference and of the new side, ratio, interval,
/// verdict.
pub(crate) fn cells(verdict: &CaseVerdict) -> [String; 6] {
    let time = |seconds: Option<f64>| seconds.map_or("-".into(), units::seconds);
    let ratio = verdict.judgement.ratio.as_ref();
    let told = ratio.map_or("-".into(), |ratio| format!("{:.4}", ratio.interval.estimate));
    let interval = ratio.map_or("-".into(), |ratio| format!("{:.4} to {:.4}", ratio.lo, ratio.hi));
    let mut word = verdict.judgement.verdict.to_string();
    if let (Some(status), Some(_)) = (verdict.new_status.filter(|status| *status != Status::Ok), ratio) {
        word += &format!("; a process of the new side is {status}");
    }
    if ratio.is_some() && !verdict.unlike.is_empty() {
        let fields: Vec<&str> = verdict.unlike.iter().map(|difference| difference.field).collect();
        word += &format!(" (forced: different {})", fields.join(", "));
    }
    [clean(&verdict.name()), time(verdict.reference_s), time(verdict.new_s), told, interval, clean(&word)]
}

/// Returns the table without the note below it.
pub(super) fn lines(verdicts: &[CaseVerdict], reference: &str, new: &str) -> String {
    let ratio_name = format!("{new}/{reference}");
    let head = ["case", reference, new, &ratio_name, "interval", "verdict"].map(ToString::to_string);
    let lines: Vec<[String; 6]> = [head].into_iter().chain(verdicts.iter().map(cells)).collect();
    columns(&lines, |column| (1..5).contains(&column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::{Absence, Judgement, Side, VerdictRule};

    #[test]
    fn a_line_has_times_ratio_interval_and_verdict() {
        let side = |seconds: f64| vec![vec![seconds; 30]; 5];
        let judgement = Judgement::of(&side(0.0021), &side(0.002), &VerdictRule::seeded(1));
        let verdict = |case: &str, judgement: Judgement, seconds: Option<f64>| CaseVerdict {
            new_s: seconds.map(|s| 1.05 * s),
            reference_s: seconds,
            ..CaseVerdict::of(case, judgement)
        };
        let absence = Absence::Row(Side::New, "unsupported: no f16".into());
        let text = verdict_table(
            &[
                verdict("gemm f32 m64 n64 k64 nn", judgement, Some(0.002)),
                verdict("gemm f16 m64 n64 k64 nn", Judgement::missing(absence), None),
            ],
            "A",
            "B",
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].contains("B/A") && lines[0].ends_with("verdict"), "{text}");
        assert!(lines[1].contains("1.0500  1.0500 to 1.0500  slower"), "{text}");
        assert!(lines[2].ends_with("missing (the new side is unsupported: no f16)"), "{text}");
        assert!(text.is_ascii() && lines[3].starts_with("95 % intervals of each"), "{text}");
    }
}
