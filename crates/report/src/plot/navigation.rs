//! Navigation chart: performance portability over code convergence.
//!
//! S. J. Pennycook and others, "Navigating Performance, Portability, and Productivity", Computing in
//! Science & Engineering 23(5), 2021, doi:10.1109/MCSE.2021.3097276.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawing, Point, draw};
use super::cascade::program_mark;
use super::figure::{Absent, Chart, Figure};
use super::frame::{Frame, LINE, Layout, Name, draw_legend, legend_height, spread};
use super::style::{Ink, Mark, SMALL};
use portamark_analysis::Study;

const TITLE: &str = "Portability and code convergence";

/// Least distance between two marks, in CSS pixels; closer ones are drawn side by side.
const APART: f64 = 10.0;

/// A family of kernels and its position in the chart.
struct Place {
    name: String,
    mark: Mark,
    convergence: f64,
    pp: f64,
}

/// Draws the chart of a study of at least two devices, with one mark for each family whose kernel sources are
/// known.
pub fn navigation(study: &Study) -> Chart {
    if study.devices.len() < 2 {
        return Err(Absent::new(TITLE, "Portability needs at least two devices."));
    }
    let place = |(number, family): (usize, &portamark_analysis::FamilyScore)| {
        let convergence = family.convergence.as_ref()?.convergence;
        let (name, mark) = (family.family.into(), program_mark(number));
        Some(Place { name, mark, convergence, pp: family.score.pp? })
    };
    let places: Vec<Place> = study.families.iter().enumerate().filter_map(place).collect();
    if places.is_empty() {
        let why = study.families.iter().find_map(|family| family.no_convergence.clone());
        let why = why.unwrap_or_else(|| "no family has a score".into());
        return Err(Absent::new(TITLE, &format!("The kernel sources that ran are not known: {why}.")));
    }
    let axis = |title: &str| Axis::shares(-0.06, 1.06, title);
    let (Some(x), Some(y)) = (axis("code convergence 1 − CD"), axis("performance portability PP")) else {
        return Err(Absent::new(TITLE, "The values of its axes are not usable numbers."));
    };
    let missing = study.families.len() - places.len();
    let mut caption = String::from(
        "To the right, devices run more of the same lines of kernel source, after the choice of the variant; upwards, they \
         reach a higher efficiency. In the band at the bottom a device does not support every case.",
    );
    if missing > 0 {
        caption += &format!(
            " {missing} more {} no known kernel source or score.",
            if missing == 1 { "family has" } else { "families have" }
        );
    }
    let told = places
        .iter()
        .map(|place| format!("{}: convergence {:.2}, PP {:.2}", place.name, place.convergence, place.pp));
    let description = told.collect::<Vec<_>>().join(". ");
    Ok(Figure::new("navigation", TITLE, caption, description, |layout| {
        draw_places(&places, (&x, &y), layout)
    }))
}

fn draw_places(places: &[Place], (x, y): (&Axis, &Axis), layout: Layout) -> Drawing {
    let width = layout.width();
    let narrow = layout == Layout::Narrow;
    let name =
        |place: &Place| Name { mark: Some(place.mark), text: format!("{} {:.2}", place.name, place.pp) };
    // In the narrow layout the names are above the plot area, as there is no room beside the marks.
    let names: Vec<Name> = if narrow { places.iter().map(name).collect() } else { Vec::new() };
    let top = legend_height(&names, width) + 62.0;
    let left = Frame::label_room(y);
    let side = if narrow { width - left - 12.0 } else { 460.0 };
    let frame =
        Frame { left, top, right: left + side, bottom: top + if narrow { side * 0.9 } else { 380.0 } };
    draw(width as u32, (frame.bottom + Frame::BELOW).ceil() as u32, |canvas| {
        draw_legend(canvas, &names, (0.0, 0.0), width);
        let floor = frame.y(y.at(0.0));
        canvas.bar((frame.left, floor), (frame.right, frame.bottom), Ink::Alarm);
        frame.draw_x(canvas, x);
        frame.draw_y(canvas, y, 0.0);
        let middle = (frame.left + frame.right) / 2.0;
        canvas.text((middle, (floor + frame.bottom) / 2.0), "unportable", Anchor::Middle, SMALL, Ink::Strong);
        draw_directions(canvas, &frame, narrow);
        let points = apart(places, |place| frame.at(x, y, (place.convergence, place.pp)));
        if !narrow {
            let wanted: Vec<f64> = points.iter().map(|point| point.1).collect();
            let heights = spread(&wanted, LINE, frame.top + 8.0, frame.bottom - 8.0);
            for ((place, point), height) in places.iter().zip(&points).zip(heights) {
                let start = frame.right + 112.0;
                canvas.line(&[(point.0 + 6.0, point.1), (start - 6.0, height)], Ink::Grid, 1.0);
                name(place).draw(canvas, (start, height), width - start);
            }
        }
        for (place, point) in places.iter().zip(&points) {
            canvas.mark(*point, place.mark);
        }
    })
}

/// Draws what it means to move in each direction.
fn draw_directions(canvas: &Canvas, frame: &Frame, narrow: bool) {
    let y = frame.top - 34.0;
    let muted = |at: Point, text: &str, anchor: Anchor| canvas.text(at, text, anchor, SMALL, Ink::Muted);
    muted((frame.left, y), "← specialisation", Anchor::Start);
    muted((frame.right, y), "abstraction →", Anchor::End);
    if !narrow {
        let x = frame.right + 8.0;
        muted((x, frame.top + 6.0), "↑ optimisation", Anchor::Start);
        muted((x, frame.bottom + 14.0), "↓ regression", Anchor::Start);
    }
}

/// Returns the position of each mark. Marks that would cover an earlier one are moved to its right.
fn apart(places: &[Place], at: impl Fn(&Place) -> Point) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::with_capacity(places.len());
    for place in places {
        let mut point = at(place);
        while points.iter().any(|other| (other.0 - point.0).hypot(other.1 - point.1) < APART - 1e-9) {
            point.0 += APART;
        }
        points.push(point);
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::{Cell, Convergence, Efficiency, FamilyScore, Score};

    fn family(name: &'static str, pp: Option<f64>, convergence: Option<f64>) -> FamilyScore {
        let score = Score {
            pp,
            interval: None,
            supported_pp: pp,
            mean: pp,
            least: pp,
            deviation: None,
            supported: 2,
            devices: 2,
            unknown: 0,
            above_one: 0,
        };
        let known = |convergence| Convergence { convergence, devices: 2, lines: vec![10, 10], all: 10 };
        FamilyScore {
            family: name,
            cases: 1,
            untried: 0,
            cells: vec![Cell::Efficiency { value: 0.5 }; 2],
            score,
            common: 1,
            common_score: None,
            convergence: convergence.map(known),
            no_convergence: convergence.is_none().then(|| "another version".into()),
            coverage: Vec::new(),
        }
    }

    fn study(families: Vec<FamilyScore>) -> Study {
        Study {
            efficiency: Efficiency::Architectural,
            devices: vec!["a".into(), "b".into()],
            places: vec![0, 1],
            bootstrap: None,
            families,
            cases: Vec::new(),
            not_counted: Vec::new(),
            left_out: 0,
        }
    }

    #[test]
    fn each_family_has_its_place_and_those_without_text_are_counted() {
        let families = vec![
            family("stream", Some(0.8), Some(1.0)),
            family("gemm", Some(0.0), Some(0.45)),
            family("gemv", Some(0.5), None),
        ];
        let figure = navigation(&study(families)).unwrap();
        assert_eq!(figure.description, "stream: convergence 1.00, PP 0.80. gemm: convergence 0.45, PP 0.00");
        assert!(figure.caption.ends_with("1 more family has no known kernel source or score."));
        let absent = navigation(&study(vec![family("gemv", Some(0.5), None)])).unwrap_err();
        assert!(absent.why.contains("another version"), "{}", absent.why);
    }

    #[test]
    fn marks_on_one_place_lie_side_by_side() {
        let place = |pp: f64| Place { name: String::new(), mark: program_mark(0), convergence: 1.0, pp };
        let places = [place(1.0), place(1.0), place(1.0), place(0.0)];
        let points = apart(&places, |place| (100.0, 100.0 * place.pp));
        assert_eq!(points, [(100.0, 100.0), (110.0, 100.0), (120.0, 100.0), (100.0, 0.0)]);
    }
}
