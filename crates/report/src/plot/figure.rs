//! A chart with its words, as part of a page or as a file of its own.

use super::canvas::{Drawing, SCALE};
use super::frame::Layout;
use super::style::{self, FAMILY, Ink};
use portamark_analysis::clean;

/// A chart that can be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Unique in a report; part of identifiers and file names.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How to read it, in a sentence or two.
    pub caption: String,
    /// The main numbers, for who cannot see it.
    pub description: String,
    wide: Drawing,
    narrow: Drawing,
}

/// A chart that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// What it would show.
    pub title: String,
    /// Why it is left out, in a sentence.
    pub why: String,
}

/// A chart, or why there is none.
pub type Chart = Result<Figure, Absent>;

impl Absent {
    /// A chart that is left out.
    pub fn new(title: &str, why: &str) -> Self {
        Absent { title: title.into(), why: why.into() }
    }
}

impl Figure {
    /// Draws for both layouts.
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

    /// Two SVG elements for a page; its style sheet shows the one that fits.
    pub fn inline(&self) -> String {
        [("wide", &self.wide), ("narrow", &self.narrow)]
            .map(|(class, drawing)| self.element(class, "", "", drawing))
            .concat()
    }

    /// A document of its own, on a ground of its own.
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

/// Units around the drawing in a file of its own.
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
