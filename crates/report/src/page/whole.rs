//! The HTML page as a whole.

use super::answer::{FamilyView, answer, family_title};
use super::device::{DeviceView, RowAnchors, device_view, row_anchors};
use super::figures::{ChartView, chart_view, views};
use crate::anchor::Names;
use crate::crowd::CrowdView;
use crate::facts::facts;
use crate::plot::Charts;
use crate::portability::{self, PortabilityView};
use crate::sensitivity::{self, SensitivityRow};
use crate::sides::SidesView;
use crate::variants::{self, VariantsView};
use crate::vendor::{self, VendorRow};
use portamark_analysis::Comparison;
use serde::Serialize;

/// Maximum number of rows in the page; browsers open larger pages slowly.
const MOST_ROWS: usize = 6000;

/// All data of the page, as the template uses it.
#[derive(Debug, Serialize)]
pub struct Page {
    title: String,
    facts: Vec<String>,
    version: &'static str,
    several: bool,
    devices: Vec<DeviceView>,
    families: Vec<FamilyView>,
    without_number: usize,
    cases_left_out: usize,
    crowd: Option<CrowdView>,
    crowd_head: Vec<&'static str>,
    ratios: Option<ChartView>,
    verdicts: Option<SidesView>,
    rooflines: Vec<ChartView>,
    gemm: Vec<ChartView>,
    attention: Vec<ChartView>,
    bandwidth: Vec<ChartView>,
    portability: Option<PortabilityView>,
    portability_charts: Vec<ChartView>,
    samples: Vec<ChartView>,
    vendor: Option<VendorView>,
    variants: Vec<VariantsView>,
    distributions: Vec<String>,
    sensitivity: Vec<SensitivityRow>,
}

#[derive(Debug, Serialize)]
struct VendorView {
    chart: ChartView,
    heads: [&'static str; 7],
    ratios: Vec<VendorRow>,
    other_heads: [&'static str; 5],
    others: Vec<VendorRow>,
}

impl Page {
    /// Builds the page of `comparison` with its charts. `crowd` is the table of all devices if `comparison`
    /// has only some of them.
    pub fn new(comparison: &Comparison, charts: &Charts, crowd: Option<&CrowdView>) -> Self {
        let mut names = Names::default();
        let devices: Vec<String> =
            comparison.devices.iter().map(|d| names.take(&format!("device {}", d.label))).collect();
        let most = MOST_ROWS / comparison.devices.len().max(1);
        let rows: RowAnchors =
            comparison.devices.iter().map(|device| row_anchors(device, most, &mut names)).collect();
        let answer = answer(comparison, &rows, &mut names);
        // The page may have no rows of one of the families of a chart.
        let rows_of = |shown: &[&str]| -> Vec<(String, String)> {
            let link = |family: &&str| {
                let anchor = format!("family-{family}");
                let there = answer.families.iter().any(|view| view.anchor == anchor);
                there
                    .then(|| (format!("Rows: {}", family_title(family).to_lowercase()), format!("#{anchor}")))
            };
            shown.iter().filter_map(link).collect()
        };
        let rooflines = charts
            .rooflines
            .iter()
            .zip(comparison.devices.iter().zip(&devices))
            .map(|(chart, (device, anchor))| {
                let rows = ("All rows".to_string(), format!("#{anchor}-rows"));
                let ceilings = ("Ceilings".to_string(), format!("#{anchor}-ceilings"));
                chart_view(chart, &format!("roofline {}", device.label), vec![rows, ceilings])
            })
            .collect();
        Page {
            title: crowd.map_or_else(|| title(comparison), |crowd| crowd.title.clone()),
            facts: crowd.map_or_else(|| facts(comparison), |crowd| crowd.facts.clone()),
            version: env!("CARGO_PKG_VERSION"),
            several: comparison.devices.len() > 1,
            devices: comparison
                .devices
                .iter()
                .enumerate()
                .map(|(index, device)| device_view(index, device, &devices[index], &rows[index]))
                .collect(),
            without_number: answer.without,
            cases_left_out: answer.left_out,
            crowd: crowd.cloned(),
            crowd_head: CrowdView::head(),
            rooflines,
            verdicts: charts.sides.as_ref().map(|sides| sides.view(comparison)),
            ratios: charts.ratios.is_ok().then(|| chart_view(&charts.ratios, "ratios", Vec::new())),
            gemm: views(&charts.gemm, "gemm", &charts.heat_maps, rows_of(&["gemm"])),
            attention: [(&charts.attention, "attention"), (&charts.decode, "decode")]
                .map(|(chart, name)| chart_view(chart, name, rows_of(&["attention"])))
                .into(),
            bandwidth: [(&charts.bandwidth, "bandwidth"), (&charts.curve, "curve")]
                .map(|(chart, name)| chart_view(chart, name, rows_of(&["stream", "attention"])))
                .into(),
            portability: charts.study.as_ref().map(portability::view),
            portability_charts: [(&charts.cascade, "cascade"), (&charts.navigation, "navigation")]
                .map(|(chart, name)| chart_view(chart, name, Vec::new()))
                .into(),
            samples: views(&charts.errors, "errors", &charts.samples, Vec::new())
                .into_iter()
                .chain([chart_view(&charts.drift, "drift", Vec::new())])
                .collect(),
            families: answer.families,
            vendor: charts.vendor.as_ref().map(|chart| VendorView {
                chart: chart_view(chart, "vendor", vec![("All ratios".into(), "#vendor-ratios".into())]),
                heads: vendor::RATIOS,
                ratios: vendor::ratios(comparison),
                other_heads: vendor::OTHERS,
                others: vendor::others(comparison),
            }),
            variants: variants::views(comparison),
            distributions: sensitivity::head(),
            sensitivity: sensitivity::rows(comparison),
        }
    }
}

fn title(comparison: &Comparison) -> String {
    let labels: Vec<&str> = comparison.devices.iter().map(|device| device.label.as_str()).collect();
    // No-break spaces, so that no line begins or ends with the dot of a label.
    let labels: Vec<String> = labels.iter().map(|label| label.replace(" · ", "\u{a0}·\u{a0}")).collect();
    match &labels[..] {
        [] if !comparison.imported.is_empty() => "Imported results".into(),
        [] => "No results".into(),
        [one] => one.clone(),
        [a, b] => format!("{a} and {b}"),
        [a, b, c] => format!("{a}, {b} and {c}"),
        _ => format!("{} devices", labels.len()),
    }
}
