//! Verdicts on the two sides of a report as a table.

use super::verdicts::{cells, run_spread};
use portamark_analysis::{Comparison, MOST_JUDGED, Sides};
use serde::Serialize;

/// Verdicts as a table of text cells.
#[derive(Debug, Clone, Serialize)]
pub struct SidesView {
    /// Introduction: what was judged, and how.
    pub text: String,
    /// Column headings.
    pub head: [String; 6],
    /// One line for each case.
    pub lines: Vec<[String; 6]>,
}

/// Returns the table of all verdicts.
pub fn view(sides: &Sides, comparison: &Comparison) -> SidesView {
    let [reference, new] = [sides.reference, sides.new].map(|place| comparison.devices[place].label.clone());
    let percent = |part: f64| (1e4 * part).round() / 100.0;
    let level = sides.verdicts.iter().find_map(|verdict| verdict.judgement.ratio.as_ref());
    let level = percent(level.map_or(0.95, |ratio| ratio.interval.bootstrap.level));
    let mut text = format!(
        "{new} against {reference}: the ratio of times with the {level} % interval of each individual case; verdicts are \
         corrected for multiple comparisons (Benjamini-Hochberg), with a margin of {} %. A verdict needs {} processes on each side.",
        percent(sides.rule.margin),
        sides.rule.min_processes
    );
    if let Some(assumed) = run_spread(&sides.verdicts) {
        let (first, rest) = assumed.split_at(1);
        text += &format!(" {}{rest}.", first.to_uppercase());
    }
    if sides.left_out > 0 {
        text += &format!(
            " The {} cases with the largest differences were judged, {} were not.",
            MOST_JUDGED, sides.left_out
        );
    }
    SidesView {
        text,
        head: ["case", "reference", "new", "ratio", "interval", "verdict"].map(String::from),
        lines: sides.verdicts.iter().map(cells).collect(),
    }
}
