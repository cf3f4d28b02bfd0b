//! Chart of ranked projections of models on devices, with one line and range for each.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawing, draw, fitted, text_width};
use super::figure::{Absent, Chart, Figure};
use super::frame::{Frame, LINE, Layout, Name, draw_legend, legend_height};
use super::style::{Ink, Inside, Mark, SMALL, Shape, TEXT};
use crate::projection::ModelOnDevice;
use crate::ranking::{RankedPass, criterion, origin};
use portamark_analysis::{Basis, Criterion, clean};
use portamark_model::units;

const TITLE: &str = "Models on devices";

/// Height of a line, in CSS pixels.
const STEP: f64 = 20.0;

/// Maximum fraction of the width that names get.
const NAMES: f64 = 0.46;

/// One ranked projection.
struct RankedLine {
    name: String,
    value: f64,
    ends: Option<(f64, f64)>,
    mark: Mark,
    predicted: bool,
}

/// Lines of one pass, with the title above them.
struct Group {
    title: String,
    lines: Vec<RankedLine>,
}

/// Draws the chart of `passes`, which are all ranked by the same criterion.
pub fn ranking(passes: &[RankedPass]) -> Chart {
    let by = passes.first().map_or(Criterion::Speed, |pass| pass.criterion);
    let mut devices: Vec<&str> = Vec::new();
    for one in passes.iter().flat_map(|pass| &pass.ranked) {
        if !devices.contains(&one.device.as_str()) {
            devices.push(&one.device);
        }
    }
    let groups: Vec<Group> = passes.iter().map(|pass| group(pass, &devices)).collect();
    let lines = || groups.iter().flat_map(|group| &group.lines);
    let values = lines().flat_map(|line| {
        let (lo, hi) = line.ends.unwrap_or((line.value, line.value));
        [lo, line.value, hi]
    });
    let axis = Axis::log(values, criterion(by))
        .ok_or_else(|| Absent::new(TITLE, "No model has a time on any device."))?;
    let best = if by == Criterion::Speed { "right" } else { "left" };
    let mut caption = format!(
        "The best is on top; further {best} is better. Filled marks: all parts measured; hollow: partly \
         extrapolated from measured cases. Bars are the ranges."
    );
    if lines().any(|line| line.predicted) {
        caption += " Diamonds with dashed bars are predicted from published figures and not measured.";
    }
    let said: Vec<String> = groups
        .iter()
        .flat_map(|group| {
            group.lines.iter().map(|line| {
                format!(
                    "{}, {}: {} {}",
                    group.title,
                    line.name,
                    units::significant(line.value),
                    criterion(by)
                )
            })
        })
        .collect();
    Ok(Figure::new("ranking", TITLE, caption, said.join(". "), |layout| {
        draw_groups(&groups, &axis, &devices, layout)
    }))
}

fn group(pass: &RankedPass, devices: &[&str]) -> Group {
    let lines = pass.ranking.order.iter().map(|ranked| {
        let one = &pass.ranked[ranked.candidate];
        let (value, ends) = pass.value(one);
        let predicted = one.projection.predicted;
        let marked = if predicted { format!(", {}", origin(one)) } else { String::new() };
        RankedLine {
            name: clean(&format!("{} · {}{marked}", one.model, one.device)),
            value,
            ends,
            mark: mark(one, devices),
            predicted,
        }
    });
    Group { title: pass.title(), lines: lines.collect() }
}

fn mark(one: &ModelOnDevice, devices: &[&str]) -> Mark {
    let place = devices.iter().position(|device| *device == one.device).unwrap_or(0);
    let measured = one.projection.parts.iter().all(|part| part.basis == Basis::Measured);
    Mark {
        shape: if one.projection.predicted { Shape::Diamond } else { Shape::Circle },
        inside: if measured { Inside::Full } else { Inside::Hollow },
        ink: Ink::Device(place),
    }
}

fn draw_groups(groups: &[Group], axis: &Axis, devices: &[&str], layout: Layout) -> Drawing {
    let width = layout.width();
    let legend: Vec<Name> = devices
        .iter()
        .enumerate()
        .map(|(place, device)| {
            let mark = Mark { shape: Shape::Circle, inside: Inside::Full, ink: Ink::Device(place) };
            Name { mark: Some(mark), text: clean(device) }
        })
        .collect();
    let names = groups.iter().flat_map(|group| &group.lines).map(|line| text_width(&line.name, SMALL));
    // In the narrow layout a name has its own line above its mark.
    let beside = layout == Layout::Wide;
    let room = names.fold(0.0, f64::max).min(NAMES * width);
    let (left, step) = if beside { (room + 12.0, STEP) } else { (8.0, 2.0 * STEP) };
    let value_room = text_width("0.0888", SMALL) + 12.0;
    let top = legend_height(&legend, width) + 12.0;
    let heights = groups.iter().map(|group| LINE + group.lines.len() as f64 * step + 8.0);
    let bottom = top + heights.sum::<f64>();
    let frame = Frame { left, top, right: width - value_room, bottom };
    draw(width as u32, (bottom + Frame::BELOW).ceil() as u32, |canvas| {
        draw_legend(canvas, &legend, (0.0, 0.0), width);
        frame.draw_x(canvas, axis);
        let mut y = top;
        for group in groups {
            canvas.text(
                (0.0, y + LINE / 2.0),
                &fitted(&group.title, TEXT, width),
                Anchor::Start,
                TEXT,
                Ink::Muted,
            );
            y += LINE;
            for line in &group.lines {
                let name_y = if beside { y + step / 2.0 } else { y + step / 4.0 };
                let mark_y = if beside { name_y } else { y + 0.7 * step };
                if beside {
                    let text = fitted(&line.name, SMALL, frame.left - 12.0);
                    canvas.text((frame.left - 10.0, name_y), &text, Anchor::End, SMALL, Ink::Strong);
                } else {
                    let text = fitted(&line.name, SMALL, width);
                    canvas.text((0.0, name_y), &text, Anchor::Start, SMALL, Ink::Strong);
                }
                draw_line(canvas, &frame, axis, mark_y, line, width);
                y += step;
            }
            y += 8.0;
        }
    })
}

fn draw_line(canvas: &Canvas, frame: &Frame, axis: &Axis, y: f64, line: &RankedLine, width: f64) {
    let x = |value: f64| frame.x(axis.at(value));
    if let Some((lo, hi)) = line.ends {
        let (a, b) = ((x(lo), y), (x(hi), y));
        if line.predicted {
            canvas.dashed(a, b, line.mark.ink, 2.0);
        } else {
            canvas.line(&[a, b], line.mark.ink, 2.0);
        }
    }
    canvas.mark((x(line.value), y), line.mark);
    canvas.text((width, y), &units::significant(line.value), Anchor::End, SMALL, Ink::Strong);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranking::tests::passes;

    #[test]
    fn each_projection_is_a_line_and_a_prediction_says_so() {
        let figure = ranking(&passes(Criterion::Speed)).unwrap();
        let said = &figure.description;
        assert!(
            said.contains("decode: 1 sequence of 4096 tokens, Llama-3.1-8B · NVIDIA H20, predicted: 333"),
            "{said}"
        );
        assert!(said.contains("Llama-3.1-8B · Example GPU: 312"), "{said}");
        assert!(figure.caption.contains("not measured") && figure.caption.contains("further right"));
        let by_price = ranking(&passes(Criterion::Price)).unwrap();
        assert!(by_price.caption.contains("further left"), "{}", by_price.caption);
    }

    #[test]
    fn without_a_projection_there_is_no_chart() {
        assert!(ranking(&[]).is_err());
    }
}
