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

/// Beyond so many pairs of case and device a report leaves intervals of scores out; `portamark
/// portability` has them.
const MOST_INTERVALS: usize = 600;

/// The bootstrap of these intervals.
const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 1000, level: 0.95, seed: 1 };

/// Kernel texts that a report renders for the convergence at most.
const MOST_TEXTS: usize = 300;

/// The charts in the order of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Charts {
    /// For each device.
    pub rooflines: Vec<Chart>,
    /// Products over size.
    pub gemm: Chart,
    /// Attention over length.
    pub attention: Chart,
    /// Products over both sizes, for each device.
    pub heat_maps: Vec<Chart>,
    /// Decode steps over the length of the cache.
    pub decode: Chart,
    /// Access patterns and decode.
    pub bandwidth: Chart,
    /// Reads over the working set.
    pub curve: Chart,
    /// The verdicts that the next one draws, where there are two sides.
    pub sides: Option<Sides>,
    /// Two sides in every case.
    pub ratios: Chart,
    /// The scores that the next two draw; none of fewer than two devices.
    pub study: Option<Study>,
    /// Efficiencies of families by falling order.
    pub cascade: Chart,
    /// Portability over convergence.
    pub navigation: Chart,
    /// Samples of the main rows, for each device.
    pub samples: Vec<Chart>,
    /// Sentinels over the run.
    pub drift: Chart,
    /// Errors against the oracle.
    pub errors: Chart,
    /// portamark against other programs, where results of any were imported.
    pub vendor: Option<Chart>,
}

impl Charts {
    /// Draws everything that there is data for; `texts` tells how much of the kernels' texts devices share.
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

    /// All, in the order of the report.
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

    /// Those that can be shown.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.all().flatten()
    }
}

/// The scores over all devices, of the measured roofs.
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
