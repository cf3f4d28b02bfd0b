//! Rates over a size, a line for each series.

use super::axis::Axis;
use super::canvas::{Canvas, Drawing, Point, draw};
use super::frame::{Frame, LINE, Layout, Name, draw_legend, legend_height, spread, widest};
use super::style::{Ink, Mark, SMALL};
use crate::analysis::Rate;
use std::collections::BTreeMap;

/// Room that names beside the lines have at most.
const NAMES_AT_MOST: f64 = 270.0;

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// How its points look.
    pub mark: Mark,
    /// The best rate at each size.
    pub points: BTreeMap<u64, Rate>,
}

impl Series {
    /// A line without points.
    pub fn new(name: String, mark: Mark) -> Self {
        Series { name, mark, points: BTreeMap::new() }
    }

    /// Adds a rate; of several at one size the highest stays.
    pub fn add(&mut self, size: u64, rate: Rate) {
        let held = self.points.entry(size).or_insert(rate);
        if rate.value > held.value {
            *held = rate;
        }
    }

    /// Its main numbers in words.
    pub fn description(&self) -> String {
        let mut points = self.points.iter();
        let (Some((first, low)), last) = (points.next(), points.next_back()) else {
            return format!("{}: no point", self.name);
        };
        let text = |rate: &Rate| crate::report::wording::rate(rate);
        match last {
            Some((last, high)) => {
                format!("{}: {} at {first} to {} at {last}", self.name, text(low), text(high))
            }
            None => format!("{}: {} at {first}", self.name, text(low)),
        }
    }
}

/// A chart of several series.
#[derive(Debug, Clone, PartialEq)]
pub struct LineChart {
    x: Axis,
    y: Axis,
    series: Vec<Series>,
}

impl LineChart {
    /// A chart with both axes logarithmic; None if no series has a point.
    pub fn new(series: Vec<Series>, x_title: &str, y_title: &str) -> Option<Self> {
        let series: Vec<Series> = series.into_iter().filter(|s| !s.points.is_empty()).collect();
        let x = Axis::sizes(series.iter().flat_map(|s| s.points.keys().copied()), x_title)?;
        let values = series.iter().flat_map(|s| s.points.values()).flat_map(|rate| {
            let (lo, hi) = rate.interval.unwrap_or((rate.value, rate.value));
            [lo, rate.value, hi]
        });
        let y = Axis::log(values, y_title)?;
        Some(LineChart { x, y, series })
    }

    /// The main numbers in words.
    pub fn description(&self) -> String {
        self.series.iter().map(Series::description).collect::<Vec<_>>().join(". ")
    }

    fn names(&self) -> Vec<Name> {
        self.series.iter().map(|s| Name { mark: Some(s.mark), text: s.name.clone() }).collect()
    }

    /// The drawing for a screen.
    pub fn draw(&self, layout: Layout) -> Drawing {
        let names = self.names();
        let width = layout.width();
        let left = Frame::label_room(&self.y);
        let (beside, above) = match layout {
            Layout::Wide => (widest(&names).min(NAMES_AT_MOST) + 16.0, 0.0),
            Layout::Narrow => (4.0, legend_height(&names, width) + 6.0),
        };
        let top = above + 34.0;
        // More names than fit beside the plot area make it higher.
        let all_names = if layout == Layout::Wide { names.len() as f64 * LINE } else { 0.0 };
        let bottom = top + layout.plot_height().max(all_names);
        let frame = Frame { left, top, right: width - beside, bottom };
        draw(width as u32, (bottom + Frame::BELOW).ceil() as u32, |canvas| {
            frame.draw_x(canvas, &self.x);
            frame.draw_y(canvas, &self.y, 0.0);
            for series in &self.series {
                self.draw_series(canvas, &frame, series);
            }
            match layout {
                Layout::Narrow => draw_legend(canvas, &names, (0.0, 0.0), width),
                Layout::Wide => self.draw_names(canvas, &frame, &names, beside - 16.0),
            }
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

    /// Each name at the height of the last point of its line.
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

/// A bar from the lower to the upper end of an interval, where it is tall enough to be seen.
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
    use crate::analysis::RateUnit;
    use crate::report::plot::style::{Inside, Shape};

    fn rate(value: f64) -> Rate {
        Rate { value, unit: RateUnit::Flop, interval: Some((value * 0.9, value * 1.1)), half_width: None }
    }

    #[test]
    fn of_several_rates_at_a_size_the_highest_stays() {
        let mark = Mark { shape: Shape::Circle, inside: Inside::Full, ink: Ink::Device(0) };
        let mut series = Series::new("a".into(), mark);
        assert_eq!(series.description(), "a: no point");
        series.add(128, rate(1e9));
        series.add(128, rate(3e9));
        series.add(128, rate(2e9));
        assert_eq!(series.description(), "a: 3.00 GFLOP/s at 128");
        series.add(4096, rate(5e12));
        assert_eq!(series.description(), "a: 3.00 GFLOP/s at 128 to 5.00 TFLOP/s at 4096");
    }

    #[test]
    fn a_chart_without_points_is_none_and_many_series_make_it_higher() {
        let mark = Mark { shape: Shape::Circle, inside: Inside::Full, ink: Ink::Device(0) };
        assert_eq!(LineChart::new(vec![Series::new("a".into(), mark)], "", ""), None);
        let series: Vec<Series> = (0..40)
            .map(|i| {
                let mut series = Series::new(format!("series {i}"), mark);
                series.add(64, rate(1e9));
                series
            })
            .collect();
        let chart = LineChart::new(series, "size", "FLOP/s").unwrap();
        assert!(f64::from(chart.draw(Layout::Wide).height) > 40.0 * LINE);
        assert_eq!(chart.draw(Layout::Narrow).width, 358);
    }
}
