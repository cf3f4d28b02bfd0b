//! Chart of the samples of a device's main rows: in order of time, and as a distribution.

use super::canvas::{Anchor, Canvas, Drawing, Point, draw, fitted};
use super::figure::{Absent, Chart, Figure};
use super::frame::Layout;
use super::style::{Ink, SMALL, TEXT};
use portamark_analysis::{Device, Entry, Headline, clean};
use portamark_model::units;
use portamark_stats::Quartiles;

/// Number of noisy rows shown in addition to the headline rows.
const NOISIEST: usize = 2;

/// Minimum number of samples for a row to be shown.
const LEAST: usize = 5;

/// Maximum number of columns of a series. With more samples, only the least and greatest of each column are
/// drawn.
const COLUMNS: usize = 300;

/// Number of bars of a distribution.
const BINS: usize = 19;

/// Height of a row's name, height of its panel, and room between panels, in CSS pixels.
const NAME: f64 = 27.0;
const PANEL: f64 = 84.0;
const BETWEEN: f64 = 20.0;

/// Samples of one row.
struct Panel {
    case: String,
    /// Time of one execution relative to the median, in order of measurement.
    parts: Vec<f64>,
    quartiles: Quartiles,
    /// Least and greatest relative time shown.
    ends: (f64, f64),
    median_s: f64,
}

/// Draws the chart of one device, in the colour of `index`.
pub fn samples(device: &Device, index: usize, name: &str) -> Chart {
    let title = format!("Samples of {}", device.label);
    let mut entries: Vec<&Entry> = Vec::new();
    let headline = Headline::of(device);
    let noise = |entry: &Entry| entry.row.timing.as_ref().and_then(|timing| timing.summary.relative_iqr);
    let mut noisy: Vec<&Entry> = device.measured().map(|(entry, ..)| entry).collect();
    noisy.sort_by(|a, b| noise(b).unwrap_or(0.0).total_cmp(&noise(a).unwrap_or(0.0)));
    let headline = headline.items().into_iter().filter_map(|(_, entry)| entry);
    for (place, entry) in headline.map(|e| (0, e)).chain(noisy.into_iter().map(|e| (1, e))) {
        let there = entries.iter().any(|held| std::ptr::eq(held.row, entry.row));
        let full = place == 1 && entries.len() >= 4 + NOISIEST;
        if !there && !full && Panel::of(entry).is_some() {
            entries.push(entry);
        }
    }
    let panels: Vec<Panel> = entries.into_iter().filter_map(Panel::of).collect();
    if panels.is_empty() {
        return Err(Absent::new(&title, "No row in these files has stored samples."));
    }
    let told = panels.iter().map(|panel| {
        let (lo, hi) = (units::percent(panel.quartiles.q1), units::percent(panel.quartiles.q3));
        let (case, median) = (&panel.case, units::seconds(panel.median_s));
        format!("{case}: median {median}, quartiles at {lo} and {hi} of it, {} samples", panel.parts.len())
    });
    let description = told.collect::<Vec<_>>().join(". ");
    let caption = "Rows with the headline rates and the noisiest ones. Left, the time of one execution by each timed \
                   batch in order, relative to the median of the row; right, their histogram. The band lies \
                   between the quartiles. No sample is dropped; each panel spans the minimum to the maximum.";
    Ok(Figure::new(name, &title, caption.into(), description, |layout| draw_panels(&panels, index, layout)))
}

impl Panel {
    fn of(entry: &Entry) -> Option<Self> {
        entry.rate?;
        let seconds = entry.row.timing.as_ref()?.seconds();
        let mut sorted = portamark_stats::sorted_finite(&seconds)?;
        let median_s =
            portamark_stats::median(&sorted).filter(|median| *median > 0.0 && seconds.len() >= LEAST)?;
        let parts: Vec<f64> = seconds.iter().map(|s| s / median_s).collect();
        sorted.iter_mut().for_each(|s| *s /= median_s);
        let quartiles = Quartiles::from_sorted(&sorted)?;
        let (least, greatest) = (*sorted.first()?, *sorted.last()?);
        // Keep some height even if all samples are equal.
        let room = ((greatest - least) * 0.06).max(1e-4);
        let ends = (least - room, greatest + room);
        let usable = ends.0.is_finite() && ends.1.is_finite() && ends.1 < 1e9;
        usable.then(|| Panel { case: clean(&entry.row.case), parts, quartiles, ends, median_s })
    }

    /// Returns the y coordinate of the relative time `part` in a panel whose upper edge is `top`.
    fn y(&self, part: f64, top: f64) -> f64 {
        top + PANEL * (1.0 - (part - self.ends.0) / (self.ends.1 - self.ends.0))
    }

    /// Returns the points of the series: position in time, from 0 to 1, and relative time.
    fn series(&self) -> Vec<(f64, f64)> {
        let last = (self.parts.len() - 1).max(1) as f64;
        let per = self.parts.len().div_ceil(COLUMNS).max(1);
        let mut points = Vec::new();
        for (column, chunk) in self.parts.chunks(per).enumerate() {
            let x = (column * per) as f64 / last;
            if per == 1 {
                points.push((x, chunk[0]));
            } else {
                points.push((x, chunk.iter().copied().fold(f64::INFINITY, f64::min)));
                points.push((x, chunk.iter().copied().fold(0.0, f64::max)));
            }
        }
        points
    }

    fn bins(&self) -> [usize; BINS] {
        let mut bins = [0; BINS];
        let (lo, hi) = self.ends;
        for part in &self.parts {
            let bin = (BINS as f64 * (part - lo) / (hi - lo)) as usize;
            bins[bin.min(BINS - 1)] += 1;
        }
        bins
    }
}

fn draw_panels(panels: &[Panel], index: usize, layout: Layout) -> Drawing {
    let width = layout.width();
    let height = panels.len() as f64 * (NAME + PANEL + BETWEEN) + 34.0;
    let left = 62.0;
    let middle = left + (width - left) * 0.74;
    draw(width as u32, height.ceil() as u32, |canvas| {
        for (place, panel) in panels.iter().enumerate() {
            let top = place as f64 * (NAME + PANEL + BETWEEN) + NAME;
            panel.draw(canvas, (left, middle - 14.0, middle, width - 2.0), top, index);
        }
        let y = panels.len() as f64 * (NAME + PANEL + BETWEEN) + 8.0;
        canvas.text(((left + middle) / 2.0, y), "batches in order", Anchor::Middle, TEXT, Ink::Muted);
        canvas.text(((middle + width) / 2.0, y), "batches", Anchor::Middle, TEXT, Ink::Muted);
        canvas.text((0.0, y), "% of median", Anchor::Start, SMALL, Ink::Muted);
    })
}

impl Panel {
    fn draw(&self, canvas: &Canvas, (left, right, from, to): (f64, f64, f64, f64), top: f64, index: usize) {
        let name = format!("{} · {}", self.case, units::seconds(self.median_s));
        canvas.text((0.0, top - 16.0), &fitted(&name, TEXT, to), Anchor::Start, TEXT, Ink::Strong);
        let (q1, q3) = (self.y(self.quartiles.q1, top), self.y(self.quartiles.q3, top));
        for (a, b) in [(left, right), (from, to)] {
            canvas.bar((a, q3), (b, q1.max(q3 + 1.0)), Ink::Heat(0));
            for y in [top, top + PANEL] {
                canvas.line(&[(a, y), (b, y)], Ink::Grid, 1.0);
            }
        }
        let bins = self.bins();
        let most = bins.iter().copied().max().unwrap_or(1).max(1) as f64;
        let each = PANEL / BINS as f64;
        for (bin, count) in bins.iter().enumerate().filter(|(_, count)| **count > 0) {
            let y = top + PANEL - each * (bin as f64 + 1.0);
            let x = from + (to - from) * *count as f64 / most;
            canvas.bar((from, y + 0.4), (x, y + each - 0.4), Ink::Device(index));
        }
        let median = self.y(1.0, top);
        canvas.line(&[(left, median), (right, median)], Ink::Muted, 1.0);
        let place = |(x, part): (f64, f64)| -> Point { (left + x * (right - left), self.y(part, top)) };
        let points: Vec<Point> = self.series().into_iter().map(place).collect();
        canvas.line(&points, Ink::Device(index), 1.0);
        let mut free_below = f64::INFINITY;
        for (part, y) in [(self.ends.0, top + PANEL), (1.0, median), (self.ends.1, top)] {
            if y + SMALL > free_below && part != self.ends.1 {
                continue;
            }
            // The edges matter more than the middle, which is 100 % anyway.
            if part == 1.0 && y - SMALL < top {
                continue;
            }
            free_below = y;
            let percent = part * 100.0;
            let text = if percent >= 1000.0 { format!("{percent:.0}") } else { units::significant(percent) };
            canvas.text((left - 6.0, y), &text, Anchor::End, SMALL, Ink::Muted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::Comparison;
    use portamark_fixtures::fixture;
    use portamark_results::Row;

    fn row(key: &str, parts: &[f64]) -> Row {
        let mut row = fixture::ok_row(key, 1e-3);
        let timing = row.timing.as_mut().unwrap();
        timing.k = 1;
        timing.device_ns = parts.iter().map(|part| (1e6 * part) as u64).collect();
        row
    }

    #[test]
    fn rows_with_samples_are_panels_and_others_are_not() {
        let rows = vec![
            row("gemm f32 m64 n64 k64 nn", &[1.0, 1.02, 0.98, 1.0, 1.5]),
            fixture::ok_row("stream f32 copy n1024", 1e-3),
        ];
        let runs = [fixture::file(fixture::h100_header(), rows)];
        let comparison = Comparison::new(&runs);
        let figure = samples(&comparison.devices[0], 0, "samples").unwrap();
        assert_eq!(
            figure.description,
            "gemm f32 m64 n64 k64 nn: median 1.00 ms, quartiles at 100 % and 102 % of it, 5 samples"
        );
        let runs = fixture::two_devices();
        assert!(samples(&Comparison::new(&runs).devices[0], 0, "samples").is_err());
    }

    #[test]
    fn many_samples_keep_their_extremes_and_every_sample_is_in_a_bar() {
        let mut parts = vec![1.0; 5000];
        (parts[1234], parts[4321]) = (7.0, 0.5);
        let runs = [fixture::file(fixture::h100_header(), vec![row("gemm f32 m64 n64 k64 nn", &parts)])];
        let comparison = Comparison::new(&runs);
        let panel = Panel::of(&comparison.devices[0].entries[0]).unwrap();
        let series = panel.series();
        assert!(series.len() <= 2 * COLUMNS && panel.bins().iter().sum::<usize>() == 5000);
        let greatest = series.iter().map(|(_, y)| *y).fold(0.0, f64::max);
        let least = series.iter().map(|(_, y)| *y).fold(9.0, f64::min);
        assert!((greatest - 7.0).abs() < 1e-6 && (least - 0.5).abs() < 1e-6);
    }
}
