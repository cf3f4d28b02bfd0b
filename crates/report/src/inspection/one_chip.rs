//! Table of one chip.

use super::words;
use crate::table::{ascii, style};
use comfy_table::{Cell as TableCell, CellAlignment, ContentArrangement, Table};
use portamark_analysis::clean;
use portamark_inspect::Cell;

/// Narrowest terminal, in columns, on which the bound stands beside the other numbers; on narrower ones, cases and remarks
/// would be a word on each line.
const WIDTH_WITH_BOUND: u16 = 110;

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
    let with_bound = width.is_none_or(|width| width >= WIDTH_WITH_BOUND);
    let head = ["case", "regs", "spills", "subgroups", "memory", "ceiling", "bound", "remarks"];
    table.set_header(head.into_iter().filter(|name| *name != "bound" || with_bound));
    for cell in cells {
        let case = match cell.variant.as_ref().filter(|_| several) {
            Some(variant) => format!("{}: {variant}", cell.case),
            None => cell.case.clone(),
        };
        let mut numbers = vec![
            words::registers(cell),
            words::spills(cell),
            words::resident(cell),
            words::workgroup(cell),
            words::ceiling(cell),
        ];
        if with_bound {
            numbers.push(words::bound(cell));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::compiled;
    use portamark_inspect::Demand;

    #[test]
    fn the_bound_stands_in_the_table_where_there_is_room() {
        let mut cell = compiled::cells().swap_remove(1);
        cell.chip = "navi31".into();
        cell.demand = Demand::new(false, false);
        let table = |width| inspection_table(std::slice::from_ref(&cell), width);
        assert!(table(Some(WIDTH_WITH_BOUND)).contains("≤ 960 GB/s"), "{}", table(Some(WIDTH_WITH_BOUND)));
        assert!(table(None).contains("<= 960 GB/s"), "{}", table(None));
        let narrow = table(Some(80));
        assert!(!narrow.contains("bound") && !narrow.contains("960"), "{narrow}");
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    }
}
