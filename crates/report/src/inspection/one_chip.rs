//! Table of one chip.

use super::words;
use crate::table::{ascii, style};
use comfy_table::{Cell as TableCell, CellAlignment, ContentArrangement, Table};
use portamark_analysis::clean;
use portamark_inspect::Cell;

/// Returns a table of `cells`, which are of one chip. `width` is that of the terminal in columns; `None`: no terminal, each
/// row is one line of ASCII.
pub fn inspection_table(cells: &[Cell], width: Option<u16>) -> String {
    let mut text =
        cells.first().map_or(String::new(), |cell| format!("{} ({})\n\n", cell.title, cell.driver));
    let mut table = Table::new();
    table.load_style(style(width.is_some()));
    if let Some(width) = width {
        table.set_width(width.max(40)).set_content_arrangement(ContentArrangement::Dynamic);
    }
    let several = cells.windows(2).any(|pair| pair[0].case == pair[1].case);
    let head = ["case", "regs", "spills", "subgroups", "memory", "ceiling", "remarks"];
    table.set_header(head);
    for cell in cells {
        let case = match cell.variant.as_ref().filter(|_| several) {
            Some(variant) => format!("{}: {variant}", cell.case),
            None => cell.case.clone(),
        };
        let numbers = [
            words::registers(cell),
            words::spills(cell),
            words::resident(cell),
            words::workgroup(cell),
            words::ceiling(cell),
        ];
        let numbers = numbers.iter().map(|text| TableCell::new(text).set_alignment(CellAlignment::Right));
        let case = std::iter::once(TableCell::new(clean(&case)));
        table.add_row(case.chain(numbers).chain([TableCell::new(clean(&words::findings(cell)))]));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        text += line.trim_end();
        text.push('\n');
    }
    if width.is_none() { ascii(&text) } else { text }
}
