//! Chart of sentinel times over a run, which shows whether a clock dropped.

use super::axis::Axis;
use super::canvas::{Anchor, Drawing, Point, draw};
use super::figure::{Absent, Chart, Figure};
use super::frame::{Frame, LINE, Layout, Name, draw_legend, legend_height, spread, widest};
use super::letter::letter;
use super::style::{Ink, Inside, Mark, SMALL, Shape};
use portamark_analysis::{Comparison, Device};
use portamark_model::units;
use portamark_results::{Row, SentinelTimes, Timing};
use portamark_stats::median_of_unsorted;

const TITLE: &str = "Sentinels over the run";

/// Sentinel time relative to the start of the run above which a row counts as throttled, if that is more than
/// noise.
const LIMIT: f64 = 1.05;

/// Largest relative time that is drawn; longer times are placed at the upper edge.
const MOST: f64 = 2.0;

/// Times of one sentinel on one device.
struct Track {
    device: String,
    what: &'static str,
    mark: Mark,
    /// Number of the row, and median sentinel time relative to the start of the run.
    points: Vec<(f64, f64)>,
}

/// Draws the chart of all devices: both sentinels in each row of the newest file.
pub fn drift(comparison: &Comparison) -> Chart {
    let mut tracks: Vec<Track> = Vec::new();
    for (index, device) in comparison.devices.iter().enumerate() {
        tracks.extend(of_device(device, index));
    }
    tracks.retain(|track| track.points.len() > 1);
    let values = || tracks.iter().flat_map(|track| track.points.iter().map(|(_, y)| y.min(MOST)));
    let (lo, hi) = (values().fold(0.96, f64::min) - 0.01, values().fold(LIMIT + 0.03, f64::max) + 0.01);
    let rows = tracks.iter().flat_map(|track| track.points.last().map(|(x, _)| *x)).fold(1.0, f64::max);
    let x = Axis::counts(0.0, rows + 1.0, "rows in the order of measurement");
    let y = Axis::shares(lo.max(0.0), hi, "time of the sentinel relative to the start, %");
    let (Some(x), Some(y), false) = (x, y, tracks.is_empty()) else {
        return Err(Absent::new(TITLE, "No run has sentinels in two rows."));
    };
    let told = tracks.iter().map(|track| {
        let most = track.points.iter().map(|(_, y)| *y).fold(0.0, f64::max);
        let end = track.points.last().map_or(0.0, |(_, y)| *y);
        let (end, most) = (units::percent(end), units::percent(most));
        format!("{}, {}: {end} at the end, {most} at most", track.device, track.what)
    });
    let description = told.collect::<Vec<_>>().join(". ");
    let caption = "The median of a fixed kernel's times in each row, relative to its median at the start of the run: filled circles are \
                   compute-bound, hollow squares memory-bound. Above the line at 105 % a row is throttled if that is \
                   more than noise. Times beyond 200 % are drawn at the upper edge.";
    Ok(Figure::new("drift", TITLE, caption.into(), description, |layout| {
        draw_tracks(&tracks, (&x, &y), layout)
    }))
}

/// One of the two sentinels, with its mark and where its times are stored.
struct Sentinel {
    what: &'static str,
    shape: Shape,
    inside: Inside,
    at_start: fn(&SentinelTimes) -> &[f64],
    in_row: fn(&Timing) -> &[f64],
}

const SENTINELS: [Sentinel; 2] = [
    Sentinel {
        what: "arithmetic",
        shape: Shape::Circle,
        inside: Inside::Full,
        at_start: |times| &times.arithmetic_s,
        in_row: |timing| &timing.sentinel_s,
    },
    Sentinel {
        what: "memory",
        shape: Shape::Square,
        inside: Inside::Hollow,
        at_start: |times| &times.bandwidth_s,
        in_row: |timing| &timing.bandwidth_sentinel_s,
    },
];

fn of_device(device: &Device, index: usize) -> Vec<Track> {
    let Some(file) = device.files.last() else { return Vec::new() };
    let track = |sentinel: &Sentinel| {
        let median = |times: &[f64]| median_of_unsorted(&mut times.to_vec()).filter(|m| *m > 0.0);
        let in_row = |row: &Row| median((sentinel.in_row)(row.timing.as_ref()?));
        let rows = file.rows.iter().enumerate();
        let medians: Vec<(f64, f64)> =
            rows.filter_map(|(number, row)| Some((number as f64 + 1.0, in_row(row)?))).collect();
        let start = file.header.sentinels.as_ref().and_then(|times| median((sentinel.at_start)(times)));
        // Older files lack the times at the start; their first row takes its place.
        let start = start.or(medians.first().map(|(_, median)| *median))?;
        let points =
            medians.into_iter().map(|(x, median)| (x, median / start)).filter(|(_, y)| y.is_finite());
        let mark = Mark { shape: sentinel.shape, inside: sentinel.inside, ink: Ink::Device(index) };
        Some(Track { device: device.label.clone(), what: sentinel.what, mark, points: points.collect() })
    };
    SENTINELS.iter().filter_map(track).collect()
}

fn draw_tracks(tracks: &[Track], (x, y): (&Axis, &Axis), layout: Layout) -> Drawing {
    let width = layout.width();
    let several = tracks.iter().any(|track| track.mark.ink != tracks[0].mark.ink);
    let name =
        |track: &Track| Name { mark: Some(track.mark), text: format!("{}, {}", track.device, track.what) };
    // With several devices the legend names the devices, and the caption explains the marks.
    let names: Vec<Name> = if several { devices(tracks) } else { tracks.iter().map(name).collect() };
    let ends: Vec<Name> = tracks.iter().filter(|_| several).map(Track::end).collect();
    let top = legend_height(&names, width) + 40.0;
    let height = (layout.plot_height() * 0.7).max(ends.len() as f64 * LINE);
    let right = width - 8.0 - if several { widest(&ends) + 4.0 } else { 0.0 };
    let frame = Frame { left: Frame::label_room(y), top, right, bottom: top + height };
    draw(width as u32, (frame.bottom + Frame::BELOW).ceil() as u32, |canvas| {
        draw_legend(canvas, &names, (0.0, 0.0), width);
        frame.draw_x(canvas, x);
        frame.draw_y(canvas, y, 0.0);
        let limit = frame.y(y.at(LIMIT));
        canvas.dashed((frame.left, limit), (frame.right, limit), Ink::Strong, 1.25);
        let place = (frame.right - 2.0, limit - 9.0);
        canvas.text(place, "5 % slower", Anchor::End, SMALL, Ink::Strong);
        for track in tracks {
            let points: Vec<Point> =
                track.points.iter().map(|(row, part)| frame.at(x, y, (*row, part.min(MOST)))).collect();
            canvas.line(&points, track.mark.ink, 1.0);
            // Many marks would hide their line.
            let every = points.len().div_ceil(60).max(1);
            for point in points.iter().step_by(every) {
                canvas.mark(*point, track.mark);
            }
        }
        let last = |track: &Track| {
            track.points.last().map_or(frame.bottom, |(_, part)| frame.y(y.at(part.min(MOST))))
        };
        let wanted: Vec<f64> = tracks.iter().map(last).collect();
        let heights = spread(&wanted, LINE, frame.top + LINE / 2.0, frame.bottom - LINE / 2.0);
        for (end, height) in ends.iter().zip(heights) {
            end.draw(canvas, (frame.right + 6.0, height), width - frame.right);
        }
    })
}

/// Returns one legend name for each device.
fn devices(tracks: &[Track]) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    for track in tracks {
        let mark = Mark { shape: Shape::Circle, inside: Inside::Full, ink: track.mark.ink };
        let name = Name::of_device(mark, &track.device, true);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl Track {
    /// Returns the label at the end of the line: its mark and the letter of its device.
    fn end(&self) -> Name {
        let text = match self.mark.ink {
            Ink::Device(index) => letter(index),
            _ => String::new(),
        };
        Name { mark: Some(self.mark), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn each_sentinel_is_a_line_over_the_rows() {
        let mut runs = vec![fixture::two_devices().remove(0)];
        runs[0].header.sentinels = Some(SentinelTimes::new(vec![1e-3; 15], vec![2e-3; 15]));
        for (number, row) in runs[0].rows.iter_mut().enumerate() {
            let Some(timing) = &mut row.timing else { continue };
            timing.sentinel_s = vec![1e-3 * (1.0 + 0.01 * number as f64); 3];
            timing.bandwidth_sentinel_s = vec![2e-3; 3];
        }
        let last = runs[0].rows.len() - 1;
        let figure = drift(&Comparison::new(&runs)).unwrap();
        let end = units::percent(1.0 + 0.01 * last as f64);
        let said = &figure.description;
        assert!(said.contains(&format!("arithmetic: {end} at the end, {end} at most")), "{said}");
        assert!(said.contains("memory: 100 % at the end, 100 % at most"), "{said}");
    }

    #[test]
    fn without_sentinels_the_chart_is_left_out() {
        let runs = fixture::two_devices();
        assert!(drift(&Comparison::new(&runs)).is_err());
    }
}
