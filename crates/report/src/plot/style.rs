//! Style that all charts share: colours for light and dark backgrounds, text sizes, and marks.
//!
//! plotters writes fixed colours. Each ink is therefore drawn in a placeholder colour that nothing else uses,
//! and `canvas` replaces it by the light colour and a CSS class; the rules below give the class its colour on
//! a dark background. A viewer without style sheets shows the light chart.

use plotters::style::RGBColor;
use portamark_model::workload::{DType, Precision};
use std::fmt::Write;

/// Font size of axis titles and labels, in CSS pixels of the unscaled drawing.
pub const TEXT: f64 = 13.0;

/// Font size of tick labels, the smallest text, in CSS pixels.
pub const SMALL: f64 = 12.0;

/// Font family of all text; its first entry is the reader's system font.
pub const FAMILY: &str = "system-ui, sans-serif";

/// A colour, named by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ink {
    /// Background of a chart.
    Ground,
    /// Text and the lines that matter most.
    Strong,
    /// Secondary text and lines.
    Muted,
    /// Grid lines.
    Grid,
    /// Colour of the device with that index, the same in every chart.
    Device(usize),
    /// Step of a scale from low to high values, from 0 to [`HEAT_STEPS`] − 1, as a background of text.
    Heat(usize),
    /// Area where no value should lie, as a background of text.
    Alarm,
}

/// Number of steps of [`Ink::Heat`].
pub const HEAT_STEPS: usize = HEAT.len();

/// Name, colour on a light background, and colour on a dark background, both as 0xRRGGBB.
type Shade = (&'static str, u32, u32);

const NEUTRAL: [Shade; 4] = [
    ("ground", 0xffffff, 0x14181d),
    ("strong", 0x1b2026, 0xe8ebee),
    ("muted", 0x57606a, 0x9da7b3),
    ("grid", 0xe2e6ea, 0x2d343c),
];

/// Colours of devices: the hues of Okabe and Ito (2008), which people with any kind of colour vision can tell
/// apart, darkened or lightened to a contrast of at least 3 : 1 with each background.
const DEVICES: [Shade; 8] = [
    ("d0", 0x0072b2, 0x56a9ea),
    ("d1", 0xc74f00, 0xf58a4b),
    ("d2", 0x00805d, 0x2fc79a),
    ("d3", 0xa6508a, 0xe09bc6),
    ("d4", 0x996b00, 0xf0b429),
    ("d5", 0x4b525a, 0xc3cad2),
    ("d6", 0x2f86bd, 0x9adcff),
    ("d7", 0x777000, 0xf0e442),
];

/// Colours of the heat scale: one hue from low to high. Text is readable even on the last step.
const HEAT: [Shade; 6] = [
    ("h0", 0xe9f1f9, 0x18222c),
    ("h1", 0xcfe3f4, 0x1b2f42),
    ("h2", 0xb5d4ee, 0x1e3c58),
    ("h3", 0x99c4e8, 0x22496d),
    ("h4", 0x7db4e1, 0x265683),
    ("h5", 0x62a3d9, 0x2a6398),
];

const ALARM: Shade = ("alarm", 0xf7d9d5, 0x53231f);

/// Returns the placeholder colour of the shade with index `index`: dark, and unlike any colour in use.
fn sentinel(index: usize) -> RGBColor {
    RGBColor(1, 2, 0xa0 + index as u8)
}

fn shades() -> impl Iterator<Item = &'static Shade> {
    NEUTRAL.iter().chain(&DEVICES).chain(&HEAT).chain([&ALARM])
}

impl Ink {
    /// Returns the placeholder colour that plotters draws with.
    pub fn drawn(self) -> RGBColor {
        sentinel(match self {
            Ink::Ground => 0,
            Ink::Strong => 1,
            Ink::Muted => 2,
            Ink::Grid => 3,
            Ink::Device(n) => NEUTRAL.len() + n % DEVICES.len(),
            Ink::Heat(step) => NEUTRAL.len() + DEVICES.len() + step.min(HEAT.len() - 1),
            Ink::Alarm => NEUTRAL.len() + DEVICES.len() + HEAT.len(),
        })
    }

    /// Returns the CSS class of an HTML element whose background has this ink.
    pub fn background_class(self) -> String {
        let index = usize::from(self.drawn().2 - 0xa0);
        format!("b-{}", shades().nth(index).map_or("strong", |shade| shade.0))
    }
}

/// Replaces the placeholder colours in SVG text by light colours and CSS classes.
pub fn dress(svg: &str) -> String {
    let mut out = svg.to_owned();
    for (index, (name, light, _)) in shades().enumerate() {
        let RGBColor(r, g, b) = sentinel(index);
        for (attribute, class) in [("fill", "f"), ("stroke", "k")] {
            out = out.replace(
                &format!("{attribute}=\"#{r:02X}{g:02X}{b:02X}\""),
                &format!("{attribute}=\"#{light:06x}\" class=\"{class}-{name}\""),
            );
        }
    }
    out
}

/// Returns the CSS rules of both themes: text has an outline that sets it off from what lies below it, except
/// in the cells of a heat map.
fn halo(scale: i32) -> String {
    format!(
        "svg.chart text{{paint-order:stroke;stroke-width:{}px;stroke-linejoin:round}}\
         svg.chart rect[class^=\"f-h\"]+text{{paint-order:normal;stroke-width:0}}",
        3 * scale
    )
}

/// Returns the CSS rules of a separate SVG file.
pub fn standalone_rules(scale: i32) -> String {
    let mut out = halo(scale);
    let _ = write!(out, "svg.chart text{{stroke:#{:06x}}}", NEUTRAL[0].1);
    out.push_str("@media (prefers-color-scheme:dark){");
    let _ = write!(out, "svg.chart text{{stroke:#{:06x}}}", NEUTRAL[0].2);
    for (name, _, dark) in shades() {
        let _ = write!(out, ".f-{name}{{fill:#{dark:06x}}}.k-{name}{{stroke:#{dark:06x}}}");
    }
    out.push('}');
    out
}

/// Returns the CSS variables and rules of a page with inline charts.
pub fn page_rules(scale: i32) -> String {
    let mut out = String::from(":root{");
    for (name, light, _) in shades() {
        let _ = write!(out, "--{name}:#{light:06x};");
    }
    out.push_str("}\n@media screen and (prefers-color-scheme:dark){:root{");
    for (name, _, dark) in shades() {
        let _ = write!(out, "--{name}:#{dark:06x};");
    }
    out.push_str("}}\n");
    out += &halo(scale);
    out.push_str("svg.chart text{stroke:var(--ground)}\n");
    for (name, ..) in shades() {
        let _ = write!(
            out,
            ".f-{name}{{fill:var(--{name})}}.k-{name}{{stroke:var(--{name})}}.b-{name}{{background:var(--{name})}}"
        );
    }
    out
}

/// Outline of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// A triangle on its base.
    Triangle,
    /// A square on its corner.
    Diamond,
}

/// Fill of a mark, which shows the number format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inside {
    /// Filled: f32 inputs.
    Full,
    /// Hollow: narrower inputs, f32 accumulator.
    Hollow,
    /// Hollow with a dot: narrower inputs and accumulator.
    Dotted,
}

impl Inside {
    /// Returns the fill that stands for `precision` in every chart.
    pub fn of(precision: Precision) -> Self {
        match (precision.input, precision.accumulate) {
            (DType::F32, _) => Inside::Full,
            (_, DType::F32) => Inside::Hollow,
            _ => Inside::Dotted,
        }
    }
}

/// Appearance of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Outline of the mark.
    pub shape: Shape,
    /// Fill of the mark, which shows the number format.
    pub inside: Inside,
    /// Colour of the mark.
    pub ink: Ink,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the contrast ratio of two colours, from their relative luminance (WCAG 2.2).
    fn contrast(a: u32, b: u32) -> f64 {
        let luminance = |colour: u32| {
            let part = |shift: u32| {
                let c = f64::from(colour >> shift & 0xff) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn black_on_white_is_21_to_1() {
        assert!((contrast(0, 0xffffff) - 21.0).abs() < 1e-9);
    }

    #[test]
    fn text_and_series_stand_out_on_both_grounds() {
        let [ground, strong, muted, _] = NEUTRAL;
        for (ink, least) in [(strong, 7.0), (muted, 4.5)].into_iter().chain(DEVICES.map(|d| (d, 3.0))) {
            assert!(contrast(ink.1, ground.1) >= least, "{} light", ink.0);
            assert!(contrast(ink.2, ground.2) >= least, "{} dark", ink.0);
        }
        for under in HEAT.iter().chain([&ALARM]) {
            assert!(contrast(strong.1, under.1) >= 4.5, "{} light", under.0);
            assert!(contrast(strong.2, under.2) >= 4.5, "{} dark", under.0);
        }
    }

    #[test]
    fn a_sentinel_becomes_a_colour_and_a_class_and_text_stays() {
        let dressed = dress("<a fill=\"#0102A4\"/><text>#0102A4 fill=&quot;#0102A4&quot;</text>");
        assert_eq!(
            dressed,
            "<a fill=\"#0072b2\" class=\"f-d0\"/><text>#0102A4 fill=&quot;#0102A4&quot;</text>"
        );
        assert_eq!(Ink::Device(9).background_class(), "b-d1");
    }
}
