//! Chart of errors against the oracle, relative to the rounding bound.

use super::axis::Axis;
use super::canvas::{Anchor, Drawing, draw, text_width};
use super::figure::{Absent, Chart, Figure};
use super::frame::{Frame, Layout, Name, draw_legend, legend_height};
use super::letter::letter;
use super::style::{Ink, Inside, Mark, SMALL, Shape};
use portamark_analysis::Comparison;
use portamark_model::units;
use portamark_model::workload::FAMILIES;
use std::collections::BTreeMap;

const TITLE: &str = "Error against the oracle";

/// Height of one device in a group, and room between groups, in CSS pixels.
const STEP: f64 = 15.0;
const BETWEEN: f64 = 10.0;

/// Least relative error on the axis. Smaller ones are drawn here, including 0, which has no logarithm.
const LEAST: f64 = 1e-3;

/// Index of the family in [`FAMILIES`], and the format.
type Group = (usize, String);

/// Worst errors relative to their bounds, one for each row, by group and index of the device.
type Ratios = BTreeMap<Group, Vec<(usize, Vec<f64>)>>;

/// Draws the chart of all devices, with one mark for each row, by family and format.
pub fn errors(comparison: &Comparison) -> Chart {
    let mut ratios: Ratios = BTreeMap::new();
    for (index, device) in comparison.devices.iter().enumerate() {
        for entry in device.all() {
            let Ok(case) = &entry.case else { continue };
            let proof = entry.row.verification.as_ref();
            let Some(worst) = proof.and_then(|proof| proof.worst_ratio) else { continue };
            if !worst.is_finite() || worst < 0.0 {
                continue;
            }
            let family =
                FAMILIES.iter().position(|family| *family == case.family()).unwrap_or(FAMILIES.len());
            let held = ratios.entry((family, case.precision().to_string())).or_default();
            match held.last_mut().filter(|(device, _)| *device == index) {
                Some((_, all)) => all.push(worst),
                None => held.push((index, vec![worst])),
            }
        }
    }
    let all = ratios.values().flatten().flat_map(|(_, all)| all);
    let axis =
        Axis::log(all.map(|ratio| ratio.max(LEAST)).chain([1.0, LEAST]), "worst error relative to its bound");
    let Some(axis) = axis.filter(|_| !ratios.is_empty()) else {
        return Err(Absent::new(TITLE, "No row was verified against the oracle."));
    };
    let labels: Vec<&str> = comparison.devices.iter().map(|device| device.label.as_str()).collect();
    let worst = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
    let told = ratios.iter().map(|(group, devices)| {
        let each = devices.iter().map(|(device, all)| {
            format!("{} {} in {} rows", labels[*device], units::significant(worst(all)), all.len())
        });
        format!("{}: {}", name(group), each.collect::<Vec<_>>().join(", "))
    });
    let description = told.collect::<Vec<_>>().join(". ");
    let caption = "A mark for each row: the largest error of the elements checked, relative to the rounding bound. \
                   Above 1, to the right of the line, a result is wrong. Errors below 0.001 are drawn at the left edge.";
    Ok(Figure::new("errors", TITLE, caption.into(), description, |layout| {
        draw_ratios(&ratios, &axis, &labels, layout)
    }))
}

fn name((family, precision): &Group) -> String {
    format!("{} {precision}", FAMILIES.get(*family).unwrap_or(&"other"))
}

fn draw_ratios(ratios: &Ratios, axis: &Axis, labels: &[&str], layout: Layout) -> Drawing {
    let width = layout.width();
    let mark =
        |device: usize| Mark { shape: Shape::Circle, inside: Inside::Hollow, ink: Ink::Device(device) };
    let shown = |device: usize| ratios.values().flatten().any(|(d, _)| *d == device);
    let devices: Vec<usize> = (0..labels.len()).filter(|device| shown(*device)).collect();
    let several = devices.len() > 1;
    let names: Vec<Name> =
        devices.iter().map(|device| Name::of_device(mark(*device), labels[*device], several)).collect();
    // With several devices, each line of marks starts with the letter of its device.
    let letters = if several { text_width("AA", SMALL) } else { 0.0 };
    let left =
        ratios.keys().map(|group| text_width(&name(group), SMALL)).fold(0.0, f64::max) + letters + 12.0;
    let top = legend_height(&names, width) + 12.0;
    let height: f64 = ratios.values().map(|devices| devices.len() as f64 * STEP + BETWEEN).sum();
    let frame = Frame { left, top, right: width - 10.0, bottom: top + height };
    draw(width as u32, (frame.bottom + Frame::BELOW).ceil() as u32, |canvas| {
        draw_legend(canvas, &names, (0.0, 0.0), width);
        canvas.bar((frame.x(axis.at(1.0)), frame.top), (frame.right, frame.bottom), Ink::Alarm);
        frame.draw_x(canvas, axis);
        let mut y = frame.top + BETWEEN / 2.0;
        for (group, devices) in ratios {
            let height = devices.len() as f64 * STEP;
            let names_end = left - letters - 10.0;
            canvas.text((names_end, y + height / 2.0), &name(group), Anchor::End, SMALL, Ink::Strong);
            for (row, (device, all)) in devices.iter().enumerate() {
                let middle = y + (row as f64 + 0.5) * STEP;
                if several {
                    canvas.text((left - 8.0, middle), &letter(*device), Anchor::End, SMALL, Ink::Muted);
                }
                let mut places: Vec<i32> =
                    all.iter().map(|ratio| frame.x(axis.at(ratio.max(LEAST))).round() as i32).collect();
                // Draw marks at the same position only once.
                places.sort_unstable();
                places.dedup();
                for x in places {
                    canvas.mark((f64::from(x), middle), mark(*device));
                }
            }
            y += height + BETWEEN;
            canvas.line(&[(frame.left, y - BETWEEN / 2.0), (frame.right, y - BETWEEN / 2.0)], Ink::Grid, 1.0);
        }
        let limit = frame.x(axis.at(1.0));
        canvas.line(&[(limit, frame.top), (limit, frame.bottom)], Ink::Strong, 1.5);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn the_worst_of_each_group_is_told() {
        let mut runs = fixture::two_devices();
        let gemm = runs[0].rows.iter_mut().find(|row| row.case.starts_with("gemm f32")).unwrap();
        gemm.verification.as_mut().unwrap().worst_ratio = Some(0.5);
        let figure = errors(&Comparison::new(&runs)).unwrap();
        let said = &figure.description;
        assert!(
            said.contains("gemm f32: NVIDIA H100 80GB HBM3 · 580.82.07 0.500 in 7 rows, llvmpipe"),
            "{said}"
        );
    }

    #[test]
    fn absurd_ratios_are_left_out_and_0_is_drawn() {
        let mut row = fixture::ok_row("gemm f32 m4 n4 k4 nn", 1.0);
        row.verification.as_mut().unwrap().worst_ratio = Some(f64::NAN);
        let runs = [fixture::file(fixture::h100_header(), vec![row.clone()])];
        assert!(errors(&Comparison::new(&runs)).is_err());
        row.verification.as_mut().unwrap().worst_ratio = Some(0.0);
        let runs = [fixture::file(fixture::h100_header(), vec![row])];
        assert!(errors(&Comparison::new(&runs)).unwrap().description.contains(" 0 in 1 rows"));
    }
}
