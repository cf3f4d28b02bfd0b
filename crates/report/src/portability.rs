//! Performance portability scores, for the terminal, Markdown and the HTML page.

use super::columns::columns;
use super::page::family_title;
use super::plot::letter;
use super::table::ascii;
use super::wording;
use portamark_analysis::{Cell, FamilyScore, Score, Study, TableScore, Zero, clean};
use portamark_model::units;
use serde::Serialize;

/// Maximum number of case keys that a reason names.
const KEYS: usize = 3;

/// Maximum number of reasons shown.
const REASONS: usize = 60;

/// Headings of the columns that [`score`] fills.
const NUMBERS: [&str; 6] = ["PP", "95 %", "PP of S", "|S|/|H|", "least", "mean"];

/// A portability study as shown in reports, with all cells as text.
#[derive(Debug, Serialize)]
pub struct PortabilityView {
    /// Definition of efficiency, e.g. `architectural efficiency (relative to the measured roof)`.
    pub efficiency: &'static str,
    /// Letter and label of each device.
    pub devices: Vec<(String, String)>,
    /// Column headings of `families`.
    pub family_head: Vec<String>,
    /// One line for each family, followed by one for the cases common to all devices if those differ.
    pub families: Vec<Vec<String>>,
    /// Column headings of `cases`.
    pub case_head: Vec<String>,
    /// One line for each case.
    pub cases: Vec<Vec<String>>,
    /// One sentence for each reason why a score is 0 or unknown.
    pub reasons: Vec<String>,
    /// How the confidence intervals were computed; empty if there are none.
    pub intervals: String,
}

/// Formats a study as text cells.
pub fn view(study: &Study) -> PortabilityView {
    let letters = || study.places.iter().copied().map(letter);
    let numbers = NUMBERS.map(String::from);
    let head = |first: &[&str], last: &[&str]| -> Vec<String> {
        let words = |list: &[&str]| list.iter().map(|word| word.to_string()).collect::<Vec<_>>();
        [words(first), numbers.to_vec(), letters().collect(), words(last)].concat()
    };
    PortabilityView {
        efficiency: study.efficiency.words(),
        devices: letters().zip(study.devices.iter().cloned()).collect(),
        family_head: head(&["family", "cases"], &["convergence"]),
        families: study.families.iter().flat_map(family_lines).collect(),
        case_head: head(&["case"], &[]),
        cases: study
            .cases
            .iter()
            .map(|case| [vec![clean(&case.case)], score(&case.score), cells(&case.cells)].concat())
            .collect(),
        reasons: reasons(study),
        intervals: study.bootstrap.map_or(String::new(), |bootstrap| {
            format!(
                "intervals from {} bootstrap resamples of each device's processes and samples, seed {}",
                bootstrap.resamples, bootstrap.seed
            )
        }),
    }
}

fn family_lines(family: &FamilyScore) -> Vec<Vec<String>> {
    let converged = family.convergence.as_ref();
    let converged = converged.map_or(wording::NONE.into(), |c| format!("{:.2}", c.convergence));
    let mut lines = vec![
        [
            vec![family_title(family.family).to_string(), tried(family)],
            score(&family.score),
            cells(&family.cells),
            vec![converged],
        ]
        .concat(),
    ];
    if let Some(common) = &family.common_score {
        let name = "  common cases".to_string();
        let blank = vec![String::new(); family.cells.len() + 1];
        lines.push([vec![name, family.common.to_string()], score(common), blank].concat());
    }
    lines
}

/// Returns the number of cases, and the total if some were not tried on every device, e.g. `3 of 5`.
fn tried(family: &FamilyScore) -> String {
    match family.untried {
        0 => family.cases.to_string(),
        untried => format!("{} of {}", family.cases, family.cases + untried),
    }
}

/// Returns the cells of a score: PP, its interval, PP over the supported devices (S), coverage (|S|/|H|), and
/// the least and mean efficiency.
fn score(score: &Score) -> Vec<String> {
    let part = |part: Option<f64>| part.map_or(wording::NONE.into(), |part| format!("{part:.3}"));
    let pp = match score.pp {
        Some(0.0) => "0".into(),
        Some(_) => part(score.pp),
        None => "unknown".into(),
    };
    vec![
        pp,
        score.interval.map_or(wording::NONE.into(), |(lo, hi)| format!("{lo:.3} to {hi:.3}")),
        part(score.supported_pp),
        format!("{}/{}", score.supported, score.devices),
        part(score.least),
        part(score.mean),
    ]
}

fn cells(cells: &[Cell]) -> Vec<String> {
    let text = |cell: &Cell| match cell {
        Cell::Efficiency { value } => units::percent(*value),
        Cell::Unsupported { status, .. } | Cell::Untried { status, .. } => status.to_string(),
        Cell::Unknown { .. } => "unknown".into(),
    };
    cells.iter().map(text).collect()
}

/// Explains why scores are 0 or unknown, and notes what else affects the scores.
fn reasons(study: &Study) -> Vec<String> {
    let told = |zero: &Zero, word: &str| {
        let mut keys: Vec<String> = zero.cases.iter().take(KEYS).map(|key| clean(key)).collect();
        if zero.cases.len() > KEYS {
            keys.push(format!("and {} more such cases", zero.cases.len() - KEYS));
        }
        let status = if zero.status == "unknown" { String::new() } else { format!("{}: ", zero.status) };
        format!("{word} on {}: {status}{} ({})", zero.device, zero.reason, keys.join("; "))
    };
    let mut out: Vec<String> = study.zeros().iter().map(|zero| told(zero, "0")).collect();
    out.extend(study.unknowns().iter().map(|zero| told(zero, "not known")));
    let above: usize = study.cases.iter().map(|case| case.score.above_one).sum();
    if above > 0 {
        let one = above == 1;
        let (efficiencies, count) =
            if one { ("efficiency is", "counts") } else { ("efficiencies are", "count") };
        out.push(format!("{above} {efficiencies} above 100 % and {count} as 100 % in every score"));
    }
    for import in &study.not_counted {
        out.push(format!(
            "an imported time is not counted as best known: {} by {}, {}",
            clean(&import.case),
            import.source,
            import.reason
        ));
    }
    if study.left_out > 0 {
        let cases = if study.left_out == 1 { "case is" } else { "cases are" };
        out.push(format!("{} {cases} not scored: peak and latency rows have no efficiency", study.left_out));
    }
    for family in &study.families {
        if let Some(why) = &family.no_convergence {
            out.push(format!("code convergence of {} is unknown: {}", family.family, clean(why)));
        }
    }
    let more = out.len().saturating_sub(REASONS);
    out.truncate(REASONS);
    if more > 0 {
        out.push(format!("and {more} more reasons; `portamark portability --format json` lists all of them"));
    }
    out
}

/// Returns the tables of a study for a terminal, in ASCII.
pub fn portability_table(study: &Study) -> String {
    let view = view(study);
    let mut out = format!("{} over {} devices\n", view.efficiency, view.devices.len());
    for (letter, label) in &view.devices {
        out += &format!("  {letter}  {label}\n");
    }
    for (head, lines) in [(view.family_head, view.families), (view.case_head, view.cases)] {
        let lines: Vec<Vec<String>> = std::iter::once(head).chain(lines).collect();
        out += &format!("\n{}", columns(&lines, |column| column >= 1));
    }
    out.push('\n');
    for reason in view.reasons {
        out += &format!("{reason}\n");
    }
    if !view.intervals.is_empty() {
        out += &format!("{}\n", view.intervals);
    }
    ascii(&out)
}

/// Returns the scores of a table of applications and platforms as text, in ASCII, after how its figures were read.
pub fn score_lines(scores: &[TableScore]) -> String {
    let figures = scores.first().map(|of| of.figures.words());
    let mut out = figures.map_or(String::new(), |words| format!("{words}\n\n"));
    let mut shown: Option<(&str, &[String])> = None;
    let mut lines: Vec<Vec<String>> = Vec::new();
    for (place, of) in scores.iter().enumerate() {
        if shown != Some((&of.problem, &of.platforms)) {
            shown = Some((&of.problem, &of.platforms));
            if !of.problem.is_empty() {
                out += &format!("problem {}\n", clean(&of.problem));
            }
            for (number, platform) in of.platforms.iter().enumerate() {
                out += &format!("  {}  {}\n", letter(number), clean(platform));
            }
            let numbers = NUMBERS.map(String::from).to_vec();
            let letters: Vec<String> = (0..of.platforms.len()).map(letter).collect();
            lines = vec![[vec!["application".to_string()], numbers, letters].concat()];
        }
        lines.push([vec![clean(&of.application)], score(&of.score), cells(&of.cells)].concat());
        let next = scores.get(place + 1).map(|next| (next.problem.as_str(), &next.platforms[..]));
        if next != shown {
            out += &format!("{}\n", columns(&lines, |column| column >= 1));
        }
    }
    let above: usize = scores.iter().map(|of| of.score.above_one).sum();
    if above > 0 {
        out += &format!("{above} above 100 %, counted as 100 %\n");
    }
    ascii(&out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::{Comparison, Efficiency, StudyOptions};
    use portamark_fixtures::fixture;
    use portamark_model::kernel_text::NoTexts;

    fn study() -> Study {
        let runs = fixture::three_devices();
        let comparison = Comparison::new(&runs);
        Study::new(&comparison, &StudyOptions::of_all(&comparison, Efficiency::Architectural), &NoTexts)
    }

    #[test]
    fn every_score_has_its_coverage_and_every_zero_its_reason() {
        insta::assert_snapshot!(portability_table(&study()));
    }

    #[test]
    fn the_scores_of_a_table_are_as_shown() {
        let table = "problem,application,platform,fom\np,a,x,1\np,a,y,2\np,b,x,4\nq,b,x,3\n";
        let scores = portamark_analysis::score_table(table, portamark_stats::Better::Lower, &[]).unwrap();
        insta::assert_snapshot!(score_lines(&scores));
    }

    #[test]
    fn lines_are_as_long_as_their_heads() {
        let view = view(&study());
        assert!(view.families.iter().all(|line| line.len() == view.family_head.len()));
        assert!(view.cases.iter().all(|line| line.len() == view.case_head.len()));
    }
}
