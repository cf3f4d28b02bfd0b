//! Two cells side by side.

use super::words;
use crate::table::{ascii, style};
use comfy_table::{Cell as TableCell, CellAlignment, ContentArrangement, Table};
use portamark_analysis::clean;
use portamark_inspect::{Cell, Class};
use portamark_model::units;

/// Returns a table of what two compilations of one case have: a line for each number, a column for each side.
pub fn inspection_difference(left: &Cell, right: &Cell, width: Option<u16>) -> String {
    let name = |cell: &Cell| {
        let variant = cell.variant.as_deref().unwrap_or(words::NONE);
        clean(&format!("{}: {variant}", cell.chip))
    };
    let mut table = Table::new();
    table.load_style(style(width.is_some()));
    if let Some(width) = width {
        table.set_width(width.max(40)).set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(["".to_string(), name(left), name(right)]);
    let both = |what: &str, text: &dyn Fn(&Cell) -> String| -> Option<[String; 3]> {
        let (left, right) = (text(left), text(right));
        (left != words::NONE || right != words::NONE).then(|| [what.to_string(), left, right])
    };
    let mut rows = vec![
        both("driver", &|cell| cell.driver.clone()),
        both("registers", &words::registers),
        both("spilled registers", &words::spills),
        both("resident subgroups", &words::resident),
        both("limited by", &words::limited_by),
        both("workgroup memory", &words::workgroup),
        both("instructions", &|cell| {
            let told = cell.main_step().and_then(|facts| facts.statistics.instructions);
            told.map_or(words::NONE.into(), |count| count.to_string())
        }),
        both("compilation", &|cell| {
            let ns: u64 = cell.steps().iter().map(|facts| facts.compile_ns).sum();
            if ns == 0 { words::NONE.into() } else { units::seconds(ns as f64 * 1e-9) }
        }),
        both("issue ceiling", &words::ceiling),
        both("bound (not measured)", &words::bound),
    ];
    for class in Class::ALL.iter().copied() {
        let of_loop = |cell: &Cell| {
            let mix = cell.main_step().and_then(|facts| facts.hot_loop.as_ref()).map(|hot| &hot.mix);
            match mix.filter(|mix| mix.count(class) > 0) {
                Some(mix) => match mix.mean_width(class) {
                    Some(bytes) => format!("{} ({} B)", mix.count(class), units::significant(bytes)),
                    None => mix.count(class).to_string(),
                },
                None => words::NONE.into(),
            }
        };
        rows.push(both(&format!("hot loop: {class}"), &of_loop));
    }
    rows.push(both("remarks", &|cell| match words::findings(cell) {
        text if text.is_empty() => words::NONE.into(),
        text => clean(&text),
    }));
    for [what, left, right] in rows.into_iter().flatten() {
        let side = |text: String| TableCell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([TableCell::new(what), side(left), side(right)]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_string()).collect();
    let text = format!("{}\n\n{}\n", clean(&left.case), lines.join("\n"));
    if width.is_none() { ascii(&text) } else { text }
}
