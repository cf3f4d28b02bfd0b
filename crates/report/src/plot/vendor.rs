//! Chart of portable kernels against vendor libraries: the ratio of rates with its interval, for each case.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawing, draw, fitted, text_width};
use super::figure::{Absent, Chart, Figure};
use super::frame::{Frame, Layout, Name, draw_legend, legend_height};
use super::style::{Ink, Inside, Mark, SMALL, Shape};
use portamark_analysis::{AgainstVendor, Comparison, clean};
use portamark_model::units;

const TITLE: &str = "Portable against vendor library";

/// Maximum number of lines in the chart; with more, it would be hard to read.
const MOST_LINES: usize = 60;

/// Maximum number of lines that the description mentions.
const MOST_SAID: usize = 12;

/// Height of a line, in CSS pixels.
const STEP: f64 = 18.0;

/// Maximum fraction of the width that names of cases get.
const NAMES: f64 = 0.46;

/// Draws the chart of all devices from the ratios in `found`.
pub fn vendor(comparison: &Comparison, found: &[AgainstVendor]) -> Chart {
    let (lines, more) = (&found[..found.len().min(MOST_LINES)], found.len().saturating_sub(MOST_LINES));
    let values = lines.iter().flat_map(|line| {
        let (lo, hi) = line.interval.unwrap_or((line.ratio, line.ratio));
        [lo, line.ratio, hi]
    });
    // Include 1 in the axis, as every ratio is read against it.
    let axis = (!lines.is_empty())
        .then(|| Axis::log(values.chain([1.0]), "portable kernel's rate / library's rate"));
    let axis = axis.flatten().ok_or_else(|| {
        Absent::new(TITLE, "No case was computed by a portable kernel and by a library on the same device.")
    })?;
    let mut caption =
        "Rate of the portable kernel over that of the vendor's library, on the same case and chip; right of \
                       1 the portable one is faster. Bars are 95 % intervals: of both sides where portamark \
                       measured both, otherwise of portamark's."
            .to_string();
    if more > 0 {
        caption += &format!(" {more} more are in the table.");
    }
    let labels: Vec<&str> = comparison.devices.iter().map(|device| device.label.as_str()).collect();
    let mut said: Vec<String> = lines
        .iter()
        .take(MOST_SAID)
        .map(|line| {
            let ratio = units::significant(line.ratio);
            format!("{} on {}: {ratio} of {}", clean(line.case), labels[line.device], line.reference.source())
        })
        .collect();
    if found.len() > MOST_SAID {
        said.push(format!("{} more are in the table", found.len() - MOST_SAID));
    }
    Ok(Figure::new("vendor", TITLE, caption, said.join(". "), |layout| {
        draw_lines(lines, &axis, &labels, layout)
    }))
}

fn draw_lines(lines: &[AgainstVendor], axis: &Axis, labels: &[&str], layout: Layout) -> Drawing {
    let width = layout.width();
    let mut devices: Vec<usize> = lines.iter().map(|line| line.device).collect();
    devices.sort_unstable();
    devices.dedup();
    let several = devices.len() > 1;
    let legend: Vec<Name> =
        devices.iter().map(|device| Name::of_device(mark(*device), labels[*device], several)).collect();
    let name = |line: &AgainstVendor| {
        let text = format!("{} · {}", clean(line.case), line.reference.source());
        Name::of_device(mark(line.device), &text, several).text
    };
    let names: Vec<String> = lines.iter().map(name).collect();
    // In the narrow layout a name has its own line above its mark.
    let beside = layout == Layout::Wide;
    let room = names.iter().map(|name| text_width(name, SMALL)).fold(0.0, f64::max).min(NAMES * width);
    let (left, step) = if beside { (room + 12.0, STEP) } else { (8.0, 2.0 * STEP) };
    let value_room = text_width("0.888", SMALL) + 12.0;
    let top = legend_height(&legend, width) + 12.0;
    let bottom = top + lines.len() as f64 * step + STEP / 2.0;
    let frame = Frame { left, top, right: width - value_room, bottom };
    draw(width as u32, (bottom + Frame::BELOW).ceil() as u32, |canvas| {
        draw_legend(canvas, &legend, (0.0, 0.0), width);
        frame.draw_x(canvas, axis);
        let one = frame.x(axis.at(1.0));
        canvas.line(&[(one, frame.top), (one, frame.bottom)], Ink::Strong, 1.25);
        for (at, (line, name)) in lines.iter().zip(&names).enumerate() {
            let y = top + (at as f64 + 1.0) * step - STEP / 2.0;
            if beside {
                let text = fitted(name, SMALL, frame.left - 12.0);
                canvas.text((frame.left - 10.0, y), &text, Anchor::End, SMALL, Ink::Strong);
            } else {
                let text = fitted(name, SMALL, width);
                canvas.text((0.0, y - STEP), &text, Anchor::Start, SMALL, Ink::Strong);
            }
            draw_ratio(canvas, &frame, axis, y, line, width);
        }
    })
}

fn draw_ratio(canvas: &Canvas, frame: &Frame, axis: &Axis, y: f64, line: &AgainstVendor, width: f64) {
    let ink = Ink::Device(line.device);
    let x = frame.x(axis.at(line.ratio));
    if let Some((lo, hi)) = line.interval {
        canvas.line(&[(frame.x(axis.at(lo)), y), (frame.x(axis.at(hi)), y)], ink, 2.0);
    }
    canvas.mark((x, y), mark(line.device));
    canvas.text((width, y), &units::significant(line.ratio), Anchor::End, SMALL, Ink::Strong);
}

fn mark(device: usize) -> Mark {
    Mark { shape: Shape::Circle, inside: Inside::Full, ink: Ink::Device(device) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::against_vendor;
    use portamark_fixtures::fixture;
    use portamark_results::RunFile;

    fn chart(runs: &[RunFile]) -> Chart {
        let comparison = Comparison::new(runs);
        vendor(&comparison, &against_vendor(&comparison))
    }

    #[test]
    fn every_ratio_is_a_line_and_is_said_in_words() {
        let runs = fixture::card_and_vendor();
        let figure = chart(&runs).unwrap();
        let said = &figure.description;
        let gemm = "gemm f16.f32 m4096 n4096 k4096 nn on NVIDIA H100 80GB HBM3 · 580.82.07: 0.600 of cuBLAS (nvbench";
        assert!(said.contains(gemm), "{said}");
        assert!(figure.inline().contains("0.600"));
    }

    #[test]
    fn many_lines_are_cut_with_a_word_and_none_is_a_sentence() {
        let keys: Vec<String> = (1..=70).map(|n| format!("gemm f32 m{n} n8 k8 nn")).collect();
        let own = keys.iter().map(|key| fixture::ok_row(key, 1e-3)).collect();
        let vendors = keys.iter().map(|key| fixture::imported_row(key, 1e-3)).collect();
        let mut runs = vec![
            fixture::file(fixture::h100_header(), own),
            fixture::file(fixture::imported_header(), vendors),
        ];
        let figure = chart(&runs).unwrap();
        assert!(figure.caption.ends_with("10 more are in the table."), "{}", figure.caption);
        runs.remove(0);
        assert!(chart(&runs).is_err());
    }
}
