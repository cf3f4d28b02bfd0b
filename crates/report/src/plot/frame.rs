//! Plot area with its axes, and names of series, which are beside their lines or in a legend.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Point, fitted, text_width};
use super::letter::letter;
use super::style::{Ink, Mark, SMALL, TEXT};

/// Distance between two lines of text, in CSS pixels.
pub const LINE: f64 = 18.0;

/// Room for a mark before its text, in CSS pixels.
const AFTER_MARK: f64 = 12.0;

/// Screen size for which a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Desktop or paper: names are beside the lines.
    Wide,
    /// Phone: names are in a legend above the plot area.
    Narrow,
}

impl Layout {
    /// Returns the width of the drawing in CSS pixels.
    pub fn width(self) -> f64 {
        match self {
            Layout::Wide => 860.0,
            Layout::Narrow => 358.0,
        }
    }

    /// Returns the height of the plot area in CSS pixels.
    pub fn plot_height(self) -> f64 {
        match self {
            Layout::Wide => 360.0,
            Layout::Narrow => 270.0,
        }
    }
}

/// Name of a series or device, with its mark.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// Appearance of its points; `None` if it has no points.
    pub mark: Option<Mark>,
    /// Text of the name.
    pub text: String,
}

impl Name {
    fn width(&self) -> f64 {
        self.mark.map_or(0.0, |_| AFTER_MARK) + text_width(&self.text, TEXT)
    }

    /// Creates the name of a device, or of a series of a device. If a chart has several devices, the name
    /// starts with the letter of the device, because not everyone can tell all colours apart.
    pub fn of_device(mark: Mark, text: &str, several: bool) -> Self {
        let text = match mark.ink {
            Ink::Device(index) if several => format!("{}  {text}", letter(index)),
            _ => text.to_string(),
        };
        Name { mark: Some(mark), text }
    }

    /// Draws the name with its left end at (`x`, `y`), no wider than `room`.
    pub fn draw(&self, canvas: &Canvas, (x, y): Point, room: f64) {
        let mut start = x;
        if let Some(mark) = self.mark {
            canvas.mark((x + 4.0, y), mark);
            start += AFTER_MARK;
        }
        let text = fitted(&self.text, TEXT, room - (start - x));
        canvas.text((start, y), &text, Anchor::Start, TEXT, Ink::Strong);
    }
}

/// Edges of the plot area, in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// x coordinate of the left edge.
    pub left: f64,
    /// y coordinate of the upper edge.
    pub top: f64,
    /// x coordinate of the right edge.
    pub right: f64,
    /// y coordinate of the lower edge.
    pub bottom: f64,
}

impl Frame {
    /// Returns the point at which the values (`x`, `y`) lie.
    pub fn at(&self, x_axis: &Axis, y_axis: &Axis, (x, y): Point) -> Point {
        (self.x(x_axis.at(x)), self.y(y_axis.at(y)))
    }

    /// Returns the x coordinate at the fraction `part` of the width, from the left.
    pub fn x(&self, part: f64) -> f64 {
        self.left + part * (self.right - self.left)
    }

    /// Returns the y coordinate at the fraction `part` of the height, from the bottom.
    pub fn y(&self, part: f64) -> f64 {
        self.bottom - part * (self.bottom - self.top)
    }

    /// Returns the room to the left that the tick labels of `axis` need.
    pub fn label_room(axis: &Axis) -> f64 {
        axis.ticks.iter().map(|tick| text_width(&tick.label, SMALL)).fold(0.0, f64::max) + 10.0
    }

    /// Room below the plot area for the labels and title of the horizontal axis.
    pub const BELOW: f64 = 48.0;

    /// Draws the horizontal axis with vertical grid lines. Labels that would touch are left out.
    pub fn draw_x(&self, canvas: &Canvas, axis: &Axis) {
        let mut free_from = f64::NEG_INFINITY;
        for tick in &axis.ticks {
            let x = self.x(axis.at(tick.value));
            let half = text_width(&tick.label, SMALL) / 2.0;
            if x - half < free_from {
                continue;
            }
            free_from = x + half + 8.0;
            canvas.line(&[(x, self.top), (x, self.bottom)], Ink::Grid, 1.0);
            // Keep the last label from being cut off at the right edge of the drawing.
            let middle = x.min(canvas.width() - half);
            canvas.text((middle, self.bottom + 14.0), &tick.label, Anchor::Middle, SMALL, Ink::Muted);
        }
        canvas.line(&[(self.left, self.bottom), (self.right, self.bottom)], Ink::Muted, 1.0);
        let middle = (self.left + self.right) / 2.0;
        canvas.text((middle, self.bottom + 36.0), &axis.title, Anchor::Middle, TEXT, Ink::Muted);
    }

    /// Draws the vertical axis with horizontal grid lines, and its title above it, not rotated.
    pub fn draw_y(&self, canvas: &Canvas, axis: &Axis, title_left: f64) {
        let mut free_below = f64::INFINITY;
        for tick in &axis.ticks {
            let y = self.y(axis.at(tick.value));
            if y > free_below {
                continue;
            }
            free_below = y - SMALL - 4.0;
            canvas.line(&[(self.left, y), (self.right, y)], Ink::Grid, 1.0);
            canvas.text((self.left - 8.0, y), &tick.label, Anchor::End, SMALL, Ink::Muted);
        }
        canvas.text((title_left, self.top - 16.0), &axis.title, Anchor::Start, TEXT, Ink::Muted);
    }
}

/// Returns the width of the widest of `names`.
pub fn widest(names: &[Name]) -> f64 {
    names.iter().map(Name::width).fold(0.0, f64::max)
}

/// Places `names` in lines of `width`. Returns their positions relative to the upper left corner, and the
/// height of all lines.
fn flow(names: &[Name], width: f64) -> (Vec<Point>, f64) {
    const BETWEEN: f64 = 18.0;
    let (mut x, mut y) = (0.0, 0.0);
    let mut places = Vec::with_capacity(names.len());
    for name in names {
        if x > 0.0 && x + name.width() > width {
            (x, y) = (0.0, y + LINE);
        }
        places.push((x, y));
        x += name.width() + BETWEEN;
    }
    (places, if names.is_empty() { 0.0 } else { y + LINE })
}

/// Returns the height of a legend of `names` in lines of `width`.
pub fn legend_height(names: &[Name], width: f64) -> f64 {
    flow(names, width).1
}

/// Draws names side by side in as many lines as they need, starting at `corner`.
pub fn draw_legend(canvas: &Canvas, names: &[Name], corner: Point, width: f64) {
    for (name, (x, y)) in names.iter().zip(flow(names, width).0) {
        name.draw(canvas, (corner.0 + x, corner.1 + y + LINE / 2.0), width - x);
    }
}

/// Moves the heights in `wanted` as little as needed so that they are `gap` apart and between `lo` and `hi`,
/// and keeps their order. If there is too little room, the lowest ones are placed below `hi`.
pub fn spread(wanted: &[f64], gap: f64, lo: f64, hi: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    // Clusters of touching labels, each centred on the mean of the heights that its members want.
    let mut clusters: Vec<(f64, usize)> = Vec::new();
    let span = |count: usize| gap * (count as f64 - 1.0);
    let top = |(mean, count): (f64, usize)| (mean - span(count) / 2.0).min(hi - span(count)).max(lo);
    for &i in &order {
        let mut cluster = (wanted[i], 1);
        while let Some(&above) = clusters.last() {
            if top(above) + span(above.1) + gap <= top(cluster) {
                break;
            }
            let count = above.1 + cluster.1;
            let mean = (above.0 * above.1 as f64 + cluster.0 * cluster.1 as f64) / count as f64;
            cluster = (mean, count);
            clusters.pop();
        }
        clusters.push(cluster);
    }
    let heights = clusters.iter().flat_map(|c| (0..c.1).map(move |i| top(*c) + gap * i as f64));
    let mut placed = vec![0.0; wanted.len()];
    for (i, y) in order.into_iter().zip(heights) {
        placed[i] = y;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::style::{Inside, Shape};

    #[test]
    fn labels_that_have_room_stay_where_they_belong() {
        assert_eq!(spread(&[50.0, 10.0, 90.0], 16.0, 0.0, 100.0), [50.0, 10.0, 90.0]);
        assert_eq!(spread(&[], 16.0, 0.0, 100.0), [0.0; 0]);
    }

    #[test]
    fn labels_that_touch_part_evenly_and_stay_within_the_ends() {
        // Two at 50 move to 42 and 58, three at 2 to 0, 16 and 32, and two at 100 to 84 and 100.
        assert_eq!(spread(&[50.0, 50.0], 16.0, 0.0, 100.0), [42.0, 58.0]);
        assert_eq!(spread(&[2.0, 2.0, 2.0], 16.0, 0.0, 100.0), [0.0, 16.0, 32.0]);
        assert_eq!(spread(&[100.0, 99.0], 16.0, 0.0, 100.0), [100.0, 84.0]);
        // The pair at 40 would be 32 and 48; with the one at 50 the mean is 130/3.
        let third = 130.0 / 3.0;
        assert_eq!(spread(&[40.0, 40.0, 50.0], 16.0, 0.0, 100.0), [third - 16.0, third, third + 16.0]);
    }

    #[test]
    fn too_many_labels_leave_the_room_downwards() {
        assert_eq!(spread(&[0.0, 0.0, 0.0], 16.0, 0.0, 20.0), [0.0, 16.0, 32.0]);
    }

    #[test]
    fn a_device_among_several_has_its_letter() {
        let mark = |ink: Ink| Mark { shape: Shape::Circle, inside: Inside::Full, ink };
        assert_eq!(Name::of_device(mark(Ink::Device(2)), "f32", true).text, "C  f32");
        assert_eq!(Name::of_device(mark(Ink::Device(2)), "f32", false).text, "f32");
        assert_eq!(Name::of_device(mark(Ink::Muted), "f32", true).text, "f32");
    }

    #[test]
    fn a_legend_breaks_into_lines() {
        let name = |text: &str| Name { mark: None, text: text.into() };
        let names = [name("aaaaaaaaaa"), name("bbbbbbbbbb"), name("cccccccccc")];
        // Ten letters at 0.64 of 13 px are 83.2 px; two and the gap are 184.4 px.
        assert_eq!(legend_height(&names, 190.0), 2.0 * LINE);
        let places = flow(&names, 190.0).0;
        assert_eq!((places[0], places[2]), ((0.0, 0.0), (0.0, LINE)));
        assert!((places[1].0 - 101.2).abs() < 1e-9 && places[1].1 == 0.0);
        assert_eq!(legend_height(&[], 180.0), 0.0);
    }
}
