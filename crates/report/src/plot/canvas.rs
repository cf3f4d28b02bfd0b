//! Drawing with plotters in CSS pixels, and the resulting SVG text.

use super::style::{self, FAMILY, Ink, Inside, Mark, SMALL, Shape, TEXT};
use plotters::coord::Shift;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::{
    Circle, DrawingArea, FontFamily, FontStyle, IntoDrawingArea, PathElement, Polygon, Rectangle, SVGBackend,
    ShapeStyle, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc};

/// Number of drawing units per CSS pixel; plotters places everything on whole units.
pub const SCALE: i32 = 10;

/// Factor by which plotters divides font sizes when it writes SVG.
const PLOTTERS_FONT_FACTOR: f64 = 1.24;

/// Advance of the narrowest characters over the font size.
const NARROWEST: f64 = 0.40;

/// Half the size of a mark, in CSS pixels.
const MARK_RADIUS: f64 = 4.0;

/// Point (x, y) in CSS pixels from the upper left corner.
pub type Point = (f64, f64);

/// Part of a text that is placed at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Beginning of the text.
    Start,
    /// Middle of the text.
    Middle,
    /// End of the text.
    End,
}

/// A finished drawing, without the enclosing `svg` element.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Width in CSS pixels.
    pub width: u32,
    /// Height in CSS pixels.
    pub height: u32,
    /// SVG elements of the drawing, as text.
    pub body: String,
}

/// Surface that charts draw on.
pub struct Canvas<'s> {
    area: DrawingArea<SVGBackend<'s>, Shift>,
}

/// Runs `drawing` on a canvas of `width` by `height` CSS pixels and returns the result.
pub fn draw(width: u32, height: u32, drawing: impl FnOnce(&Canvas)) -> Drawing {
    let mut svg = String::new();
    {
        let units = (width * SCALE as u32, height * SCALE as u32);
        let canvas = Canvas { area: SVGBackend::with_string(&mut svg, units).into_drawing_area() };
        drawing(&canvas);
        canvas.area.present().expect("drawing into memory does not fail");
    }
    Drawing { width, height, body: body(&svg) }
}

/// Returns the elements inside the `svg` element, in our colours and without the attributes that all of them
/// share.
fn body(svg: &str) -> String {
    let start = svg.find('>').map_or(0, |at| at + 1);
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    let mut out = svg[start..end].trim().to_owned();
    out = out.replace(&format!(" font-family=\"{FAMILY}\""), "").replace(" opacity=\"1\"", "");
    for size in [TEXT, SMALL] {
        let written = font_units(size) / PLOTTERS_FONT_FACTOR;
        out = out.replace(
            &format!("font-size=\"{written}\""),
            &format!("font-size=\"{}\"", size * f64::from(SCALE)),
        );
    }
    style::dress(&out)
}

fn font_units(size: f64) -> f64 {
    size * f64::from(SCALE) * PLOTTERS_FONT_FACTOR
}

/// Estimates the width of `text` at font size `size`, rounded up. It uses the advances of DejaVu Sans and
/// Verdana, the widest fonts that a reader may have, because no font is available where a report is made.
pub fn text_width(text: &str, size: f64) -> f64 {
    let advance = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | '.' | ',' | ':' | ';' | '|' | '·' | ' ' | '(' | ')'
        | '/' => NARROWEST,
        'm' | 'M' | 'W' | '%' | '@' => 1.0,
        'w' | '=' | '+' | '<' | '>' => 0.84,
        c if c.is_ascii_uppercase() => 0.75,
        c if c.is_ascii() => 0.64,
        '–' | '×' | '±' | 'µ' => 0.84,
        _ => 1.0,
    };
    text.chars().map(advance).sum::<f64>() * size
}

/// Shortens `text` so that it is at most `width` wide at font size `size`.
pub fn fitted(text: &str, size: f64, width: f64) -> String {
    // No more characters of the narrowest kind fit, so that a text of any length takes no longer.
    let most = ((width / (NARROWEST * size)) as usize).saturating_add(2);
    let mut limit = text.chars().count().min(most);
    let mut cut = portamark_analysis::shorten(text, limit);
    while limit > 1 && text_width(&cut, size) > width {
        limit -= 1;
        cut = portamark_analysis::shorten(text, limit);
    }
    cut
}

impl<'s> Canvas<'s> {
    /// Returns the width of the canvas in CSS pixels.
    pub fn width(&self) -> f64 {
        f64::from(self.area.dim_in_pixel().0) / f64::from(SCALE)
    }

    /// Draws a line through `points`, `width` CSS pixels thick.
    pub fn line(&self, points: &[Point], ink: Ink, width: f64) {
        let path: Vec<(i32, i32)> = points.iter().map(|p| at(*p)).collect();
        self.put(&PathElement::new(path, stroke(ink, width)));
    }

    /// Draws a dashed line from `a` to `b`, `width` CSS pixels thick.
    pub fn dashed(&self, a: Point, b: Point, ink: Ink, width: f64) {
        const DASH: f64 = 5.0;
        const GAP: f64 = 4.0;
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        if !(length.is_finite() && length > 0.0 && length < 1e4) {
            return;
        }
        let along = |d: f64| (a.0 + (b.0 - a.0) * d / length, a.1 + (b.1 - a.1) * d / length);
        let mut from = 0.0;
        while from < length {
            self.line(&[along(from), along((from + DASH).min(length))], ink, width);
            from += DASH + GAP;
        }
    }

    /// Draws a filled rectangle with the opposite corners `a` and `b`.
    pub fn bar(&self, a: Point, b: Point, ink: Ink) {
        self.put(&Rectangle::new([at(a), at(b)], ink.drawn().filled()));
    }

    /// Draws a mark centred on `point`.
    pub fn mark(&self, point: Point, mark: Mark) {
        match mark.inside {
            Inside::Full => self.shape(point, mark.shape, MARK_RADIUS, mark.ink),
            Inside::Hollow | Inside::Dotted => {
                self.shape(point, mark.shape, MARK_RADIUS, mark.ink);
                self.shape(point, mark.shape, MARK_RADIUS - 1.6, Ink::Ground);
                if mark.inside == Inside::Dotted {
                    self.put(&Circle::new(at(point), SCALE * 11 / 10, mark.ink.drawn().filled()));
                }
            }
        }
    }

    fn shape(&self, point: Point, shape: Shape, radius: f64, ink: Ink) {
        let (x, y) = point;
        let fill = ink.drawn().filled();
        let corners = match shape {
            Shape::Circle => {
                let radius = (radius * f64::from(SCALE)).round() as i32;
                return self.put(&Circle::new(at(point), radius, fill));
            }
            Shape::Square => {
                let r = radius * 0.9;
                vec![(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]
            }
            Shape::Triangle => {
                let r = radius * 1.25;
                vec![(x, y - r), (x + r * 0.95, y + r * 0.7), (x - r * 0.95, y + r * 0.7)]
            }
            Shape::Diamond => {
                let r = radius * 1.25;
                vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y)]
            }
        };
        let corners: Vec<(i32, i32)> = corners.into_iter().map(at).collect();
        self.put(&Polygon::new(corners, fill));
    }

    /// Draws a text that is vertically centred on `point`.
    pub fn text(&self, point: Point, text: &str, anchor: Anchor, size: f64, ink: Ink) {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let font = FontDesc::new(FontFamily::Name(FAMILY), font_units(size), FontStyle::Normal);
        // plotters centres text by half the height of an `x`. That is too little for capitals and digits,
        // which most labels are made of, so the text is moved down a little more.
        let style = font.color(&ink.drawn()).pos(Pos::new(horizontal, VPos::Center));
        let below = (point.0, point.1 + size * 0.09);
        self.put(&Text::new(text.to_owned(), at(below), style));
    }

    fn put<'a, E>(&self, element: &'a E)
    where
        &'a E: PointCollection<'a, (i32, i32)>,
        E: Drawable<SVGBackend<'s>>,
    {
        self.area.draw(element).expect("drawing into memory does not fail");
    }
}

/// Converts a point to whole drawing units; NaN becomes 0.
fn at(point: Point) -> (i32, i32) {
    let unit = |v: f64| (v * f64::from(SCALE)).round().clamp(-1e6, 1e6) as i32;
    (unit(point.0), unit(point.1))
}

fn stroke(ink: Ink, width: f64) -> ShapeStyle {
    ink.drawn().stroke_width((width * f64::from(SCALE)).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_our_classes_and_escaped_text_and_nothing_superfluous() {
        let drawing = draw(100, 50, |canvas| {
            canvas.line(&[(0.0, 0.0), (10.0, 5.05)], Ink::Grid, 1.0);
            canvas.text((50.0, 25.0), "<b>&\"'", Anchor::Middle, TEXT, Ink::Strong);
        });
        assert!(drawing.body.contains("class=\"k-grid\"") && drawing.body.contains("0,0 100,51"));
        assert!(drawing.body.contains("&lt;b&gt;&amp;&quot;&apos;"), "{}", drawing.body);
        assert!(drawing.body.contains("font-size=\"130\""), "{}", drawing.body);
        for superfluous in ["svg", "opacity", "font-family", "#0102"] {
            assert!(!drawing.body.contains(superfluous), "{superfluous}: {}", drawing.body);
        }
    }

    #[test]
    fn absurd_places_do_not_panic() {
        draw(10, 10, |canvas| {
            for v in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
                canvas.line(&[(v, v), (0.0, v)], Ink::Strong, 1.0);
                for shape in [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond] {
                    canvas.mark((v, v), Mark { shape, inside: Inside::Dotted, ink: Ink::Device(3) });
                }
            }
        });
    }

    #[test]
    fn a_text_is_cut_to_the_width_it_has() {
        assert_eq!(fitted("short", 13.0, 100.0), "short");
        // Nine characters of 0.64 times 13 px are 74.9 px and an ellipsis 13 px more, ten are 83.2 and 13 px.
        assert_eq!(fitted(&"a".repeat(1_000_000), 13.0, 90.0), format!("{}…", "a".repeat(9)));
        assert_eq!(fitted("iiiii", 10.0, 20.0), "iiiii");
        let cut = fitted("NVIDIA H100 80GB HBM3 · 580.82.07", 13.0, 120.0);
        assert!(cut.ends_with('…') && text_width(&cut, 13.0) <= 120.0, "{cut}");
    }
}
