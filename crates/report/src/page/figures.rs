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

/// Returns the view of `chart`, followed by those of the charts in `each` that could be drawn.
pub(super) fn views(
    chart: &Chart,
    name: &str,
    each: &[Chart],
    links: Vec<(String, String)>,
) -> Vec<ChartView> {
    let drawn =
        each.iter().filter_map(|chart| chart.as_ref().ok().map(|figure| (chart, figure.name.clone())));
    let each: Vec<ChartView> = drawn.map(|(chart, name)| chart_view(chart, &name, links.clone())).collect();
    [vec![chart_view(chart, name, links)], each].concat()
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
