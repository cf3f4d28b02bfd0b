//! The HTML page as a whole.

use super::answer::{FamilyView, answer, family_title};
use super::device::{DeviceView, RowAnchors, device_view, row_anchors};
use super::figures::{ChartView, chart_view};
use crate::anchor::Names;
use crate::crowd::CrowdView;
use crate::facts::facts;
use crate::inspection::{InspectionView, all_cells};
use crate::plot::{Charts, PlacedChart, Section};
use crate::portability::{self, PortabilityView};
use crate::sensitivity::{self, SensitivityRow};
use crate::sides::{self, SidesView};
use crate::variants::{self, VariantsView};
use crate::vendor::{self, VendorRow};
use portamark_analysis::{Comparison, ReportModel, above_bounds, clean};
use portamark_inspect::Cell;
use serde::Serialize;

/// Maximum number of sentences about rows above the bounds of their compiled kernels.
const MOST_ABOVE: usize = 40;

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
    /// Rows that are faster than their compiled kernels can be.
    above_bounds: Vec<String>,
    compiled: Option<InspectionView>,
}

#[derive(Debug, Serialize)]
struct VendorView {
    chart: ChartView,
    heads: [&'static str; 7],
    ratios: Vec<VendorRow>,
    other_heads: [&'static str; 6],
    others: Vec<VendorRow>,
}

impl Page {
    /// Builds the page from the content of the report and its charts. `cells` are what compilers made of kernels, beside
    /// what the rows have.
    pub fn new(model: &ReportModel, charts: &Charts, cells: &[Cell]) -> Self {
        let comparison = &model.comparison;
        let mut names = Names::default();
        let devices: Vec<String> =
            comparison.devices.iter().map(|d| names.take(&format!("device {}", d.label))).collect();
        let most = MOST_ROWS / comparison.devices.len().max(1);
        let rows: RowAnchors =
            comparison.devices.iter().map(|device| row_anchors(device, most, &mut names)).collect();
        let answer = answer(comparison, &model.leads, &rows, &mut names);
        // The page may have no rows of one of the families of a chart.
        let families: Vec<String> = answer.families.iter().map(|view| view.anchor.clone()).collect();
        let rows_of = |shown: &[&str]| -> Vec<(String, String)> {
            let link = |family: &&str| {
                let anchor = format!("family-{family}");
                let there = families.contains(&anchor);
                there
                    .then(|| (format!("Rows: {}", family_title(family).to_lowercase()), format!("#{anchor}")))
            };
            shown.iter().filter_map(link).collect()
        };
        let links = |placed: &PlacedChart| -> Vec<(String, String)> {
            match placed.section {
                Section::Gemm => rows_of(&["gemm"]),
                Section::Attention => rows_of(&["attention"]),
                Section::Bandwidth => rows_of(&["stream", "attention"]),
                Section::Vendor => vec![("All ratios".into(), "#vendor-ratios".into())],
                Section::Rooflines => {
                    let anchor = placed.device.map_or("", |device| devices[device].as_str());
                    let link = |text: &str, part: &str| (text.to_string(), format!("#{anchor}-{part}"));
                    vec![link("All rows", "rows"), link("Ceilings", "ceilings")]
                }
                Section::Verdicts | Section::Portability | Section::Samples => Vec::new(),
            }
        };
        let views = |section: Section| -> Vec<ChartView> {
            let view = |placed: &PlacedChart| chart_view(&placed.chart, &placed.name, links(placed));
            charts.of(section).into_iter().map(view).collect()
        };
        let crowd = model.crowd.as_ref().map(CrowdView::new);
        let cells = all_cells(comparison, cells);
        Page {
            title: match &crowd {
                Some(crowd) => crowd.title.clone(),
                None if comparison.devices.is_empty() && !cells.is_empty() => "Compiled kernels".into(),
                None => title(comparison),
            },
            facts: crowd.as_ref().map_or_else(|| facts(comparison), |crowd| crowd.facts.clone()),
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
            crowd,
            crowd_head: CrowdView::head(),
            rooflines: views(Section::Rooflines),
            verdicts: model.sides.as_ref().map(|sides| sides::view(sides, comparison)),
            ratios: views(Section::Verdicts).into_iter().find(ChartView::is_drawn),
            gemm: views(Section::Gemm),
            attention: views(Section::Attention),
            bandwidth: views(Section::Bandwidth),
            portability: model.study.as_ref().map(portability::view),
            portability_charts: views(Section::Portability),
            samples: views(Section::Samples),
            families: answer.families,
            vendor: views(Section::Vendor).into_iter().next().map(|chart| VendorView {
                chart,
                heads: vendor::RATIOS,
                ratios: vendor::ratios(model),
                other_heads: vendor::OTHERS,
                others: vendor::others(model),
            }),
            variants: variants::views(comparison),
            distributions: sensitivity::head(),
            sensitivity: sensitivity::rows(model),
            above_bounds: above_bounds(&comparison.devices, &cells)
                .iter()
                .take(MOST_ABOVE)
                .map(|above| clean(&above.words()))
                .collect(),
            compiled: (!cells.is_empty()).then(|| InspectionView::new(&cells, &mut names)),
        }
    }

    /// Returns the heading of the page.
    pub fn title(&self) -> &str {
        &self.title
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
