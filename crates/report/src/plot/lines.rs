//! Line charts of rates over a size, with one line for each series.

use super::axis::Axis;
use super::canvas::{Canvas, Drawing, Point, draw};
use super::frame::{Frame, LINE, Layout, Name, draw_legend, legend_height, spread, widest};
use super::letter::letter;
use super::style::{Ink, Inside, Mark, SMALL, Shape};
use portamark_analysis::{Comparison, Rate, clean};
use portamark_model::workload::{Case, Precision};
use std::collections::BTreeMap;

/// Maximum width of the names beside the lines, in CSS pixels.
const NAMES_AT_MOST: f64 = 270.0;

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Label of the device that the line's colour stands for.
    pub device: String,
    /// Distinction from other lines of the same device, e.g. the format.
    pub what: String,
    /// Appearance of its points.
    pub mark: Mark,
    /// Best rate at each size.
    pub points: BTreeMap<u64, Rate>,
}

impl Series {
    /// Creates a line without points.
    pub fn new(device: &str, what: String, mark: Mark) -> Self {
        Series { device: device.into(), what, mark, points: BTreeMap::new() }
    }

    /// Adds a rate. If there are several at one size, the highest is kept.
    pub fn add(&mut self, size: u64, rate: Rate) {
        let held = self.points.entry(size).or_insert(rate);
        if rate.value > held.value {
            *held = rate;
        }
    }

    fn name(&self) -> String {
        format!("{}, {}", self.device, self.what)
    }

    /// Returns the main numbers of the line in words: its first and last point.
    pub fn description(&self) -> String {
        let mut points = self.points.iter();
        let (Some((first, low)), last) = (points.next(), points.next_back()) else {
            return format!("{}: no point", self.name());
        };
        let text = |rate: &Rate| crate::wording::rate(rate);
        match last {
            Some((last, high)) => {
                format!("{}: {} at {first} to {} at {last}", self.name(), text(low), text(high))
            }
            None => format!("{}: {} at {first}", self.name(), text(low)),
        }
    }
}

/// Returns lines of what other programs measured, as diamonds in the colour of the device if portamark
/// measured it too. `place` returns the size, the format and a further distinction of each case that belongs
/// in the chart, and `None` for other cases.
pub fn imported_series(
    comparison: &Comparison,
    place: impl Fn(&Case) -> Option<(u64, Precision, &'static str)>,
) -> Vec<Series> {
    let mut lines: BTreeMap<(String, String), Series> = BTreeMap::new();
    // A number that is impossible would only stretch the axis.
    for import in comparison.imported.iter().filter(|import| !import.is_impossible()) {
        let Some((size, precision, more)) = import.case.as_ref().and_then(&place) else { continue };
        let Some(rate) = import.rate() else { continue };
        let (device, ink) = match import.devices.first() {
            Some(device) => (comparison.devices[*device].label.clone(), Ink::Device(*device)),
            None => (clean(&import.header.device.name), Ink::Muted),
        };
        let what = format!("{precision}{more}, {}", import.source());
        let mark = Mark { shape: Shape::Diamond, inside: Inside::of(precision), ink };
        let line =
            lines.entry((device.clone(), what.clone())).or_insert_with(|| Series::new(&device, what, mark));
        line.add(size, rate);
    }
    lines.into_values().collect()
}

/// A line chart of one or more series.
#[derive(Debug, Clone, PartialEq)]
pub struct LineChart {
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    /// Whether the series belong to more than one device.
    several: bool,
}

impl LineChart {
    /// Creates a chart with two logarithmic axes and a tick at each size. Returns `None` if no series has a
    /// point.
    pub fn new(series: Vec<Series>, x_title: &str, y_title: &str) -> Option<Self> {
        let x = Axis::sizes(series.iter().flat_map(|s| s.points.keys().copied()), x_title)?;
        Self::over(series, x, y_title)
    }

    /// Creates the same chart with ticks at round values only, for sizes that are many or long, such as
    /// bytes.
    pub fn over_powers(series: Vec<Series>, x_title: &str, y_title: &str) -> Option<Self> {
        let x = Axis::log(series.iter().flat_map(|s| s.points.keys().map(|size| *size as f64)), x_title)?;
        Self::over(series, x, y_title)
    }

    fn over(series: Vec<Series>, x: Axis, y_title: &str) -> Option<Self> {
        let series: Vec<Series> = series.into_iter().filter(|s| !s.points.is_empty()).collect();
        let values = series.iter().flat_map(|s| s.points.values()).flat_map(|rate| {
            let (lo, hi) = rate.interval.unwrap_or((rate.value, rate.value));
            [lo, rate.value, hi]
        });
        let y = Axis::log(values, y_title)?;
        let several = series.iter().any(|other| other.device != series[0].device);
        Some(LineChart { x, y, series, several })
    }

    /// Returns the main numbers of all series in words.
    pub fn description(&self) -> String {
        self.series.iter().map(Series::description).collect::<Vec<_>>().join(". ")
    }

    /// Returns the legend: the devices, and in the narrow layout also the meaning of the marks, which is not
    /// beside the lines there.
    fn legend(&self, layout: Layout) -> Vec<Name> {
        let device = |series: &Series| {
            let mark = Mark { shape: Shape::Circle, inside: Inside::Full, ink: series.mark.ink };
            Name::of_device(mark, &series.device, self.several)
        };
        let what = |series: &Series| {
            let ink = if self.several { Ink::Strong } else { series.mark.ink };
            Name { mark: Some(Mark { ink, ..series.mark }), text: series.what.clone() }
        };
        let mut names: Vec<Name> = Vec::new();
        let devices = self.series.iter().map(device);
        let marks = self.series.iter().filter(|_| layout == Layout::Narrow).map(what);
        for name in devices.chain(marks) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Returns the labels beside the lines: the name of each line, or in the narrow layout only its device,
    /// and only if there are several devices.
    fn beside(&self, layout: Layout) -> Vec<Name> {
        let name = |series: &Series| match (layout, series.mark.ink) {
            // A device that only another program measured has no letter.
            (Layout::Wide, Ink::Muted) => Name { mark: Some(series.mark), text: series.name() },
            (Layout::Wide, _) => Name::of_device(series.mark, &series.what, self.several),
            (Layout::Narrow, Ink::Device(index)) => Name { mark: Some(series.mark), text: letter(index) },
            (Layout::Narrow, _) => Name { mark: Some(series.mark), text: String::new() },
        };
        let shown = layout == Layout::Wide || self.several;
        self.series.iter().filter(|_| shown).map(name).collect()
    }

    /// Draws the chart in `layout`.
    pub fn draw(&self, layout: Layout) -> Drawing {
        let width = layout.width();
        let legend = self.legend(layout);
        let beside = self.beside(layout);
        let room = if beside.is_empty() { 4.0 } else { widest(&beside).min(NAMES_AT_MOST) + 16.0 };
        let top = legend_height(&legend, width) + 40.0;
        // Make the plot area higher if there are more names than fit beside it.
        let bottom = top + layout.plot_height().max(beside.len() as f64 * LINE);
        let frame = Frame { left: Frame::label_room(&self.y), top, right: width - room, bottom };
        draw(width as u32, (bottom + Frame::BELOW).ceil() as u32, |canvas| {
            draw_legend(canvas, &legend, (0.0, 0.0), width);
            frame.draw_x(canvas, &self.x);
            frame.draw_y(canvas, &self.y, 0.0);
            for series in &self.series {
                self.draw_series(canvas, &frame, series);
            }
            self.draw_names(canvas, &frame, &beside, room - 16.0);
        })
    }

    fn at(&self, frame: &Frame, size: u64, value: f64) -> Point {
        frame.at(&self.x, &self.y, (size as f64, value))
    }

    fn draw_series(&self, canvas: &Canvas, frame: &Frame, series: &Series) {
        let place = |(size, rate): (&u64, &Rate)| self.at(frame, *size, rate.value);
        let points: Vec<Point> = series.points.iter().map(place).collect();
        canvas.line(&points, series.mark.ink, 1.75);
        for ((size, rate), point) in series.points.iter().zip(&points) {
            if let Some((lo, hi)) = rate.interval {
                let (low, high) = (self.at(frame, *size, lo), self.at(frame, *size, hi));
                error_bar(canvas, low, high, series.mark.ink);
            }
            canvas.mark(*point, series.mark);
        }
    }

    /// Draws each name at about the height of the last point of its line.
    fn draw_names(&self, canvas: &Canvas, frame: &Frame, names: &[Name], room: f64) {
        let ends: Vec<Point> = self
            .series
            .iter()
            .filter_map(|s| s.points.last_key_value())
            .map(|(size, rate)| self.at(frame, *size, rate.value))
            .collect();
        let wanted: Vec<f64> = ends.iter().map(|(_, y)| *y).collect();
        let heights = spread(&wanted, LINE, frame.top + SMALL / 2.0, frame.bottom - SMALL / 2.0);
        for ((name, (x, y)), height) in names.iter().zip(ends).zip(heights) {
            let start = frame.right + 8.0;
            if start - x < 80.0 {
                canvas.line(&[(x + 7.0, y), (start - 3.0, height)], Ink::Grid, 1.0);
            }
            name.draw(canvas, (start, height), room);
        }
    }
}

/// Draws an error bar from `low` to `high`, with caps at both ends if it is tall enough for them.
pub fn error_bar(canvas: &Canvas, low: Point, high: Point, ink: Ink) {
    const CAP: f64 = 4.0;
    canvas.line(&[low, high], ink, 1.25);
    for (x, y) in [low, high] {
        if (low.1 - high.1).abs() > 9.0 {
            canvas.line(&[(x - CAP, y), (x + CAP, y)], ink, 1.25);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::RateUnit;

    fn rate(value: f64) -> Rate {
        Rate { value, unit: RateUnit::Flop, interval: Some((value * 0.9, value * 1.1)), half_width: None }
    }

    #[test]
    fn of_several_rates_at_a_size_the_highest_stays() {
        let mark = Mark { shape: Shape::Circle, inside: Inside::Full, ink: Ink::Device(0) };
        let mut series = Series::new("a", "b".into(), mark);
        assert_eq!(series.description(), "a, b: no point");
        series.add(128, rate(1e9));
        series.add(128, rate(3e9));
        series.add(128, rate(2e9));
        assert_eq!(series.description(), "a, b: 3.00 GFLOP/s at 128");
        series.add(4096, rate(5e12));
        assert_eq!(series.description(), "a, b: 3.00 GFLOP/s at 128 to 5.00 TFLOP/s at 4096");
    }

    #[test]
    fn a_chart_without_points_is_none_and_many_series_make_it_higher() {
        let mark = Mark { shape: Shape::Circle, inside: Inside::Full, ink: Ink::Device(0) };
        assert_eq!(LineChart::new(vec![Series::new("a", "b".into(), mark)], "", ""), None);
        let series: Vec<Series> = (0..40)
            .map(|i| {
                let mut series = Series::new("a", format!("series {i}"), mark);
                series.add(64, rate(1e9));
                series
            })
            .collect();
        let chart = LineChart::new(series, "size", "FLOP/s").unwrap();
        assert!(f64::from(chart.draw(Layout::Wide).height) > 40.0 * LINE);
        assert_eq!(chart.draw(Layout::Narrow).width, 358);
    }
}
