//! All charts of a report.

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
use crate::crowd::MOST_DEVICES;
use crate::sides::Sides;
use portamark_analysis::{Comparison, Device, Efficiency, Study, StudyOptions};
use portamark_model::kernel_text::KernelTexts;
use portamark_stats::Bootstrap;

/// Maximum number of pairs of case and device for which a report computes the intervals of scores; `portamark
/// portability` has them for any number.
const MOST_INTERVALS: usize = 600;

/// Bootstrap parameters of these intervals.
const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 1000, level: 0.95, seed: 1 };

/// Maximum number of kernel sources that a report renders to compute code convergence.
const MOST_TEXTS: usize = 300;

/// All charts of a report, each drawn or left out with a reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Charts {
    /// Roofline of each device.
    pub rooflines: Vec<Chart>,
    /// Throughput of square GEMM over size.
    pub gemm: Chart,
    /// Throughput of self-attention prefill over sequence length.
    pub attention: Chart,
    /// Heat map of GEMM over m and n, for each device.
    pub heat_maps: Vec<Chart>,
    /// Bandwidth of decode steps over the length of the KV cache.
    pub decode: Chart,
    /// Bandwidth of access patterns, decode steps and GEMV.
    pub bandwidth: Chart,
    /// Read bandwidth over the working set.
    pub curve: Chart,
    /// Verdicts that `ratios` draws; `None` unless there are two sides to compare.
    pub sides: Option<Sides>,
    /// Ratio of times of the two sides, for each case.
    pub ratios: Chart,
    /// Scores that `cascade` and `navigation` draw; `None` for fewer than two devices.
    pub study: Option<Study>,
    /// Cascade plot: efficiencies of kernel families in descending order.
    pub cascade: Chart,
    /// Navigation chart: performance portability over code convergence.
    pub navigation: Chart,
    /// Samples of the main rows of each device.
    pub samples: Vec<Chart>,
    /// Sentinel times over the run.
    pub drift: Chart,
    /// Errors of results against the oracle.
    pub errors: Chart,
    /// Portable kernels against vendor libraries; `None` if no library was measured and nothing was imported.
    pub vendor: Option<Chart>,
}

impl Charts {
    /// Draws all charts that there is data for. `texts` provides kernel sources, which show how much code
    /// devices share.
    pub fn new(comparison: &Comparison, texts: &dyn KernelTexts) -> Self {
        let mut names = Names::default();
        let rooflines = comparison.devices.iter().enumerate();
        let study = study(comparison, texts);
        let sides = Sides::of(comparison);
        let of_study = |draw: fn(&Study) -> Chart, title: &str| match &study {
            Some(study) => draw(study),
            None => Err(Absent::new(title, "It takes two devices.")),
        };
        let (cascade, navigation) =
            (of_study(cascade, "The cascade plot"), of_study(navigation, "The navigation chart"));
        let mut of_each = |what: &str, draw: fn(&Device, usize, &str) -> Chart| -> Vec<Chart> {
            let devices = comparison.devices.iter().enumerate().take(MOST_DEVICES);
            let name = |device: &Device| format!("{what} {}", device.label);
            devices.map(|(index, device)| draw(device, index, &names.take(&name(device)))).collect()
        };
        let heat_maps = of_each("heat map", |device, _, name| heat_map(device, name));
        let samples = of_each("samples", samples);
        Charts {
            rooflines: rooflines
                .map(|(index, device)| {
                    roofline(device, index, &names.take(&format!("roofline {}", device.label)))
                })
                .collect(),
            gemm: gemm(comparison),
            attention: attention(comparison),
            heat_maps,
            decode: decode(comparison),
            bandwidth: bandwidth(comparison),
            curve: curve(comparison),
            ratios: ratios(comparison, sides.as_ref()),
            sides,
            cascade,
            navigation,
            study,
            samples,
            drift: drift(comparison),
            errors: errors(comparison),
            vendor: vendor(comparison),
        }
    }

    /// Returns an iterator over all charts, in the order of the report.
    pub fn all(&self) -> impl Iterator<Item = &Chart> {
        let one = std::slice::from_ref::<Chart>;
        let lists: [&[Chart]; 14] = [
            one(&self.ratios),
            &self.rooflines,
            one(&self.gemm),
            &self.heat_maps,
            one(&self.attention),
            one(&self.decode),
            one(&self.bandwidth),
            one(&self.curve),
            one(&self.cascade),
            one(&self.navigation),
            self.vendor.as_slice(),
            &self.samples,
            one(&self.drift),
            one(&self.errors),
        ];
        lists.into_iter().flatten()
    }

    /// Returns an iterator over the charts that could be drawn, in the order of the report.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.all().flatten()
    }
}

/// Computes the scores over all devices relative to the measured rooflines; `None` for fewer than two
/// devices.
fn study(comparison: &Comparison, texts: &dyn KernelTexts) -> Option<Study> {
    let mut options = StudyOptions::of_all(comparison, Efficiency::Architectural);
    options.most_texts = MOST_TEXTS;
    let few = comparison.cases.len() * options.devices.len() <= MOST_INTERVALS;
    options.bootstrap = few.then_some(BOOTSTRAP);
    (options.devices.len() > 1).then(|| Study::new(comparison, &options, texts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_model::kernel_text::NoTexts;

    #[test]
    fn hostile_names_and_numbers_are_drawn_without_harm() {
        let runs = fixture::hostile();
        let charts = Charts::new(&Comparison::new(&runs), &NoTexts);
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
        assert_eq!(Charts::new(&Comparison::new(&[]), &NoTexts).figures().count(), 0);
    }
}
