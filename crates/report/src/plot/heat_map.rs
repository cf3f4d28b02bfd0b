//! Heat map of GEMM over m and n, as the fraction of the roofline reached.

use super::canvas::{Anchor, Canvas, Drawing, draw, fitted, text_width};
use super::figure::{Absent, Chart, Figure};
use super::frame::Layout;
use super::style::{HEAT_STEPS, Ink, SMALL, TEXT};
use portamark_analysis::Device;
use portamark_model::units;
use portamark_model::workload::{Case, Precision};
use std::collections::{BTreeMap, BTreeSet};

const TITLE: &str = "GEMM over both sizes";

/// Minimum number of different m, of different n, and of cells, for a map to be drawn.
const LEAST_SIZES: usize = 2;
const LEAST_CELLS: usize = 4;

/// Maximum number of sizes shown along an edge; the largest are kept.
const MOST_SIZES: usize = 14;

/// Best fraction of the roofline at each (m, n), and the k at which it was reached.
type Cells = BTreeMap<(u64, u64), (f64, u64)>;

/// Draws the chart of one device, in the format with the most cells.
pub fn heat_map(device: &Device, name: &str) -> Chart {
    let title = format!("{TITLE} on {}", device.label);
    let mut formats: BTreeMap<Precision, Cells> = BTreeMap::new();
    for (entry, case, _) in device.measured() {
        let (Case::Gemm(gemm), Some(placement)) = (case, entry.placement) else { continue };
        if gemm.batch != 1 || !placement.fraction.is_finite() {
            continue;
        }
        let held = formats.entry(gemm.precision).or_default();
        let cell = held.entry((gemm.m, gemm.n)).or_insert((placement.fraction, gemm.k));
        if placement.fraction > cell.0 {
            *cell = (placement.fraction, gemm.k);
        }
    }
    let sizes = |cells: &Cells, of: fn(&(u64, u64)) -> u64| cells.keys().map(of).collect::<BTreeSet<u64>>();
    let (ms, ns) = (|c: &Cells| sizes(c, |at| at.0), |c: &Cells| sizes(c, |at| at.1));
    // Products with one cell per row or column form a line, which another chart shows.
    let is_map = |cells: &Cells| {
        let (rows, columns) = (ms(cells).len(), ns(cells).len());
        rows >= LEAST_SIZES
            && columns >= LEAST_SIZES
            && cells.len() >= LEAST_CELLS
            && cells.len() > rows.max(columns)
    };
    let best = formats.iter().filter(|(_, cells)| is_map(cells)).max_by_key(|(_, cells)| cells.len());
    let Some((precision, cells)) = best else {
        return Err(Absent::new(&title, "No format was measured at enough pairs of m and n."));
    };
    let last = |all: BTreeSet<u64>| {
        let skip = all.len().saturating_sub(MOST_SIZES);
        all.into_iter().skip(skip).collect::<Vec<u64>>()
    };
    let map = HeatMap { m: last(ms(cells)), n: last(ns(cells)), cells };
    let cut = cells.keys().filter(|at| !map.m.contains(&at.0) || !map.n.contains(&at.1)).count();
    let mut caption = format!(
        "{precision}: percent of the measured roof at each size of the result, for the k that reaches \
         the most. Empty cells have no result."
    );
    if cut > 0 {
        caption += &format!(" Smaller sizes not shown: {cut}.");
    }
    let ranked = |(at, (share, k)): (&(u64, u64), &(f64, u64))| (*share, format!("m{} n{} k{k}", at.0, at.1));
    let mut ranked: Vec<(f64, String)> = cells.iter().map(ranked).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let told = |(share, at): &(f64, String)| format!("{} at {at}", units::percent(*share));
    let description = format!(
        "{precision}, {} sizes: from {} to {}",
        cells.len(),
        ranked.first().map(told).unwrap_or_default(),
        ranked.last().map(told).unwrap_or_default()
    );
    Ok(Figure::new(name, &title, caption, description, |layout| map.draw(layout)))
}

struct HeatMap<'c> {
    m: Vec<u64>,
    n: Vec<u64>,
    cells: &'c Cells,
}

impl HeatMap<'_> {
    fn draw(&self, layout: Layout) -> Drawing {
        let width = layout.width();
        let widest =
            |sizes: &[u64]| sizes.iter().map(|size| text_width(&size.to_string(), SMALL)).fold(0.0, f64::max);
        let left = widest(&self.m) + 12.0;
        let cell = ((width - left - 4.0) / self.n.len() as f64).min(76.0);
        let height = 28.0;
        let top = 44.0;
        let right = left + cell * self.n.len() as f64;
        let bottom = top + height * self.m.len() as f64;
        let labels = self.labels(cell, widest(&self.n));
        draw(width as u32, (bottom + 92.0).ceil() as u32, |canvas| {
            canvas.text((0.0, 14.0), "m, rows of the result", Anchor::Start, TEXT, Ink::Muted);
            // The largest m is at the top, as on any vertical axis.
            for (row, m) in self.m.iter().rev().enumerate() {
                let y = top + height * row as f64;
                let middle = y + height / 2.0;
                canvas.text((left - 8.0, middle), &m.to_string(), Anchor::End, SMALL, Ink::Muted);
                for (column, n) in self.n.iter().enumerate() {
                    let x = left + cell * column as f64;
                    match self.cells.get(&(*m, *n)) {
                        Some((share, _)) => draw_cell(canvas, (x, y), (cell, height), *share),
                        None => canvas.line(
                            &[(x + cell / 2.0 - 3.0, middle), (x + cell / 2.0 + 3.0, middle)],
                            Ink::Grid,
                            1.0,
                        ),
                    }
                }
            }
            for column in labels {
                let x = left + cell * (column as f64 + 0.5);
                canvas.text(
                    (x, bottom + 14.0),
                    &self.n[column].to_string(),
                    Anchor::Middle,
                    SMALL,
                    Ink::Muted,
                );
            }
            let middle = (left + right) / 2.0;
            canvas.text(
                (middle, bottom + 36.0),
                "n, columns of the result",
                Anchor::Middle,
                TEXT,
                Ink::Muted,
            );
            draw_scale(canvas, (left, bottom + 62.0), (width - left).min(420.0));
        })
    }

    /// Returns the indices of the columns whose labels have room.
    fn labels(&self, cell: f64, widest: f64) -> Vec<usize> {
        let every = ((widest + 8.0) / cell).ceil().max(1.0) as usize;
        // Count from the last column, so that the largest size keeps its label.
        let last = self.n.len().saturating_sub(1);
        (0..self.n.len()).filter(|column| (last - column).is_multiple_of(every)).collect()
    }
}

/// Returns the colour step of `share`, the fraction of the roofline. Steps have equal widths; values above 1
/// get the last one.
fn step(share: f64) -> usize {
    ((share * HEAT_STEPS as f64) as usize).min(HEAT_STEPS - 1)
}

fn draw_cell(canvas: &Canvas, (x, y): (f64, f64), (width, height): (f64, f64), share: f64) {
    canvas.bar((x + 1.0, y + 1.0), (x + width - 1.0, y + height - 1.0), Ink::Heat(step(share)));
    let percent = share * 100.0;
    let text = if percent < 9.95 { format!("{percent:.1}") } else { format!("{percent:.0}") };
    if text_width(&text, SMALL) + 2.0 <= width {
        canvas.text((x + width / 2.0, y + height / 2.0), &text, Anchor::Middle, SMALL, Ink::Strong);
    }
}

/// Draws the legend of the colours.
fn draw_scale(canvas: &Canvas, (x, y): (f64, f64), room: f64) {
    let title = fitted("share of the measured roof", TEXT, room);
    canvas.text((x, y), &title, Anchor::Start, SMALL, Ink::Muted);
    let each = ((room - 4.0) / HEAT_STEPS as f64).min(60.0);
    for place in 0..HEAT_STEPS {
        let left = x + each * place as f64;
        canvas.bar((left, y + 10.0), (left + each - 1.0, y + 24.0), Ink::Heat(place));
        let from = (100.0 * place as f64 / HEAT_STEPS as f64).round();
        canvas.text((left + 4.0, y + 17.0), &format!("{from}%"), Anchor::Start, SMALL, Ink::Strong);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::Comparison;
    use portamark_fixtures::fixture;
    use portamark_results::RunFile;

    fn file(sizes: &[(u64, u64)]) -> RunFile {
        let mut rows = vec![
            fixture::ok_row("peak f32 fma c64 s32", 1.0),
            fixture::ok_row("stream f32 copy n1048576", 8.388608e-6),
        ];
        for (m, n) in sizes {
            // 8·m·n FLOP at half of the peak of 4096 FLOP/s.
            let key = format!("gemm f32 m{m} n{n} k4 nn");
            rows.push(fixture::ok_row(&key, 2.0 * 8.0 * (m * n) as f64 / 4096.0));
        }
        fixture::file(fixture::h100_header(), rows)
    }

    #[test]
    fn every_pair_of_sizes_is_a_cell_with_its_share() {
        let runs = [file(&[(64, 64), (64, 128), (128, 64), (128, 128), (256, 64)])];
        let figure = heat_map(&Comparison::new(&runs).devices[0], "heat").unwrap();
        assert!(
            figure.description.starts_with("f32, 5 sizes: from 50.0 % at m64 n64 k4"),
            "{}",
            figure.description
        );
        assert_eq!(figure.inline().matches(">50<").count() + figure.inline().matches("\n50\n").count(), 10);
    }

    #[test]
    fn a_line_of_sizes_is_no_map() {
        let runs = [file(&[(64, 64), (128, 128), (256, 256), (512, 512), (1024, 1024)])];
        assert!(heat_map(&Comparison::new(&runs).devices[0], "heat").is_err());
    }

    #[test]
    fn the_scale_has_equal_steps_and_an_open_end() {
        assert_eq!([0.0, 0.17, 0.5, 0.999, 1.0, 7.0].map(step), [0, 1, 3, 5, 5, 5]);
    }
}
