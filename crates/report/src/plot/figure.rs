//! A chart with its texts, as part of a page or as a separate SVG file.

use super::canvas::{Drawing, SCALE};
use super::frame::Layout;
use super::style::{self, FAMILY, Ink};
use portamark_analysis::clean;

/// A drawn chart with its title, caption and description.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name that is unique in a report; part of element identifiers and file names.
    pub name: String,
    /// Title of the chart.
    pub title: String,
    /// How to read the chart, in a sentence or two.
    pub caption: String,
    /// Main numbers in words, for readers who cannot see the chart.
    pub description: String,
    wide: Drawing,
    narrow: Drawing,
}

/// A chart that could not be drawn, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Title that the chart would have.
    pub title: String,
    /// Why the chart is left out, in a sentence.
    pub why: String,
}

/// A chart, or the reason why there is none.
pub type Chart = Result<Figure, Absent>;

impl Absent {
    /// Creates a chart that is left out because of `why`.
    pub fn new(title: &str, why: &str) -> Self {
        Absent { title: title.into(), why: why.into() }
    }
}

impl Figure {
    /// Creates a chart by calling `draw` for both layouts.
    pub fn new(
        name: &str,
        title: &str,
        caption: String,
        description: String,
        draw: impl Fn(Layout) -> Drawing,
    ) -> Self {
        Figure {
            name: name.into(),
            title: clean(title),
            caption,
            description: clean(&description),
            wide: draw(Layout::Wide),
            narrow: draw(Layout::Narrow),
        }
    }

    /// Returns two SVG elements for a page, one for each layout; the style sheet shows the one that fits.
    pub fn inline(&self) -> String {
        [("wide", &self.wide), ("narrow", &self.narrow)]
            .map(|(class, drawing)| self.element(class, "", "", drawing))
            .concat()
    }

    /// Returns a separate SVG document with its own background.
    pub fn standalone(&self) -> String {
        let namespace = " xmlns=\"http://www.w3.org/2000/svg\"";
        let (width, height) = (self.wide.width as i32 * SCALE, self.wide.height as i32 * SCALE);
        let plotters::style::RGBColor(r, g, b) = Ink::Ground.drawn();
        let ground = style::dress(&format!(
            "<rect x=\"-{m}\" y=\"-{m}\" width=\"{}\" height=\"{}\" fill=\"#{r:02X}{g:02X}{b:02X}\"/>",
            width + 2 * MARGIN,
            height + 2 * MARGIN,
            m = MARGIN,
        ));
        let before = format!("<style>{}</style>{ground}\n", style::standalone_rules(SCALE));
        self.element("file", namespace, &before, &self.wide) + "\n"
    }

    fn element(&self, class: &str, namespace: &str, before: &str, drawing: &Drawing) -> String {
        let margin = if namespace.is_empty() { 0 } else { MARGIN };
        let (width, height) = (drawing.width as i32 * SCALE, drawing.height as i32 * SCALE);
        let id = format!("chart-{}-{class}", self.name);
        format!(
            "<svg{namespace} class=\"chart {class}\" viewBox=\"{x} {x} {w} {h}\" width=\"{}\" height=\"{}\" \
             role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" font-family=\"{FAMILY}\" \
             stroke-linejoin=\"round\" stroke-linecap=\"round\">\n\
             <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n{before}{}\n</svg>",
            (width + 2 * margin) / SCALE,
            (height + 2 * margin) / SCALE,
            escaped(&self.title),
            escaped(&self.description),
            drawing.body,
            x = -margin,
            w = width + 2 * margin,
            h = height + 2 * margin,
        )
    }
}

/// Margin around the drawing in a separate file, in drawing units.
const MARGIN: i32 = 12 * SCALE;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::canvas::draw;

    fn figure() -> Figure {
        let words = "a <b> & \"c\"\u{0}";
        Figure::new("x", words, String::new(), words.into(), |layout| {
            draw(layout.width() as u32, 20, |canvas| canvas.line(&[(0.0, 0.0), (9.0, 9.0)], Ink::Muted, 1.0))
        })
    }

    #[test]
    fn inline_charts_have_a_text_alternative_and_unique_ids_and_no_address() {
        let inline = figure().inline();
        assert!(inline.contains("role=\"img\" aria-labelledby=\"chart-x-wide-title chart-x-wide-desc\""));
        for id in ["chart-x-wide-title", "chart-x-narrow-title", "chart-x-wide-desc", "chart-x-narrow-desc"] {
            assert_eq!(inline.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
        assert_eq!(inline.matches("a &lt;b&gt; &amp; &quot;c&quot;<").count(), 4, "{inline}");
        assert!(!inline.contains("http") && !inline.contains('\0'));
    }

    #[test]
    fn a_file_of_its_own_has_namespace_ground_and_dark_colours() {
        let file = figure().standalone();
        assert!(file.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
        assert!(file.contains("prefers-color-scheme:dark") && file.contains("class=\"f-ground\""));
        assert!(!file.contains("var(") && !file.contains("#0102"), "{file}");
    }
}
