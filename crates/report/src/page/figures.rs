//! Charts as elements of the page.

use crate::anchor::slug;
use crate::plot::Chart;
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub(super) struct ChartView {
    anchor: String,
    title: String,
    svg: Option<String>,
    caption: String,
    why: String,
    links: Vec<(String, String)>,
}

impl ChartView {
    /// Whether the chart is drawn, not left out.
    pub(super) fn is_drawn(&self) -> bool {
        self.svg.is_some()
    }
}

/// Returns the view of a chart, or of the reason why it is left out.
pub(super) fn chart_view(chart: &Chart, anchor: &str, links: Vec<(String, String)>) -> ChartView {
    let anchor = format!("chart-{}", slug(anchor));
    match chart {
        Ok(figure) => ChartView {
            anchor,
            title: figure.title.clone(),
            svg: Some(figure.inline()),
            caption: figure.caption.clone(),
            why: String::new(),
            links,
        },
        Err(absent) => ChartView {
            anchor,
            title: absent.title.clone(),
            svg: None,
            caption: String::new(),
            why: absent.why.clone(),
            links: Vec::new(),
        },
    }
}
