//! Markdown: a table for each chip.

use super::words;
use portamark_analysis::clean;
use portamark_inspect::Cell;
use std::fmt::Write;

/// Returns a section for each chip with all its numbers.
pub fn inspection_markdown(cells: &[Cell]) -> String {
    let mut out = String::new();
    let mut chips: Vec<&str> = Vec::new();
    for cell in cells {
        if !chips.contains(&cell.chip.as_str()) {
            chips.push(&cell.chip);
        }
    }
    for chip in chips {
        let of_chip: Vec<&Cell> = cells.iter().filter(|cell| cell.chip == chip).collect();
        let _ = writeln!(
            out,
            "## {}\n\nCompiled by {}, not measured. The bound is the published peak or bandwidth of a card with this chip, and what the hot \
             loop can issue of it.\n",
            of_chip[0].title, of_chip[0].driver
        );
        let _ = writeln!(
            out,
            "| case | variant | registers | spills | resident subgroups | workgroup memory | issue ceiling | bound | hot loop | remarks |"
        );
        let _ = writeln!(out, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |");
        for cell in of_chip {
            let variant = cell.variant.as_deref().unwrap_or(words::NONE);
            let row = [
                cell.case.as_str(),
                variant,
                &words::registers(cell),
                &words::spills(cell),
                &words::resident(cell),
                &words::workgroup(cell),
                &words::ceiling(cell),
                &words::bound(cell),
                &words::mix(cell),
                &words::findings(cell),
            ];
            let row: Vec<String> = row.iter().map(|text| clean(text).replace('|', "\\|")).collect();
            let _ = writeln!(out, "| {} |", row.join(" | "));
        }
        out.push('\n');
    }
    out
}
