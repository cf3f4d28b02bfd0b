//! Words and numbers of cells.

use portamark_analysis::{CompiledBound, compiled_bound};
use portamark_inspect::{Cell, Finding, Outcome};
use portamark_model::units;
use portamark_model::workload::Case;

/// What stands where there is nothing.
pub const NONE: &str = "–";

/// The worst that there is to say, in one character: ` ` cannot run, `.` nothing, and one letter each.
pub fn letter(cell: &Cell) -> char {
    if matches!(cell.outcome, Outcome::Unsupported { .. }) {
        return ' ';
    }
    match cell.findings().first() {
        None => '.',
        Some(Finding::Fails) => 'X',
        Some(Finding::Spills { .. }) => 'S',
        Some(Finding::MatrixUnused) => 'M',
        Some(Finding::LowOccupancy { .. }) => 'O',
        Some(_) => 'I',
    }
}

/// How bad a cell is, for comparison with others: more is worse.
pub fn severity(cell: &Cell) -> usize {
    " .IOMSX".find(letter(cell)).unwrap_or(0)
}

/// Whether there is something bad to say of a cell.
pub fn has_remarks(cell: &Cell) -> bool {
    !matches!(letter(cell), ' ' | '.')
}

/// Letters and their meaning, for a legend.
pub const LEGEND: &[(char, &str)] = &[
    ('.', "nothing to say"),
    ('X', "does not compile"),
    ('S', "spills registers to memory"),
    ('M', "leaves the matrix unit unused"),
    ('O', "fewer than 2 subgroups resident"),
    ('I', "can issue less than half of the peak"),
];

/// The mark of a letter in pages and Markdown: there a full stop is too small, and a space is no mark.
pub fn shown(letter: char) -> char {
    match letter {
        '.' => '·',
        ' ' => '–',
        other => other,
    }
}

/// What a letter means.
pub fn meaning(letter: char) -> &'static str {
    LEGEND.iter().find(|(one, _)| *one == letter).map_or("cannot run on this chip", |(_, meaning)| meaning)
}

/// CSS class of the cells with a letter.
pub fn class(letter: char) -> &'static str {
    match letter {
        '.' => "m-fine",
        'X' => "m-fails",
        'S' => "m-spills",
        'M' => "m-unit",
        'O' => "m-occupancy",
        'I' => "m-ceiling",
        _ => "m-cannot",
    }
}

/// All that is bad about a cell, or why it cannot run, in one sentence; empty if there is nothing.
pub fn findings(cell: &Cell) -> String {
    match &cell.outcome {
        Outcome::Unsupported { reason } => format!("cannot run: {reason}"),
        Outcome::Failed { reason } => format!("does not compile: {reason}"),
        _ => cell.findings().iter().map(Finding::to_string).collect::<Vec<_>>().join("; "),
    }
}

/// Vector registers of the step that computes most.
pub fn registers(cell: &Cell) -> String {
    let told = cell.main_step().and_then(|facts| facts.statistics.vector_registers);
    told.map_or(NONE.into(), |count| count.to_string())
}

/// Registers spilled to memory.
pub fn spills(cell: &Cell) -> String {
    if cell.main_step().is_none() { NONE.into() } else { cell.spills().to_string() }
}

/// Resident subgroups, e.g. `6/16`.
pub fn resident(cell: &Cell) -> String {
    cell.resident().map_or(NONE.into(), |resident| format!("{}/{}", resident.subgroups, resident.limit))
}

/// What limits the resident subgroups.
pub fn limited_by(cell: &Cell) -> String {
    cell.resident().map_or(NONE.into(), |resident| resident.limited_by.to_string())
}

/// Workgroup memory of the step that uses most.
pub fn workgroup(cell: &Cell) -> String {
    let told = cell.steps().iter().filter_map(|facts| facts.statistics.workgroup_bytes).max();
    told.map_or(NONE.into(), units::bytes)
}

/// Issue ceiling with its unit, e.g. `96 % fma`.
pub fn ceiling(cell: &Cell) -> String {
    let told = cell.ceiling();
    told.map_or(NONE.into(), |ceiling| {
        let of = match ceiling.of {
            portamark_inspect::Bound::Matrix => "matrix",
            _ => "fma",
        };
        format!("{:.0} % {of}", 100.0 * ceiling.share)
    })
}

/// Highest rate that the compiled kernel can have on the card of the catalogue with this chip; it is not measured. Where
/// arithmetic bounds the case and its peak is not published, the bandwidth alone would say nothing of worth.
pub fn bound(cell: &Cell) -> String {
    let case: Option<Case> = cell.case.parse().ok();
    let of_worth = |bound: &CompiledBound| bound.ceiling.is_some() || !cell.demand.computes;
    let told = compiled_bound(cell).filter(of_worth).zip(case).map(|(bound, case)| {
        let rate = bound.rate(&case);
        match (case.is_bandwidth(), case.precision().accumulate.is_integer()) {
            (true, _) => units::byte_rate(rate),
            (false, true) => units::op_rate(rate),
            (false, false) => units::flop_rate(rate),
        }
    });
    told.map_or(NONE.into(), |rate| format!("≤ {rate}"))
}

/// Instructions of the hot loop by class.
pub fn mix(cell: &Cell) -> String {
    let hot = cell.main_step().and_then(|facts| facts.hot_loop.as_ref());
    hot.map_or(NONE.into(), |hot| hot.mix.to_string())
}
