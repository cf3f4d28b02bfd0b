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
    numbers: [String; 7],
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

/// Returns the numbers of the cases of each family that has any, families with remarks first, otherwise in the order of
/// reports; what is no case comes last.
fn by_family(grid: &Grid<'_>) -> Vec<(&'static str, Vec<usize>)> {
    let family = |key: &str| key.parse::<Case>().ok().map_or("", |case| case.family());
    let of: Vec<&str> = grid.cases.iter().map(|key| family(key)).collect();
    let all = FAMILIES.iter().copied().chain([""]);
    let members = |family: &str| (0..of.len()).filter(|at| of[*at] == family).collect::<Vec<_>>();
    let mut families: Vec<_> =
        all.map(|family| (family, members(family))).filter(|(_, cases)| !cases.is_empty()).collect();
    let is_bad =
        |case: usize| (0..grid.chips.len()).any(|chip| grid.at(case, chip).is_some_and(words::has_remarks));
    families.sort_by_key(|(_, cases)| !cases.iter().any(|case| is_bad(*case)));
    families
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
    parts.extend(told("bound", words::bound(cell)));
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
    let count = |wanted: char| of_chip.iter().filter(|cell| words::letter(cell) == wanted).count();
    let ran = of_chip.len() - count(' ');
    let letters: Vec<String> = LEGEND
        .iter()
        .map(|(letter, _)| (*letter, count(*letter)))
        .filter(|(letter, count)| *letter != '.' && *count > 0)
        .map(|(letter, count)| format!("{count} {letter}"))
        .collect();
    ChipView {
        anchor: names.take(&format!("chip {}", chip.chip)),
        name: clean(&chip.chip),
        title: clean(&chip.title),
        driver: clean(&chip.driver),
        summary: match &letters[..] {
            [] => format!("nothing to say of {}", many(ran, "kernel")),
            letters => format!("{} of {}", letters.join(", "), many(ran, "kernel")),
        },
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
            words::bound(cell),
        ],
        variant: cell.variant.as_deref().map_or(words::NONE.into(), clean),
        remarks: clean(&words::findings(cell)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::compiled;
    use portamark_inspect::Demand;

    fn view(cells: &[Cell]) -> InspectionView {
        InspectionView::new(cells, &mut Names::default())
    }

    fn letters(line: &LineView) -> String {
        line.marks.iter().map(|mark| mark.as_ref().map_or(' ', |mark| mark.letter)).collect()
    }

    #[test]
    fn each_case_has_a_mark_for_each_chip_and_each_mark_its_numbers() {
        let view = view(&compiled::cells());
        assert_eq!(view.counts(), "2 cases on 3 chips");
        let lines: Vec<_> = view.families.iter().map(|it| (it.title, letters(&it.lines[0]))).collect();
        assert_eq!(lines, [("Memory bandwidth", "O·I".to_string()), ("Matrix products", "SM–".to_string())]);
        let spills = view.families[1].lines[0].marks[0].as_ref().unwrap();
        assert_eq!(spills.class, "m-spills");
        for part in
            ["Chip one (RX 1)", "registers: 120", "spilled: 40", "subgroups resident: 8/16", "36.9 kB"]
        {
            assert!(spills.hover.contains(part), "{part}: {}", spills.hover);
        }
        let counts: Vec<(char, usize)> = view.legend.iter().map(|it| (it.letter, it.count)).collect();
        assert_eq!(counts, [('·', 1), ('X', 0), ('S', 1), ('M', 1), ('O', 1), ('I', 1), ('–', 1)]);
        let summaries: Vec<&str> = view.chips.iter().map(|chip| chip.summary.as_str()).collect();
        assert_eq!(summaries, ["1 S, 1 O of 2 kernels", "1 M of 2 kernels", "1 I of 1 kernel"]);
        assert_eq!((view.lacks.len(), view.lacks[0].chips.as_str(), view.lacks[0].cases), (1, "three", 1));
    }

    #[test]
    fn the_bound_of_a_chip_in_the_catalogue_is_shown_on_hover_and_in_the_table_of_the_chip() {
        let mut cells = compiled::cells();
        cells[1].chip = "navi31".into();
        // Were it bound by arithmetic, of which no peak is known, the bandwidth would say nothing.
        assert_eq!(words::bound(&cells[1]), words::NONE);
        cells[1].demand = Demand::new(false, false);
        let view = view(&cells[1..3]);
        // A copy on a card of 960 GB/s; the other chip is no card of the catalogue.
        let marks = &view.families[0].lines[0].marks;
        assert!(marks[0].as_ref().unwrap().hover.contains("\nbound: ≤ 960 GB/s\n"), "{marks:?}");
        let bounds: Vec<&str> = view.chips.iter().map(|chip| chip.rows[0].numbers[6].as_str()).collect();
        assert_eq!(bounds, ["≤ 960 GB/s", words::NONE]);
        assert!(!view.families[1].lines[0].marks[1].as_ref().unwrap().hover.contains("bound"));
    }

    #[test]
    fn families_without_remarks_come_last() {
        // Of the second chip the copy has none, and the product has one.
        let cells = compiled::cells();
        let titles: Vec<_> = view(&cells[2..4]).families.iter().map(|family| family.title).collect();
        assert_eq!(titles, ["Matrix products", "Memory bandwidth"]);
    }

    #[test]
    fn more_than_a_page_holds_is_counted() {
        let one = &compiled::cells()[0];
        let of_chip = |number: usize| {
            let mut cell = one.clone();
            cell.chip = format!("chip {number}");
            cell
        };
        let many: Vec<Cell> = (0..MOST_CHIPS + 3).map(of_chip).collect();
        assert_eq!((view(&many).chips.len(), view(&many).chips_left_out), (MOST_CHIPS, 3));
        let of_case = |number: usize| {
            let mut cell = one.clone();
            cell.case = format!("case {number}");
            cell
        };
        let many: Vec<Cell> = (0..MOST_CELLS + 5).map(of_case).collect();
        let view = view(&many);
        assert_eq!((view.families[0].lines.len(), view.cases_left_out), (MOST_CELLS, 5));
        assert_eq!(
            (view.chips[0].rows.len(), view.chips[0].rows_left_out),
            (MOST_ROWS, MOST_CELLS + 5 - MOST_ROWS)
        );
    }
}
