//! Chart of memory bandwidth: access patterns, decode attention and GEMV.

use super::axis::{Axis, Scale};
use super::canvas::{Anchor, Canvas, Drawing, draw, text_width};
use super::figure::{Absent, Chart, Figure};
use super::frame::{Frame, Layout, Name, draw_legend, legend_height};
use super::style::{Ink, Inside, Mark, SMALL, Shape, TEXT};
use crate::wording;
use portamark_analysis::{Comparison, Rate};
use portamark_model::workload::{Case, Precision, StreamOp, Workload};
use std::collections::BTreeMap;

const TITLE: &str = "Bandwidth by access pattern";

/// Largest ratio of the fastest to the slowest rate for a linear axis. Beyond it the shortest bars would
/// vanish.
const LARGEST_LINEAR_RATIO: f64 = 25.0;

/// Thickness of a bar, and distance from one bar to the next, in CSS pixels.
const BAR: f64 = 12.0;
const STEP: f64 = 17.0;

/// Kind of work that a group of bars shows; ordered as in the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// Access pattern, as an index into [`StreamOp::ALL`].
    Stream(usize),
    /// Decode step of attention.
    Decode(Precision),
    /// Matrix times vectors, as in a linear layer for few tokens.
    Gemv(Precision),
}

impl Group {
    fn of(case: &Case) -> Option<Self> {
        match case {
            Case::Stream(stream) => StreamOp::ALL.iter().position(|op| *op == stream.op).map(Group::Stream),
            Case::Attention(attention) if attention.is_decode() => Some(Group::Decode(attention.precision)),
            Case::Gemv(gemv) => Some(Group::Gemv(gemv.precision())),
            _ => None,
        }
    }

    fn name(self) -> String {
        match self {
            Group::Stream(place) => StreamOp::ALL[place].name().into(),
            Group::Decode(precision) => format!("decode {precision}"),
            Group::Gemv(precision) => format!("gemv {precision}"),
        }
    }
}

/// Best rate of each device in each group, with the index of the device.
type Bars = BTreeMap<Group, Vec<(usize, Rate)>>;

/// Draws the chart of all devices, with the best rate of each in every group.
pub fn bandwidth(comparison: &Comparison) -> Chart {
    let mut bars: Bars = BTreeMap::new();
    for (index, device) in comparison.devices.iter().enumerate() {
        for (_, case, rate) in device.measured() {
            let Some(group) = Group::of(case) else { continue };
            let held = bars.entry(group).or_default();
            match held.last_mut().filter(|(device, _)| *device == index) {
                Some((_, best)) if best.value >= rate.value => {}
                Some((_, best)) => *best = rate,
                None => held.push((index, rate)),
            }
        }
    }
    let values: Vec<f64> = bars.values().flatten().map(|(_, rate)| rate.value).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(0.0, f64::max);
    let linear = greatest / least <= LARGEST_LINEAR_RATIO;
    let title = "bandwidth, B/s";
    let axis = if linear { Axis::from_zero(values, title) } else { Axis::log(values, title) };
    let axis = axis.ok_or_else(|| {
        Absent::new(TITLE, "No access pattern and no decode step has a rate, so there is no bandwidth.")
    })?;
    let caption = format!(
        "The best size of each pattern; decode is attention of one query over a KV cache, gemv a matrix times \
         up to eight vectors. Bytes are the compulsory traffic, 1 GB/s is 10⁹ B/s. {}",
        if linear { "Bars begin at zero." } else { "The axis is logarithmic and does not begin at zero." }
    );
    let labels: Vec<&str> = comparison.devices.iter().map(|device| device.label.as_str()).collect();
    let description = bars
        .iter()
        .map(|(group, rates)| {
            let each = rates.iter().map(|(d, rate)| format!("{} {}", labels[*d], wording::rate(rate)));
            format!("{}: {}", group.name(), each.collect::<Vec<_>>().join(", "))
        })
        .collect::<Vec<_>>()
        .join(". ");
    Ok(Figure::new("bandwidth", TITLE, caption, description, |layout| {
        draw_bars(&bars, &axis, &labels, layout)
    }))
}

fn draw_bars(bars: &Bars, axis: &Axis, labels: &[&str], layout: Layout) -> Drawing {
    let shown = |device: usize| bars.values().flatten().any(|(d, _)| *d == device);
    let devices: Vec<usize> = (0..labels.len()).filter(|device| shown(*device)).collect();
    let several = devices.len() > 1;
    let name = |device: usize, text: &str| Name::of_device(mark(device), text, several);
    let names: Vec<Name> = devices.iter().map(|device| name(*device, labels[*device])).collect();
    let width = layout.width();
    let group_room = bars.keys().map(|g| text_width(&g.name(), TEXT)).fold(0.0, f64::max) + 12.0;
    let value_room = text_width(if several { "A  8.88 TB/s" } else { "8.88 TB/s" }, SMALL) + 10.0;
    let top = legend_height(&names, width) + 12.0;
    let between = STEP * 0.6;
    let height: f64 = bars.values().map(|rates| rates.len() as f64 * STEP + between).sum();
    let frame = Frame { left: group_room, top, right: width - value_room, bottom: top + height };
    draw(width as u32, (frame.bottom + Frame::BELOW).ceil() as u32, |canvas| {
        draw_legend(canvas, &names, (0.0, 0.0), width);
        frame.draw_x(canvas, axis);
        let mut y = frame.top + between / 2.0;
        for (group, rates) in bars {
            let height = rates.len() as f64 * STEP;
            let middle = (frame.left - 10.0, y + height / 2.0);
            canvas.text(middle, &group.name(), Anchor::End, TEXT, Ink::Strong);
            for (row, (device, rate)) in rates.iter().enumerate() {
                let middle = y + (row as f64 + 0.5) * STEP;
                let told = name(*device, &wording::rate(rate)).text;
                draw_rate(canvas, &frame, axis, middle, (*device, rate), &told);
            }
            y += height + between;
        }
        canvas.line(&[(frame.left, frame.top), (frame.left, frame.bottom)], Ink::Muted, 1.0);
    })
}

/// Draws a rate as a bar on a linear axis, or as a line with a mark on a logarithmic one, where the length of
/// a bar would mean nothing. The text `told` is placed beside it.
fn draw_rate(
    canvas: &Canvas,
    frame: &Frame,
    axis: &Axis,
    y: f64,
    (device, rate): (usize, &Rate),
    told: &str,
) {
    let ink = Ink::Device(device);
    let end = frame.x(axis.at(rate.value));
    let mut free = end;
    match axis.scale {
        Scale::Linear => canvas.bar((frame.left, y - BAR / 2.0), (end, y + BAR / 2.0), ink),
        Scale::Log => {
            canvas.line(&[(frame.left, y), (end, y)], ink, 1.5);
            canvas.mark((end, y), mark(device));
            free += 4.0;
        }
    }
    if let Some((lo, hi)) = rate.interval {
        let (lo, hi) = (frame.x(axis.at(lo)), frame.x(axis.at(hi)));
        if hi - lo > 3.0 {
            canvas.line(&[(lo, y), (hi, y)], Ink::Strong, 1.25);
            free = free.max(hi);
        }
    }
    canvas.text((free + 6.0, y), told, Anchor::Start, SMALL, Ink::Strong);
}

fn mark(device: usize) -> Mark {
    Mark { shape: Shape::Circle, inside: Inside::Full, ink: Ink::Device(device) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn each_pattern_shows_the_best_size_of_each_device() {
        let runs = fixture::two_devices();
        let figure = bandwidth(&Comparison::new(&runs)).unwrap();
        let said = &figure.description;
        let copy = "copy: NVIDIA H100 80GB HBM3 · 580.82.07 2.77 TB/s, llvmpipe · Mesa 22.3.6 19.6 GB/s.";
        assert!(said.starts_with(copy), "{said}");
        assert!(said.contains("decode f16.f32: NVIDIA H100 80GB HBM3 · 580.82.07 2.06 TB/s"), "{said}");
        // 2.77 TB/s is 141 times 19.6 GB/s.
        assert!(figure.caption.contains("logarithmic"), "{}", figure.caption);
    }

    #[test]
    fn rates_of_similar_size_are_bars_from_zero() {
        let runs = &fixture::two_devices()[1..];
        let figure = bandwidth(&Comparison::new(runs)).unwrap();
        assert!(figure.caption.ends_with("Bars begin at zero."), "{}", figure.caption);
    }

    #[test]
    fn without_rates_there_is_a_sentence() {
        let runs = [fixture::file(fixture::h100_header(), Vec::new())];
        assert!(bandwidth(&Comparison::new(&runs)).is_err());
    }
}
