//! Sensitivity of a case's rate to the distribution of its inputs.

use super::comparison::Comparison;
use super::rate::Rate;
use portamark_model::workload::Distribution;
use portamark_results::Header;

/// Rates of one case on one device with inputs of several distributions.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensitivity<'a> {
    /// Name of the device.
    pub device: &'a str,
    /// Case key.
    pub case: &'a str,
    /// Rate with each distribution, in the order of [`Distribution::ALL`]; `None` if it was not measured.
    pub rates: [Option<Rate>; 4],
}

impl Sensitivity<'_> {
    /// Returns the highest rate over the lowest, at least 1.
    pub fn spread(&self) -> f64 {
        let rates = || self.rates.iter().flatten().map(|rate| rate.value);
        rates().fold(0.0, f64::max) / rates().fold(f64::INFINITY, f64::min)
    }
}

/// Returns the cases that a device has with at least two distributions, by the same executor and the same
/// version of the method, in the order of the comparison.
pub fn sensitivities<'a>(comparison: &Comparison<'a>) -> Vec<Sensitivity<'a>> {
    let identity = |header: &'a Header| {
        let executor = header.executor.split_whitespace().next();
        (header.device.id.as_str(), header.device.chip_kind(), executor, header.method)
    };
    let mut found = Vec::new();
    for (first, device) in comparison.devices.iter().enumerate() {
        let is_same = |other: usize| identity(comparison.devices[other].header) == identity(device.header);
        if (0..first).any(is_same) {
            continue;
        }
        let alike: Vec<usize> = (first..comparison.devices.len()).filter(|other| is_same(*other)).collect();
        for line in &comparison.cases {
            let rates = Distribution::ALL.map(|dist| {
                let of = |at: &&usize| comparison.devices[**at].header.distribution() == dist.name();
                comparison.entry(line, *alike.iter().find(of)?)?.rate
            });
            if rates.iter().flatten().count() > 1 {
                found.push(Sensitivity { device: &device.header.device.name, case: line.key, rates });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_results::{RunFile, RunOption};

    const KEY: &str = "gemm f32 m4 n4 k4 nn";

    fn file(dist: Option<&str>, seconds: f64) -> RunFile {
        let mut header = fixture::h100_header();
        header.options.extend(dist.map(|dist| (RunOption::Distribution, dist.to_string())));
        fixture::file(header, vec![fixture::ok_row(KEY, seconds)])
    }

    #[test]
    fn rows_of_unlike_distributions_are_side_by_side_and_never_compared() {
        // 128 FLOP in 2, 1 and 4 s. A file without the option is uniform, like one that says so.
        let runs = [
            file(None, 9.0),
            file(Some("uniform"), 2.0),
            file(Some("zeros"), 1.0),
            file(Some("sparse"), 4.0),
        ];
        let comparison = Comparison::new(&runs);
        assert_eq!(comparison.devices.len(), 3);
        assert!(comparison.leads().is_empty());
        let labels: Vec<&str> = comparison.devices.iter().map(|device| device.label.as_str()).collect();
        assert!(labels[1].ends_with(" · zeros") && labels[2].ends_with(" · sparse"), "{labels:?}");
        let [found] = &sensitivities(&comparison)[..] else { panic!("one case on one device") };
        let values = found.rates.map(|rate| rate.map(|rate| rate.value));
        assert_eq!(values, [Some(64.0), None, Some(128.0), Some(32.0)]);
        assert_eq!((found.case, found.spread()), (KEY, 4.0));
    }

    #[test]
    fn one_distribution_shows_no_sensitivity() {
        let runs = [file(None, 1.0), file(Some("uniform"), 2.0)];
        let comparison = Comparison::new(&runs);
        assert_eq!((comparison.devices.len(), sensitivities(&comparison).len()), (1, 0));
    }
}
