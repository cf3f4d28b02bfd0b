//! What the page shows of compiled kernels. All values are already text.

use super::grid::Grid;
use super::lacks::lacks;
use super::words::{self, LEGEND, shown};
use crate::anchor::Names;
use crate::excerpt::{evenly_spaced, quotas};
use crate::page::family_title;
use portamark_analysis::clean;
use portamark_inspect::Cell;
use portamark_model::workload::{Case, FAMILIES};
use serde::Serialize;

/// Most chips beside each other.
const MOST_CHIPS: usize = 64;
/// Most cells of the matrix; browsers open larger pages slowly.
const MOST_CELLS: usize = 12_000;
/// Most rows of all tables of chips.
const MOST_ROWS: usize = 6000;
/// Most reasons why cases cannot run.
const MOST_REASONS: usize = 40;

/// Matrix of kernels and chips, with a table for each chip.
#[derive(Debug, Serialize)]
pub struct InspectionView {
    chips: Vec<ChipView>,
    families: Vec<FamilyView>,
    legend: Vec<LegendView>,
    lacks: Vec<LackView>,
    more_reasons: usize,
    chips_left_out: usize,
    cases_left_out: usize,
    /// Number of cases and chips, for a heading.
    counts: String,
    /// Drivers, each once, for the line below the heading.
    drivers: String,
}

#[derive(Debug, Serialize)]
struct ChipView {
    anchor: String,
    name: String,
    title: String,
    driver: String,
    summary: String,
    rows: Vec<RowView>,
    rows_left_out: usize,
}

#[derive(Debug, Serialize)]
struct FamilyView {
    title: &'static str,
    lines: Vec<LineView>,
}

#[derive(Debug, Serialize)]
struct LineView {
    case: String,
    marks: Vec<Option<MarkView>>,
}

/// A mark of the matrix.
#[derive(Debug, Serialize)]
struct MarkView {
    letter: char,
    class: &'static str,
    /// What the letter means, for readers who do not see the legend beside it.
    meaning: &'static str,
    /// Numbers and remarks, shown on hover.
    hover: String,
}

#[derive(Debug, Serialize)]
struct LegendView {
    letter: char,
    class: &'static str,
    meaning: &'static str,
    count: usize,
}

#[derive(Debug, Serialize)]
struct LackView {
    reason: String,
    chips: String,
    cases: usize,
}

#[derive(Debug, Serialize)]
struct RowView {
    case: String,
    letter: char,
    class: &'static str,
    numbers: [String; 6],
    variant: String,
    remarks: String,
}

impl InspectionView {
    /// Builds the view of `cells`; `names` hands out anchors.
    pub fn new(cells: &[Cell], names: &mut Names) -> Self {
        let grid = Grid::new(cells);
        let shown = grid.chips.len().min(MOST_CHIPS);
        let with: Vec<(&'static str, Vec<usize>)> = by_family(&grid);
        let sizes: Vec<usize> = with.iter().map(|(_, cases)| cases.len()).collect();
        let quotas = quotas(&sizes, MOST_CELLS / shown.max(1));
        let families: Vec<FamilyView> = with
            .iter()
            .zip(&quotas)
            .map(|((family, cases), quota)| FamilyView {
                title: family_title(family),
                lines: evenly_spaced(cases.len(), *quota).map(|at| line(&grid, cases[at], shown)).collect(),
            })
            .collect();
        let most_rows = MOST_ROWS / shown.max(1);
        let mut drivers: Vec<String> = grid.chips.iter().map(|chip| clean(&chip.driver)).collect();
        drivers.sort();
        drivers.dedup();
        let reasons = lacks(cells);
        InspectionView {
            chips: grid
                .chips
                .iter()
                .take(shown)
                .map(|chip| chip_view(chip, cells, most_rows, names))
                .collect(),
            families,
            legend: legend(cells),
            more_reasons: reasons.len().saturating_sub(MOST_REASONS),
            lacks: reasons
                .into_iter()
                .take(MOST_REASONS)
                .map(|lack| LackView {
                    reason: lack.words(),
                    chips: lack.chips.join(", "),
                    cases: lack.cases,
                })
                .collect(),
            chips_left_out: grid.chips.len() - shown,
            cases_left_out: grid.cases.len() - quotas.iter().sum::<usize>(),
            counts: format!("{} on {}", many(grid.cases.len(), "case"), many(grid.chips.len(), "chip")),
            drivers: drivers.into_iter().take(8).collect::<Vec<_>>().join(", "),
        }
    }

    /// Returns e.g. `57 cases on 16 chips`.
    pub fn counts(&self) -> &str {
        &self.counts
    }
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Returns the numbers of the cases of each family that has any, in the order of reports; what is no case comes last.
fn by_family(grid: &Grid<'_>) -> Vec<(&'static str, Vec<usize>)> {
    let family = |key: &str| key.parse::<Case>().ok().map_or("", |case| case.family());
    let of: Vec<&str> = grid.cases.iter().map(|key| family(key)).collect();
    let all = FAMILIES.iter().copied().chain([""]);
    let members = |family: &str| (0..of.len()).filter(|at| of[*at] == family).collect::<Vec<_>>();
    all.map(|family| (family, members(family))).filter(|(_, cases)| !cases.is_empty()).collect()
}

fn line(grid: &Grid<'_>, case: usize, chips: usize) -> LineView {
    let key = grid.cases[case];
    LineView {
        case: key.parse::<Case>().map_or_else(|_| clean(key), |case| case.parameters().to_string()),
        marks: (0..chips).map(|chip| grid.at(case, chip).map(mark)).collect(),
    }
}

fn mark(cell: &Cell) -> MarkView {
    let letter = words::letter(cell);
    let mut parts = vec![clean(&cell.title), clean(&cell.case)];
    parts.extend(cell.variant.as_deref().map(clean));
    parts.extend(told("registers", words::registers(cell)));
    parts.extend(told("spilled", words::spills(cell)));
    parts.extend(told("subgroups resident", words::resident(cell)));
    parts.extend(told("workgroup memory", words::workgroup(cell)));
    parts.extend(told("issue ceiling", words::ceiling(cell)));
    parts.push(clean(&words::findings(cell)));
    parts.retain(|part| !part.is_empty());
    MarkView {
        letter: shown(letter),
        class: words::class(letter),
        meaning: words::meaning(letter),
        hover: parts.join("\n"),
    }
}

fn told(what: &str, value: String) -> Option<String> {
    (value != words::NONE).then(|| format!("{what}: {value}"))
}

fn legend(cells: &[Cell]) -> Vec<LegendView> {
    let letters = LEGEND.iter().map(|(letter, _)| *letter).chain([' ']);
    letters
        .map(|letter| LegendView {
            letter: shown(letter),
            class: words::class(letter),
            meaning: words::meaning(letter),
            count: cells.iter().filter(|cell| words::letter(cell) == letter).count(),
        })
        .collect()
}

fn chip_view(chip: &Cell, cells: &[Cell], most: usize, names: &mut Names) -> ChipView {
    let of_chip: Vec<&Cell> = cells.iter().filter(|cell| cell.chip == chip.chip).collect();
    let bad = of_chip.iter().filter(|cell| !cell.findings().is_empty()).count();
    let ran = of_chip.iter().filter(|cell| words::letter(cell) != ' ').count();
    ChipView {
        anchor: names.take(&format!("chip {}", chip.chip)),
        name: clean(&chip.chip),
        title: clean(&chip.title),
        driver: clean(&chip.driver),
        summary: format!("{bad} of {ran} have remarks"),
        rows: evenly_spaced(of_chip.len(), most).map(|at| row(of_chip[at])).collect(),
        rows_left_out: of_chip.len().saturating_sub(most),
    }
}

fn row(cell: &Cell) -> RowView {
    let letter = words::letter(cell);
    RowView {
        case: clean(&cell.case),
        letter: shown(letter),
        class: words::class(letter),
        numbers: [
            words::registers(cell),
            words::spills(cell),
            words::resident(cell),
            words::limited_by(cell),
            words::workgroup(cell),
            words::ceiling(cell),
        ],
        variant: cell.variant.as_deref().map_or(words::NONE.into(), clean),
        remarks: clean(&words::findings(cell)),
    }
}
