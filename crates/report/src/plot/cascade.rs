//! Cascade plot: efficiencies of each program in descending order, and its performance portability score.
//!
//! J. Sewall and others, "Interpreting and Visualizing Performance Portability Metrics", P3HPC 2020,
//! doi:10.1109/P3HPC51967.2020.00007, with the cumulative score of the University of Bristol. Here a
//! program is a family of kernels.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawing, Point, draw, text_width};
use super::figure::{Absent, Chart, Figure};
use super::frame::{Frame, Layout, Name, draw_legend, legend_height};
use super::letter::letter;
use super::style::{Ink, Inside, Mark, SMALL, Shape, TEXT};
use portamark_analysis::{Cell, Study};
use portamark_model::units;
use portamark_stats::Cascade;

const TITLE: &str = "Cascade of efficiencies";

/// Marks of programs. They differ in shape and fill, not in colour, because colours stand for devices.
const MARKS: [(Shape, Inside); 8] = [
    (Shape::Circle, Inside::Full),
    (Shape::Square, Inside::Hollow),
    (Shape::Triangle, Inside::Full),
    (Shape::Diamond, Inside::Hollow),
    (Shape::Square, Inside::Full),
    (Shape::Circle, Inside::Hollow),
    (Shape::Diamond, Inside::Full),
    (Shape::Triangle, Inside::Hollow),
];

/// Height of a row of boxes, in CSS pixels.
const ROW: f64 = 21.0;

/// Maximum number of devices that the chart names; with more, only the table names them.
const MOST_NAMES: usize = 30;

/// One program, i.e. a family of kernels.
struct Program {
    name: String,
    mark: Mark,
    cascade: Cascade,
    /// Performance portability; `None` if an efficiency is unknown.
    pp: Option<f64>,
    devices: usize,
}

/// Returns the mark of program `number`, which is the same in every chart of programs.
pub fn program_mark(number: usize) -> Mark {
    let (shape, inside) = MARKS[number % MARKS.len()];
    Mark { shape, inside, ink: if number < MARKS.len() { Ink::Strong } else { Ink::Muted } }
}

/// Draws the chart of a study of at least two devices.
pub fn cascade(study: &Study) -> Chart {
    if study.devices.len() < 2 {
        return Err(Absent::new(TITLE, "Portability needs at least two devices."));
    }
    let program = |(number, family): (usize, &portamark_analysis::FamilyScore)| {
        let efficiencies: Vec<Option<f64>> = family.cells.iter().map(Cell::value).collect();
        let cascade = Cascade::new(&efficiencies)?;
        Some(Program {
            name: family.family.into(),
            mark: program_mark(number),
            cascade,
            pp: family.score.pp,
            devices: study.devices.len(),
        })
    };
    let programs: Vec<Program> = study.families.iter().enumerate().filter_map(program).collect();
    let y = Axis::shares(0.0, 1.1, "efficiency");
    let (Some(y), false) = (y, programs.iter().all(|program| program.cascade.order.is_empty())) else {
        return Err(Absent::new(TITLE, "No family of kernels has an efficiency on a device."));
    };
    let caption = format!(
        "Left: the {} of each family on its devices, best first; a line that ends early, and whose dashed score \
         falls to 0, has devices that do not support every case. Dashed: the score over the devices so far. Below: \
         the device. Right: the score PP over all {} devices.",
        study.efficiency.words(),
        study.devices.len()
    );
    let told = programs.iter().map(|program| {
        let each = program.cascade.order.iter().zip(&program.cascade.efficiencies);
        let each: Vec<String> =
            each.map(|(place, e)| format!("{} {}", study.devices[*place], units::percent(*e))).collect();
        let each = if each.is_empty() { "no device".into() } else { each.join(", ") };
        format!("{}: PP {}; {each}", program.name, score(program.pp))
    });
    let description = told.collect::<Vec<_>>().join(". ");
    Ok(Figure::new("cascade", TITLE, caption, description, |layout| {
        draw_cascade(study, &programs, &y, layout)
    }))
}

/// Formats a score; `None` is `unknown`.
fn score(pp: Option<f64>) -> String {
    pp.map_or("unknown".into(), |pp| if pp == 0.0 { "0".into() } else { format!("{pp:.2}") })
}

fn draw_cascade(study: &Study, programs: &[Program], y: &Axis, layout: Layout) -> Drawing {
    let width = layout.width();
    let names: Vec<Name> = programs
        .iter()
        .map(|program| Name {
            mark: Some(program.mark),
            text: format!("{} · PP {}", program.name, score(program.pp)),
        })
        .collect();
    let named = if study.devices.len() > MOST_NAMES { 0 } else { study.devices.len() };
    let devices: Vec<Name> = study
        .devices
        .iter()
        .zip(&study.places)
        .take(named)
        .map(|(label, place)| {
            let mark = Mark { shape: Shape::Square, inside: Inside::Full, ink: Ink::Device(*place) };
            Name::of_device(mark, label, true)
        })
        .collect();
    let top = legend_height(&names, width) + 40.0;
    let left = Frame::label_room(y);
    let split = left + (width - left) * if layout == Layout::Wide { 0.68 } else { 0.62 };
    let height = if layout == Layout::Wide { 270.0 } else { 210.0 };
    let frame = Frame { left, top, right: split, bottom: top + height };
    let bars = Frame { left: split + 14.0, right: width - 2.0, ..frame };
    let rows = frame.bottom + 8.0;
    let below = rows + ROW * programs.len() as f64 + 30.0;
    draw(width as u32, (below + legend_height(&devices, width)).ceil() as u32, |canvas| {
        draw_legend(canvas, &names, (0.0, 0.0), width);
        frame.draw_y(canvas, y, 0.0);
        for tick in &y.ticks {
            let at = bars.y(y.at(tick.value));
            canvas.line(&[(bars.left, at), (bars.right, at)], Ink::Grid, 1.0);
        }
        canvas.text((bars.left, frame.top - 16.0), "PP", Anchor::Start, TEXT, Ink::Muted);
        canvas.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], Ink::Muted, 1.0);
        canvas.line(&[(bars.left, frame.bottom), (bars.right, frame.bottom)], Ink::Muted, 1.0);
        for program in programs {
            program.draw_lines(canvas, &frame, y);
        }
        draw_bars(canvas, &bars, y, programs);
        for (row, program) in programs.iter().enumerate() {
            program.draw_boxes(canvas, &frame, rows + ROW * row as f64, study);
        }
        let title = "devices of each family, the best first";
        let middle = (frame.left + frame.right) / 2.0;
        canvas.text((middle, below - 18.0), title, Anchor::Middle, SMALL, Ink::Muted);
        draw_legend(canvas, &devices, (0.0, below), width);
    })
}

impl Program {
    /// Returns the x coordinate of column `number`, counted from 1; 0 and |H| + 1 are the edges.
    fn x(&self, frame: &Frame, number: f64) -> f64 {
        frame.x(number / (self.devices as f64 + 1.0))
    }

    /// Draws the efficiencies as a solid line, and the cumulative score as a dashed one, which falls to 0
    /// where support ends.
    fn draw_lines(&self, canvas: &Canvas, frame: &Frame, y: &Axis) {
        let place = |(number, e): (usize, &f64)| (self.x(frame, number as f64 + 1.0), frame.y(y.at(*e)));
        let points: Vec<Point> = self.cascade.efficiencies.iter().enumerate().map(place).collect();
        let mut scores: Vec<Point> = self.cascade.cumulative.iter().enumerate().map(place).collect();
        if let Some(last) = scores.last().copied().filter(|_| scores.len() < self.devices) {
            scores.push((last.0 + (self.x(frame, 1.0) - frame.left) * 0.5, frame.bottom));
        }
        for pair in scores.windows(2) {
            canvas.dashed(pair[0], pair[1], Ink::Muted, 1.25);
        }
        canvas.line(&points, self.mark.ink, 1.5);
        for point in points {
            canvas.mark(point, self.mark);
        }
    }

    /// Draws a box for each device in the order of the line, with the colour and letter of the device.
    fn draw_boxes(&self, canvas: &Canvas, frame: &Frame, top: f64, study: &Study) {
        let middle = top + ROW / 2.0;
        let half = (self.x(frame, 1.0) - frame.left) / 2.0;
        canvas.line(&[(frame.left, middle), (frame.right, middle)], Ink::Grid, 1.25);
        canvas.mark((frame.left + 5.0, middle), self.mark);
        for (number, place) in self.cascade.order.iter().enumerate() {
            let x = self.x(frame, number as f64 + 1.0);
            canvas.bar((x - half + 1.0, top + 1.0), (x + half - 1.0, top + ROW - 1.0), Ink::Ground);
            let device = study.places[*place];
            let ink = Ink::Device(device);
            canvas.bar((x - half + 1.0, top + ROW - 6.0), (x + half - 1.0, top + ROW - 2.0), ink);
            let text = letter(device);
            if text_width(&text, SMALL) < 2.0 * half {
                canvas.text((x, top + 7.5), &text, Anchor::Middle, SMALL, Ink::Strong);
            }
        }
    }
}

/// Draws a bar with the score of each program above its mark.
fn draw_bars(canvas: &Canvas, frame: &Frame, y: &Axis, programs: &[Program]) {
    let each = (frame.right - frame.left) / programs.len().max(1) as f64;
    let half = (each * 0.36).min(16.0);
    for (number, program) in programs.iter().enumerate() {
        let x = frame.left + each * (number as f64 + 0.5);
        canvas.mark((x, frame.bottom + 8.0 + ROW / 2.0), program.mark);
        let top = frame.y(y.at(program.pp.unwrap_or(0.0)));
        if program.pp.is_some_and(|pp| pp > 0.0) {
            canvas.bar((x - half, top), (x + half, frame.bottom), Ink::Heat(0));
            let outline =
                [(x - half, frame.bottom), (x - half, top), (x + half, top), (x + half, frame.bottom)];
            canvas.line(&outline, program.mark.ink, 1.5);
        }
        let text = if program.pp.is_none() { "n/a".into() } else { score(program.pp) };
        // A score that does not fit is still in the legend.
        if text_width(&text, SMALL) <= each + 2.0 {
            canvas.text((x, top - 10.0), &text, Anchor::Middle, SMALL, Ink::Strong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::{Comparison, Efficiency, StudyOptions};
    use portamark_fixtures::fixture;
    use portamark_model::kernel_text::NoTexts;

    fn study(devices: usize) -> Study {
        let runs = fixture::three_devices();
        let options = StudyOptions {
            efficiency: Efficiency::Architectural,
            devices: (0..devices).collect(),
            bootstrap: None,
            most_texts: 0,
        };
        Study::new(&Comparison::new(&runs), &options, &NoTexts)
    }

    #[test]
    fn each_family_falls_over_its_devices_and_has_its_score() {
        let figure = cascade(&study(3)).unwrap();
        let said = &figure.description;
        assert!(
            said.contains("stream: PP 0.9") && said.contains("attention: PP 0; llvmpipe · Mesa 25.0.7"),
            "{said}"
        );
        assert!(figure.caption.contains("over all 3 devices"), "{}", figure.caption);
    }

    #[test]
    fn one_device_is_no_cascade() {
        assert!(cascade(&study(1)).unwrap_err().why.contains("two devices"));
    }
}
