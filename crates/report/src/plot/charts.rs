//! All charts of a report. A new one is a file of its own and a line in [`CHARTS`].

use super::attention::attention;
use super::bandwidth::bandwidth;
use super::cascade::cascade;
use super::curve::curve;
use super::decode::decode;
use super::drift::drift;
use super::errors::errors;
use super::figure::{Absent, Chart, Figure};
use super::gemm::gemm;
use super::heat_map::heat_map;
use super::navigation::navigation;
use super::ratios::ratios;
use super::roofline::roofline;
use super::samples::samples;
use super::vendor::vendor;
use crate::anchor::Names;
use portamark_analysis::{Device, MOST_DEVICES, ReportModel, Study};

/// Section of a report in which a chart stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Verdicts on two sides.
    Verdicts,
    /// Rooflines of the devices.
    Rooflines,
    /// Matrix products.
    Gemm,
    /// Attention.
    Attention,
    /// Memory bandwidth.
    Bandwidth,
    /// Performance portability.
    Portability,
    /// Portable kernels against vendor libraries.
    Vendor,
    /// Samples, drift and errors.
    Samples,
}

/// How a chart is drawn.
enum Draw {
    /// One chart of all devices; `None` if its section is absent.
    One(fn(&ReportModel) -> Option<Chart>),
    /// One chart for each device, given its index and the name of the file.
    Each(fn(&Device, usize, &str) -> Chart),
}
use Draw::{Each, One};

/// The charts, in the order of the report: section, name of the file, how it is drawn.
const CHARTS: &[(Section, &str, Draw)] = &[
    (Section::Verdicts, "ratios", One(|model| Some(ratios(&model.comparison, model.sides.as_ref())))),
    (Section::Rooflines, "roofline", Each(roofline)),
    (Section::Gemm, "gemm", One(|model| Some(gemm(&model.comparison)))),
    (Section::Gemm, "heat map", Each(|device, _, name| heat_map(device, name))),
    (Section::Attention, "attention", One(|model| Some(attention(&model.comparison)))),
    (Section::Attention, "decode", One(|model| Some(decode(&model.comparison)))),
    (Section::Bandwidth, "bandwidth", One(|model| Some(bandwidth(&model.comparison)))),
    (Section::Bandwidth, "curve", One(|model| Some(curve(&model.comparison)))),
    (Section::Portability, "cascade", One(|model| Some(of_study(model, cascade, "The cascade plot")))),
    (
        Section::Portability,
        "navigation",
        One(|model| Some(of_study(model, navigation, "The navigation chart"))),
    ),
    (Section::Vendor, "vendor", One(|model| Some(vendor(&model.comparison, model.vendor.as_ref()?)))),
    (Section::Samples, "samples", Each(samples)),
    (Section::Samples, "drift", One(|model| Some(drift(&model.comparison)))),
    (Section::Samples, "errors", One(|model| Some(errors(&model.comparison)))),
];

fn of_study(model: &ReportModel, draw: fn(&Study) -> Chart, title: &str) -> Chart {
    model.study.as_ref().map_or_else(|| Err(Absent::new(title, "It needs at least two devices.")), draw)
}

/// A chart with its place in the report.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedChart {
    /// Section in which it stands.
    pub section: Section,
    /// Name that is unique in the report.
    pub name: String,
    /// Index of the device that it shows; `None` if it shows all.
    pub device: Option<usize>,
    /// The chart, or the reason why it is left out.
    pub chart: Chart,
}

/// All charts of a report, each drawn or left out with a reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Charts(Vec<PlacedChart>);

impl Charts {
    /// Draws all charts that there is data for.
    pub fn new(model: &ReportModel) -> Self {
        let mut names = Names::default();
        let mut charts = Vec::new();
        for (section, name, draw) in CHARTS {
            let section = *section;
            match draw {
                One(draw) => charts.extend(draw(model).map(|chart| PlacedChart {
                    section,
                    name: name.to_string(),
                    device: None,
                    chart,
                })),
                Each(draw) => {
                    let devices = model.comparison.devices.iter().enumerate().take(MOST_DEVICES);
                    charts.extend(devices.map(|(index, device)| {
                        let name = names.take(&format!("{name} {}", device.label));
                        let chart = draw(device, index, &name);
                        PlacedChart { section, name, device: Some(index), chart }
                    }));
                }
            }
        }
        Charts(charts)
    }

    /// Returns an iterator over all charts, in the order of the report.
    pub fn all(&self) -> impl Iterator<Item = &Chart> {
        self.0.iter().map(|placed| &placed.chart)
    }

    /// Returns the charts of a section. Charts of single devices that are left out are not mentioned beside a chart
    /// of all devices.
    pub fn of(&self, section: Section) -> Vec<&PlacedChart> {
        let charts = || self.0.iter().filter(|placed| placed.section == section);
        let has_whole = charts().any(|placed| placed.device.is_none());
        charts().filter(|placed| placed.chart.is_ok() || placed.device.is_none() || !has_whole).collect()
    }

    /// Returns an iterator over the charts that could be drawn, in the order of the report.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.all().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_model::kernel_text::NoTexts;

    #[test]
    fn hostile_names_and_numbers_are_drawn_without_harm() {
        let runs = fixture::hostile();
        let charts = Charts::new(&ReportModel::new(&runs, None, &NoTexts));
        assert!(charts.figures().count() >= 3);
        for figure in charts.figures() {
            for text in [figure.inline(), figure.standalone()] {
                assert!(!text.contains("<script"), "{text}");
                assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
                assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
            }
        }
    }

    #[test]
    fn no_files_leave_every_chart_out() {
        assert_eq!(Charts::new(&ReportModel::new(&[], None, &NoTexts)).figures().count(), 0);
    }
}
