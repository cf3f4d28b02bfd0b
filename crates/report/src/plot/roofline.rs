//! Roofline chart of one device: its measured ceilings and the rows below them.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawing, draw, text_width};
use super::figure::{Absent, Chart, Figure};
use super::frame::{Frame, LINE, Layout, Name, draw_legend, legend_height, spread, widest};
use super::style::{Ink, Inside, Mark, SMALL, Shape, TEXT};
use crate::wording;
use portamark_analysis::{ComputeCeiling, Device, MemoryCeiling};
use portamark_model::units;
use portamark_model::workload::Case;
use std::collections::HashSet;

/// Kinds of work with their shapes, in the order of the legend.
const KINDS: [(&str, Shape); 4] = [
    ("GEMM", Shape::Circle),
    ("attention", Shape::Triangle),
    ("decode, GEMV", Shape::Diamond),
    ("stream", Shape::Square),
];

/// A measured row as a point of the chart.
#[derive(Debug, Clone, Copy)]
struct Work {
    intensity: f64,
    rate: f64,
    kind: usize,
    mark: Mark,
}

/// Contents of the chart.
struct Roofline<'d> {
    x: Axis,
    y: Axis,
    memory: &'d MemoryCeiling,
    compute: &'d [ComputeCeiling],
    work: Vec<Work>,
    names: Vec<Name>,
}

/// Draws the chart of one device. `index` is the index of the device, which sets its colour.
pub fn roofline(device: &Device, index: usize, name: &str) -> Chart {
    let title = format!("Roofline of {}", device.label);
    let ceilings = &device.ceilings;
    let Some(memory) = ceilings.memory_roof() else {
        return Err(Absent::new(&title, "No stream row has a rate, so there is no bandwidth to draw."));
    };
    if ceilings.compute.is_empty() {
        return Err(Absent::new(&title, "No peak row has a rate, so there is no roof to draw."));
    }
    let work = work(device, index);
    if work.is_empty() {
        return Err(Absent::new(&title, "No row with both FLOP and bytes has a rate."));
    }
    let ridge = |ceiling: &ComputeCeiling| ceiling.rate / memory.rate;
    let intensities = work.iter().map(|w| w.intensity);
    let x = Axis::log(intensities.chain(ceilings.compute.iter().map(ridge)), "intensity, FLOP per byte");
    let rates = work.iter().map(|w| w.rate).chain(ceilings.compute.iter().map(|c| c.rate));
    let integers = device.measured().any(|(_, case, _)| case.precision().accumulate.is_integer());
    let throughput = if integers { "throughput, FLOP/s or OP/s" } else { "throughput, FLOP/s" };
    let y = Axis::log(rates, throughput);
    let (Some(x), Some(y)) = (x, y) else {
        return Err(Absent::new(&title, "Its ceilings are not usable numbers."));
    };
    let kinds = KINDS.iter().enumerate().filter(|(kind, _)| work.iter().any(|w| w.kind == *kind));
    let names: Vec<Name> = kinds
        .map(|(_, (text, shape))| {
            let mark = Mark { shape: *shape, inside: Inside::Full, ink: Ink::Device(index) };
            Name { mark: Some(mark), text: (*text).into() }
        })
        .collect();
    let description = description(device, &work);
    let caption =
        "Ceilings are this device's own best stream and peak rows. Bytes are the compulsory traffic, \
                   so work that stays in a cache can lie above the slope. Hollow marks have f16 operands."
            .into();
    let chart = Roofline { x, y, memory, compute: &ceilings.compute, work, names };
    Ok(Figure::new(name, &title, caption, description, |layout| chart.draw(layout)))
}

fn work(device: &Device, index: usize) -> Vec<Work> {
    let of = |case: &Case| match case {
        Case::Gemm(_) | Case::Moe(_) => Some(0),
        Case::Attention(attention) => Some(if attention.is_decode() { 2 } else { 1 }),
        Case::Stream(_) => Some(3),
        Case::Gemv(_) => Some(2),
        // Not shown: the intensity of a probe is arbitrary and means nothing.
        _ => None,
    };
    device
        .measured()
        .filter_map(|(entry, case, _)| {
            let (kind, row) = (of(case)?, entry.row);
            if row.flop == 0 || row.bytes == 0 {
                return None;
            }
            let rate = row.flop_rate().filter(|rate| rate.is_finite())?;
            let (_, shape) = KINDS[kind];
            let mark = Mark { shape, inside: Inside::of(case.precision()), ink: Ink::Device(index) };
            Some(Work { intensity: row.flop as f64 / row.bytes as f64, rate, kind, mark })
        })
        .collect()
}

fn description(device: &Device, work: &[Work]) -> String {
    let ceilings = &device.ceilings;
    let memory = ceilings.memory.iter().map(|c| format!("{} {}", c.op.name(), units::byte_rate(c.rate)));
    let compute = ceilings.compute.iter().map(|c| format!("{} {}", c.name(), wording::ceiling(c)));
    let mut out = format!("Ceilings: {}.", memory.chain(compute).collect::<Vec<_>>().join(", "));
    let best = device
        .measured()
        .filter(|(_, case, _)| {
            matches!(case, Case::Gemm(_) | Case::Gemv(_) | Case::Moe(_) | Case::Attention(_))
        })
        .filter_map(|(entry, ..)| Some((entry.placement?.fraction, &entry.row.case)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((fraction, case)) = best {
        out +=
            &format!(" {} points. Nearest to the roof: {case} at {}.", work.len(), units::percent(fraction));
    }
    out
}

impl Roofline<'_> {
    /// Returns the compute ceilings with their names, highest first.
    fn roofs(&self) -> Vec<(f64, Name)> {
        let name = |c: &ComputeCeiling| format!("{} {}", c.name(), wording::ceiling(c));
        let mut roofs: Vec<(f64, Name)> =
            self.compute.iter().map(|c| (c.rate, Name { mark: None, text: name(c) })).collect();
        roofs.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        roofs
    }

    fn slope(&self) -> String {
        format!("{} {}", self.memory.op.name(), units::byte_rate(self.memory.rate))
    }

    fn draw(&self, layout: Layout) -> Drawing {
        let roofs = self.roofs();
        let (heights, roofs): (Vec<f64>, Vec<Name>) = roofs.into_iter().unzip();
        let width = layout.width();
        let mut legend = self.names.clone();
        let beside = match layout {
            Layout::Wide => widest(&roofs) + 20.0,
            Layout::Narrow => {
                // There is no room for names beside or on the lines.
                let named = |text: String| Name { mark: None, text };
                legend.extend(roofs.iter().map(|roof| named(format!("roof: {}", roof.text))));
                legend.push(named(format!("slope: {}", self.slope())));
                4.0
            }
        };
        let top = legend_height(&legend, width) + 40.0;
        let bottom = top + layout.plot_height();
        let frame = Frame { left: Frame::label_room(&self.y), top, right: width - beside, bottom };
        draw(width as u32, (bottom + Frame::BELOW).ceil() as u32, |canvas| {
            draw_legend(canvas, &legend, (0.0, 0.0), width);
            frame.draw_x(canvas, &self.x);
            frame.draw_y(canvas, &self.y, 0.0);
            self.draw_slope(canvas, &frame, layout);
            let heights: Vec<f64> = heights.iter().map(|rate| frame.y(self.y.at(*rate))).collect();
            self.draw_roofs(canvas, &frame);
            if layout == Layout::Wide {
                draw_roof_names(canvas, &frame, &roofs, &heights);
            }
            self.draw_work(canvas, &frame);
        })
    }

    /// Draws the memory bandwidth up to the highest compute ceiling, with its name beside it.
    fn draw_slope(&self, canvas: &Canvas, frame: &Frame, layout: Layout) {
        let bandwidth = self.memory.rate;
        let highest = self.compute.iter().map(|c| c.rate).fold(0.0, f64::max);
        let ((x_lo, x_hi), (y_lo, _)) = (self.x.ends(), self.y.ends());
        let from = x_lo.max(y_lo / bandwidth);
        let to = x_hi.min(highest / bandwidth);
        if from >= to {
            return;
        }
        let at = |intensity: f64| frame.at(&self.x, &self.y, (intensity, bandwidth * intensity));
        canvas.line(&[at(from), at(to)], Ink::Strong, 1.75);
        if layout == Layout::Wide {
            // Points lie below the line; above it, where no point should be, there is room for the name.
            let (x, y) = at((from * to).sqrt());
            let text = self.slope();
            if x - 8.0 - text_width(&text, TEXT) > frame.left {
                canvas.text((x - 8.0, y - 10.0), &text, Anchor::End, TEXT, Ink::Strong);
            } else {
                canvas.text((x + 10.0, y + 12.0), &text, Anchor::Start, TEXT, Ink::Strong);
            }
        }
    }

    /// Draws each compute ceiling from the slope to the right edge.
    fn draw_roofs(&self, canvas: &Canvas, frame: &Frame) {
        for ceiling in self.compute {
            let start = frame.x(self.x.at(ceiling.rate / self.memory.rate));
            let y = frame.y(self.y.at(ceiling.rate));
            canvas.line(&[(start, y), (frame.right, y)], Ink::Strong, 1.75);
        }
    }

    /// Draws the points. Those that would cover each other exactly are drawn once.
    fn draw_work(&self, canvas: &Canvas, frame: &Frame) {
        let mut drawn = HashSet::new();
        for work in &self.work {
            let point = frame.at(&self.x, &self.y, (work.intensity, work.rate));
            if drawn.insert((point.0.round() as i32, point.1.round() as i32, work.mark)) {
                canvas.mark(point, work.mark);
            }
        }
    }
}

/// Draws the name of each compute ceiling beside its right end.
fn draw_roof_names(canvas: &Canvas, frame: &Frame, roofs: &[Name], heights: &[f64]) {
    let half = SMALL / 2.0;
    let spread = spread(heights, LINE, frame.top + half, frame.bottom - half);
    for ((name, y), height) in roofs.iter().zip(heights).zip(spread) {
        let start = frame.right + 12.0;
        canvas.line(&[(frame.right, *y), (start - 3.0, height)], Ink::Grid, 1.0);
        name.draw(canvas, (start, height), f64::INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::Comparison;
    use portamark_fixtures::fixture;

    #[test]
    fn ceilings_and_the_nearest_row_are_told() {
        let runs = fixture::two_devices();
        let comparison = Comparison::new(&runs);
        let figure = roofline(&comparison.devices[0], 0, "roofline-x").unwrap();
        let said = &figure.description;
        assert!(said.contains("read 3.00 TB/s"), "{said}");
        assert!(said.contains("f16.f32 matrix 463 TFLOP/s"), "{said}");
        // The model gives products 0.72 of 51.2 TFLOP/s, and the measured peak is 47.8 TFLOP/s: 77.1 %.
        assert!(said.contains("Nearest to the roof: gemm f32 m4096 n4096 k4096 nn at 77.1 %"), "{said}");
    }

    #[test]
    fn what_is_missing_is_said() {
        let chart = |rows: &[&str]| {
            let rows = rows.iter().map(|key| fixture::ok_row(key, 1e-3)).collect();
            let runs = [fixture::file(fixture::h100_header(), rows)];
            roofline(&Comparison::new(&runs).devices[0], 0, "x").map(|_| ()).map_err(|absent| absent.why)
        };
        let (stream, peak) = ("stream f32 copy n1024", "peak f32 fma c64 s16");
        assert!(chart(&[peak]).unwrap_err().contains("stream"));
        assert!(chart(&[stream]).unwrap_err().contains("peak"));
        assert!(chart(&[stream, peak]).unwrap_err().contains("FLOP and bytes"));
        assert_eq!(chart(&[stream, peak, "gemm f32 m64 n64 k64 nn"]), Ok(()));
    }
}
