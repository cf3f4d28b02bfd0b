//! Everything that a report shows, computed once from the rows. Renderers only lay it out.

use super::comparison::Comparison;
use super::efficiency::Efficiency;
use super::lead::Lead;
use super::portability::{Study, StudyOptions};
use super::sensitivity::{Sensitivity, sensitivities};
use super::sides::Sides;
use super::standing::Standing;
use super::vendor::{AgainstVendor, against_vendor, has_references};
use portamark_model::kernel_text::KernelTexts;
use portamark_results::RunFile;
use portamark_stats::Bootstrap;
use std::collections::HashMap;

/// Maximum number of devices that a report shows in full.
pub const MOST_DEVICES: usize = 12;

/// Maximum number of pairs of case and device for which a report computes the intervals of scores; `portamark
/// portability` has them for any number.
const MOST_INTERVALS: usize = 600;

/// Bootstrap parameters of these intervals.
const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 1000, level: 0.95, seed: 1 };

/// Maximum number of kernel sources that a report renders to compute code convergence.
const MOST_TEXTS: usize = 300;

/// All devices of a report that shows only some of them in full.
#[derive(Debug, Clone)]
pub struct Crowd<'a> {
    /// All devices and cases.
    pub comparison: Comparison<'a>,
    /// Order of the devices, the first one first.
    pub standings: Vec<Standing>,
}

/// Content of a report.
#[derive(Debug, Clone)]
pub struct ReportModel<'a> {
    /// Devices shown in full, and their cases.
    pub comparison: Comparison<'a>,
    /// Leader of each case by its key.
    pub leads: HashMap<&'a str, Lead>,
    /// All devices; `None` unless there are more than [`MOST_DEVICES`].
    pub crowd: Option<Crowd<'a>>,
    /// Verdicts on two sides; `None` unless there are two sides to compare.
    pub sides: Option<Sides>,
    /// Performance portability relative to the measured rooflines; `None` for fewer than two devices.
    pub study: Option<Study>,
    /// Portable kernels against vendor libraries; `None` if no library was measured and nothing was imported.
    pub vendor: Option<Vec<AgainstVendor<'a>>>,
    /// Cases measured with inputs from several distributions.
    pub sensitivities: Vec<Sensitivity<'a>>,
}

impl<'a> ReportModel<'a> {
    /// Computes the content of a report on `runs`.
    ///
    /// `devices` are the indices of the devices to report on, in that order; `None` means all devices. If there are
    /// more than [`MOST_DEVICES`], the first ones by [`Comparison::standings`] are shown in full. `texts` provides
    /// kernel sources, which show how much code devices share.
    pub fn new(runs: &'a [RunFile], devices: Option<&[usize]>, texts: &dyn KernelTexts) -> Self {
        let mut all = Comparison::new(runs);
        if let Some(devices) = devices {
            all = all.only(devices);
        }
        if all.devices.len() <= MOST_DEVICES {
            return Self::of(all, None, texts);
        }
        let standings = all.standings();
        let first: Vec<usize> = standings.iter().take(MOST_DEVICES).map(|standing| standing.device).collect();
        Self::of(all.only(&first), Some(Crowd { comparison: all, standings }), texts)
    }

    fn of(comparison: Comparison<'a>, crowd: Option<Crowd<'a>>, texts: &dyn KernelTexts) -> Self {
        ReportModel {
            sides: Sides::of(&comparison),
            study: study(&comparison, texts),
            vendor: has_references(&comparison).then(|| against_vendor(&comparison)),
            sensitivities: sensitivities(&comparison),
            leads: comparison.leads(),
            comparison,
            crowd,
        }
    }
}

/// Computes the scores over all devices; `None` for fewer than two devices.
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
    fn of_many_devices_twelve_are_shown_in_full_and_all_in_order() {
        let run = |number: u32| {
            let mut header = fixture::h100_header();
            header.device.id = format!("vulkan/card {number}/1");
            let seconds = 1.0 + f64::from(number);
            fixture::file(header, vec![fixture::ok_row("gemm f32 m64 n64 k64 nn", seconds)])
        };
        let runs: Vec<RunFile> = (0..14).map(run).collect();
        let model = ReportModel::new(&runs, None, &NoTexts);
        let crowd = model.crowd.expect("14 devices are many");
        assert_eq!((model.comparison.devices.len(), crowd.comparison.devices.len()), (12, 14));
        // The slowest two are left out.
        assert_eq!(crowd.standings.iter().map(|s| s.device).collect::<Vec<_>>(), (0..14).collect::<Vec<_>>());
        let few = ReportModel::new(&runs, Some(&[3, 1]), &NoTexts);
        assert!(few.crowd.is_none() && few.sides.is_none() && few.study.is_some() && few.vendor.is_none());
    }
}
