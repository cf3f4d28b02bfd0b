//! Table of many chips: kernels down, chips across, one letter each.

use super::grid::Grid;
use super::words::{LEGEND, findings, letter, severity};
use crate::table::ascii;
use portamark_analysis::clean;
use portamark_inspect::Cell;
use std::fmt::Write;

/// Longest key of a case that is shown on the line of its letters.
const KEY: usize = 60;
/// Most sentences below the table.
const MOST_SENTENCES: usize = 24;

/// Returns a table of `cells`: a line for each case with a letter for each chip, what the letters mean, and the sentences of
/// the worst. `width` is that of the terminal; `None`: the text is ASCII.
pub fn inspection_matrix(cells: &[Cell], width: Option<u16>) -> String {
    let grid = Grid::new(cells);
    let chips = &grid.chips;
    let mut out = String::new();
    // Their names stand above the columns, each one line lower than the one before would be too much: numbered.
    for (number, chip) in chips.iter().enumerate() {
        let _ = writeln!(out, "{:>2}  {:<12} {} ({})", number + 1, chip.chip, chip.title, chip.driver);
    }
    let room = width
        .map_or(KEY, |width| usize::from(width.max(40)).saturating_sub(3 * chips.len() + 1).clamp(24, KEY));
    let _ = writeln!(out);
    let numbers: String = (1..=chips.len()).map(|number| format!("{number:>3}")).collect();
    let _ = writeln!(out, "{:room$}{numbers}", "");
    for (row, case) in grid.cases.iter().enumerate() {
        let letters: String = (0..chips.len())
            .map(|chip| grid.at(row, chip).map_or("   ".into(), |cell| format!("  {}", letter(cell))))
            .collect();
        let key = clean(case);
        let mut lines = wrapped(&key, room);
        let last = lines.pop().unwrap_or_default();
        for line in lines {
            let _ = writeln!(out, "{line}");
        }
        let _ = writeln!(out, "{}", format!("{last:room$}{letters}").trim_end());
    }
    let _ = writeln!(out);
    for (letter, meaning) in LEGEND {
        let count = cells.iter().filter(|cell| self::letter(cell) == *letter).count();
        let _ = writeln!(out, "{letter}  {meaning}: {count}");
    }
    let blank = cells.iter().filter(|cell| self::letter(cell) == ' ').count();
    let _ = writeln!(out, "   the chip cannot run it: {blank}");
    let mut bad: Vec<&Cell> = cells.iter().filter(|cell| !cell.findings().is_empty()).collect();
    bad.sort_by_key(|cell| std::cmp::Reverse(severity(cell)));
    if !bad.is_empty() {
        let _ = writeln!(out);
    }
    for cell in bad.iter().take(MOST_SENTENCES) {
        let _ = writeln!(out, "{}, {}: {}", cell.chip, clean(&cell.case), clean(&findings(cell)));
    }
    if bad.len() > MOST_SENTENCES {
        let _ = writeln!(out, "and {} more; --format csv or md shows all", bad.len() - MOST_SENTENCES);
    }
    if width.is_none() { ascii(&out) } else { out }
}

/// Breaks a key at its spaces into lines of at most `room` characters; continued lines are indented.
fn wrapped(key: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in key.split(' ') {
        let line = lines.last_mut().expect("one at least");
        if line.trim().is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() < room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(format!("  {word}"));
        }
    }
    lines
}
