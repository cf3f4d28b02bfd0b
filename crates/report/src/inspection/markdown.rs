//! Markdown: a table for each chip, and one of letters for all.

use super::grid::Grid;
use super::lacks::lacks;
use super::words::{self, LEGEND, letter, shown};
use crate::markdown_text::{code, escape, table};
use portamark_inspect::Cell;

/// Most letters of a table; the page has more.
const MOST_LETTERS: usize = 1500;
/// Most chips beside each other.
const MOST_CHIPS: usize = 24;
/// Most reasons why cases cannot run.
const MOST_REASONS: usize = 12;

/// Returns a section for each chip with all its numbers.
pub fn inspection_markdown(cells: &[Cell]) -> String {
    let mut out = String::new();
    for chip in Grid::new(cells).chips {
        let (title, driver) = (escape(&chip.title), escape(&chip.driver));
        out += &format!(
            "## {title}\n\nCompiled by {driver}, not measured. The bound is the published peak or bandwidth of a card with \
             this chip, and what the hot loop can issue of it.\n\n"
        );
        let head = [
            "case",
            "variant",
            "hot loop",
            "remarks",
            "registers",
            "spills",
            "resident subgroups",
            "workgroup memory",
            "issue ceiling",
            "bound",
        ];
        let of_chip = cells.iter().filter(|cell| cell.chip == chip.chip);
        let rows = of_chip.map(|cell| {
            vec![
                code(&cell.case),
                escape(cell.variant.as_deref().unwrap_or(words::NONE)),
                escape(&words::mix(cell)),
                escape(&words::findings(cell)),
                words::registers(cell),
                words::spills(cell),
                words::resident(cell),
                words::workgroup(cell),
                words::ceiling(cell),
                words::bound(cell),
            ]
        });
        table(&mut out, &head.map(String::from), 4, rows);
    }
    out
}

/// Returns a section with a letter for each case on each chip; empty without a cell.
pub fn inspection_letters(cells: &[Cell]) -> String {
    if cells.is_empty() {
        return String::new();
    }
    let grid = Grid::new(cells);
    let legend: Vec<String> = LEGEND.iter().map(|(one, what)| format!("{} {what}", shown(*one))).collect();
    let mut out =
        format!("## Compiled kernels\n\nCompiled, not measured: {}, – cannot run.\n\n", legend.join(", "));
    let chips = grid.chips.len().min(MOST_CHIPS);
    let cases = grid.cases.len().min(MOST_LETTERS / chips);
    let names = grid.chips.iter().take(chips).map(|chip| escape(&chip.chip));
    let head: Vec<String> = std::iter::once("case".to_string()).chain(names).collect();
    let mark = |row, chip| grid.at(row, chip).map_or(String::new(), |cell| shown(letter(cell)).to_string());
    let rows = (0..cases).map(|row| {
        let marks = (0..chips).map(|chip| mark(row, chip));
        std::iter::once(code(grid.cases[row])).chain(marks).collect()
    });
    table(&mut out, &head, head.len(), rows);
    if (cases, chips) < (grid.cases.len(), grid.chips.len()) {
        out += &format!("{cases} of {} cases, {chips} of {} chips.\n\n", grid.cases.len(), grid.chips.len());
    }
    let lacks = lacks(cells);
    for lack in lacks.iter().take(MOST_REASONS) {
        let cases = if lack.cases == 1 { "1 case".into() } else { format!("{} cases", lack.cases) };
        out += &format!("- {}: {cases} on {}\n", escape(&lack.words()), escape(&lack.chips.join(", ")));
    }
    if lacks.len() > MOST_REASONS {
        out += &format!("- {} more reasons\n", lacks.len() - MOST_REASONS);
    }
    out + if lacks.is_empty() { "" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::compiled;

    #[test]
    fn the_letters_of_a_report_are_as_shown() {
        let [product, copy] = compiled::CASES;
        let text = inspection_letters(&compiled::cells());
        for line in [
            "| case | one | two | three |".to_string(),
            format!("| `{product}` | S | M | – |"),
            format!("| `{copy}` | O | · | I |"),
            "- needs shader-f16, which this device does not offer: 1 case on three".into(),
        ] {
            assert!(text.lines().any(|one| one == line), "{line}:\n{text}");
        }
        assert_eq!(inspection_letters(&[]), "");
    }

    #[test]
    fn names_of_drivers_are_text_in_markdown() {
        for text in
            [inspection_letters(&compiled::hostile_cells()), inspection_markdown(&compiled::hostile_cells())]
        {
            let text = text.replace("\\`", "");
            let outside: String = text.split('`').step_by(2).collect();
            for live in ["<", "://", "@here", "[x](", "\u{1b}", "\u{202e}"] {
                assert!(!outside.contains(live), "{live}: {outside}");
            }
        }
    }
}
