//! Forest plot of the ratio of times of two sides, with its interval, for each case.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawing, draw, fitted, text_width};
use super::figure::{Absent, Chart, Figure};
use super::frame::{Frame, Layout, Name, draw_legend, legend_height};
use super::style::{Ink, Inside, Mark, SMALL, Shape};
use portamark_analysis::{CaseVerdict, Comparison, Sides, clean};
use portamark_model::units;
use portamark_stats::MedianRatio;

const TITLE: &str = "Ratio of times";

/// Maximum number of cases shown: those whose ratios are furthest from 1.
const MOST: usize = 40;

/// Ratio and verdict of one case.
struct RatioLine {
    case: String,
    ratio: MedianRatio,
    word: &'static str,
}

/// Draws the chart of two sides, with the cases whose ratios are furthest from 1.
pub fn ratios(comparison: &Comparison, sides: Option<&Sides>) -> Chart {
    let Some(Sides { reference, new, verdicts, rule, .. }) = sides else {
        let why = "It needs two sides of one run, or two devices, with samples of the same cases.";
        return Err(Absent::new(TITLE, why));
    };
    let (reference, new) = (*reference, *new);
    let line = |verdict: &CaseVerdict| {
        let ratio = verdict.judgement.ratio?;
        let usable = [ratio.lo, ratio.interval.estimate, ratio.hi].iter().all(|r| r.is_finite() && *r > 0.0);
        let case = match &verdict.variant {
            Some(variant) => format!("{} by {variant}", verdict.case),
            None => verdict.case.clone(),
        };
        usable.then(|| RatioLine { case: clean(&case), ratio, word: verdict.judgement.verdict.word() })
    };
    let mut lines: Vec<RatioLine> = verdicts.iter().filter_map(line).collect();
    let all = lines.len();
    let distance = |line: &RatioLine| line.ratio.interval.estimate.ln().abs();
    lines.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    lines.truncate(MOST);
    lines.sort_by(|a, b| a.ratio.interval.estimate.total_cmp(&b.ratio.interval.estimate));
    let ends = lines.iter().flat_map(|line| [line.ratio.lo, line.ratio.interval.estimate, line.ratio.hi]);
    let labels = [reference, new].map(|device| comparison.devices[device].label.as_str());
    let axis = Axis::log(ends.chain([0.97, 1.03]), "time of the second relative to the first");
    let Some(axis) = axis.filter(|_| !lines.is_empty()) else {
        return Err(Absent::new(TITLE, "No case has samples on both sides."));
    };
    let level = lines.first().map_or(0.95, |line| line.ratio.interval.bootstrap.level);
    let mut caption = format!(
        "Below 1 {} is faster than {}. Bars are the {} % intervals of each individual case; the band is the margin of {} %. A verdict needs \
         {} processes on each side.",
        labels[1],
        labels[0],
        (1e4 * level).round() / 100.0,
        (1e4 * rule.margin).round() / 100.0,
        rule.min_processes
    );
    if all > MOST {
        caption += &format!(" Of {all} cases the {MOST} furthest from 1 are shown.");
    }
    let told = lines.iter().map(|line| {
        let ratio = line.ratio.interval.estimate;
        let (lo, hi) = (units::significant(line.ratio.lo), units::significant(line.ratio.hi));
        format!("{}: {} ({lo} to {hi}), {}", line.case, units::significant(ratio), line.word)
    });
    let title = format!("{TITLE}: {} over {}", labels[1], labels[0]);
    let description = told.collect::<Vec<_>>().join(". ");
    let margin = rule.margin;
    Ok(Figure::new("ratios", &title, caption, description, |layout| {
        let sides = [(labels[0], reference), (labels[1], new)];
        draw_lines(&lines, &axis, sides, margin, layout)
    }))
}

fn draw_lines(
    lines: &[RatioLine],
    axis: &Axis,
    sides: [(&str, usize); 2],
    margin: f64,
    layout: Layout,
) -> Drawing {
    let width = layout.width();
    let names: Vec<Name> = sides
        .iter()
        .map(|(label, device)| Name { mark: Some(mark(*device)), text: format!("{label} faster") })
        .collect();
    let wide = layout == Layout::Wide;
    let longest = lines.iter().map(|line| text_width(&line.case, SMALL)).fold(0.0, f64::max);
    // In the narrow layout the case is above its line.
    let (left, right, step) =
        if wide { ((longest + 14.0).min(330.0), width - 150.0, 19.0) } else { (8.0, width - 8.0, 34.0) };
    let top = legend_height(&names, width) + 14.0;
    let frame = Frame { left, top, right, bottom: top + step * lines.len() as f64 + 8.0 };
    draw(width as u32, (frame.bottom + Frame::BELOW).ceil() as u32, |canvas| {
        draw_legend(canvas, &names, (0.0, 0.0), width);
        let x = |ratio: f64| frame.x(axis.at(ratio));
        canvas.bar((x(1.0 / (1.0 + margin)), frame.top), (x(1.0 + margin), frame.bottom), Ink::Heat(0));
        frame.draw_x(canvas, axis);
        canvas.line(&[(x(1.0), frame.top), (x(1.0), frame.bottom)], Ink::Strong, 1.25);
        for (place, line) in lines.iter().enumerate() {
            let middle = frame.top + 4.0 + step * (place as f64 + if wide { 0.5 } else { 0.72 });
            let faster = usize::from(line.ratio.interval.estimate < 1.0);
            draw_interval(
                canvas,
                [line.ratio.lo, line.ratio.interval.estimate, line.ratio.hi].map(x),
                middle,
                sides[faster].1,
            );
            let ratio = units::significant(line.ratio.interval.estimate);
            if wide {
                let case = fitted(&line.case, SMALL, left - 14.0);
                canvas.text((left - 10.0, middle), &case, Anchor::End, SMALL, Ink::Strong);
                let told = format!("{ratio}  {}", line.word);
                canvas.text((right + 10.0, middle), &told, Anchor::Start, SMALL, Ink::Muted);
            } else {
                let told = fitted(&format!("{}: {ratio} {}", line.case, line.word), SMALL, width - 16.0);
                canvas.text((left, middle - 16.0), &told, Anchor::Start, SMALL, Ink::Strong);
            }
        }
    })
}

fn draw_interval(canvas: &Canvas, [lo, estimate, hi]: [f64; 3], y: f64, device: usize) {
    canvas.line(&[(lo, y), (hi, y)], Ink::Device(device), 1.75);
    for end in [lo, hi] {
        canvas.line(&[(end, y - 3.5), (end, y + 3.5)], Ink::Device(device), 1.25);
    }
    canvas.mark((estimate, y), mark(device));
}

fn mark(device: usize) -> Mark {
    Mark { shape: Shape::Diamond, inside: Inside::Full, ink: Ink::Device(device) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_results::{AbSide, RunFile};

    const KEY: &str = "gemm f32 m64 n64 k64 nn";

    fn chart(runs: &[RunFile]) -> Chart {
        let comparison = Comparison::new(runs);
        ratios(&comparison, Sides::of(&comparison).as_ref())
    }

    fn file(side: &str, seconds: f64) -> RunFile {
        let row = |repeat: u32| {
            let mut row = fixture::ok_row(KEY, seconds).but(|it| it.repeat = repeat);
            let timing = row.timing.as_mut().unwrap();
            let batch = |place: u32| seconds * (1.0 + 1e-4 * f64::from(place % 7)) * f64::from(timing.k);
            timing.device_ns = (0..30).map(|place| (1e9 * batch(place)) as u64).collect();
            timing.host_ns = timing.device_ns.clone();
            row
        };
        let mut header = fixture::h100_header();
        header.ab = Some(AbSide::new(side, format!("side {side}")));
        fixture::file(header, (1..=5).map(row).collect())
    }

    #[test]
    fn two_sides_of_one_run_have_a_ratio_for_each_case() {
        let runs = [file("B", 1.1e-3), file("A", 1e-3), fixture::two_devices().remove(1)];
        let figure = chart(&runs).unwrap();
        assert_eq!(figure.description, format!("{KEY}: 1.10 (1.10 to 1.10), slower"));
        assert!(figure.title.contains("B side B over") && figure.caption.contains("95 %"));
    }

    #[test]
    fn three_devices_without_sides_and_rows_without_samples_have_none() {
        let runs = fixture::three_devices();
        assert!(chart(&runs).unwrap_err().why.contains("two sides"));
        let runs = fixture::two_devices();
        assert!(chart(&runs).unwrap_err().why.contains("samples of the same cases"));
    }
}
