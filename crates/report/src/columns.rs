//! Plain-text tables with aligned columns.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

/// Most characters of a cell, which also are the most of each line of its column. Texts of files may have any length,
/// and the table counts widths in 16 bits.
const WIDEST: usize = 2000;

/// Returns `text` as a cell shows it, cut to the length that a column can have.
pub(crate) fn cell_text(text: &str) -> String {
    portamark_analysis::shorten(text, WIDEST)
}

/// Formats `lines` as a table whose columns are two spaces apart. Columns for which `is_number` is true are
/// right-aligned, all others left-aligned.
pub fn columns<L: AsRef<[String]>>(lines: &[L], is_number: impl Fn(usize) -> bool) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    for line in lines {
        table.add_row(line.as_ref().iter().map(|cell| cell_text(cell)));
    }
    for (number, column) in table.column_iter_mut().enumerate() {
        let alignment = if is_number(number) { CellAlignment::Right } else { CellAlignment::Left };
        column.set_padding((0, 2)).set_cell_alignment(alignment);
    }
    table.lines().map(|line| line.trim_end().to_string() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_left_and_numbers_right() {
        let line = |cells: [&str; 3]| cells.map(String::from).to_vec();
        let lines = [line(["case", "n", "why"]), line(["a", "100", "x"])];
        assert_eq!(columns(&lines, |column| column == 1), "case    n  why\na     100  x\n");
        assert_eq!(columns::<Vec<String>>(&[], |_| true), "");
    }

    #[test]
    fn a_cell_of_any_length_makes_no_line_longer_than_a_column_can_be() {
        let long = "x".repeat(70_000);
        let text = columns(&[[long.clone(), "1".into()], ["b".into(), long]], |column| column == 1);
        // Two columns of 2000 characters, two spaces after the first.
        assert!(text.lines().all(|line| line.chars().count() <= 4002), "{}", text.len());
        assert!(text.contains('…'));
    }
}
