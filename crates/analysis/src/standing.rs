//! Order of many devices by how close each comes to the fastest, case by case.

use super::comparison::Comparison;
use super::rate::RateUnit;
use std::collections::HashMap;

/// Standing of one device among the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Index of the device in [`Comparison::devices`].
    pub device: usize,
    /// Number of cases with a verified rate.
    pub measured: usize,
    /// Number of these cases that another device also has a rate of, by the same version of the method and
    /// with inputs of the same distribution.
    pub shared: usize,
    /// Number of shared cases in which no other device has a higher rate.
    pub led: usize,
    /// Geometric mean over the shared cases of the rate relative to the highest of all devices, 0 to 1;
    /// `None` if no case is shared. The cases differ between devices: the value orders devices for display
    /// and is no verdict.
    pub of_fastest: Option<f64>,
}

/// Conditions that must agree before rates are compared: unit, method version and distribution of inputs.
type Alike<'a> = (RateUnit, u32, &'a str);

impl Comparison<'_> {
    /// Returns all devices in order: first those with at least half as many measured cases as the device with
    /// the most, then the others; each group by falling [`Standing::of_fastest`], ties in file order.
    pub fn standings(&self) -> Vec<Standing> {
        let mut standings: Vec<Standing> = (0..self.devices.len())
            .map(|device| Standing { device, measured: 0, shared: 0, led: 0, of_fastest: None })
            .collect();
        let mut logarithms = vec![0.0; self.devices.len()];
        for line in &self.cases {
            // Rates by different methods, or with different inputs, are not compared.
            let mut groups: HashMap<Alike, Vec<(usize, f64)>> = HashMap::new();
            for (device, standing) in standings.iter_mut().enumerate() {
                let Some(entry) = self.entry(line, device) else { continue };
                let Some(rate) = entry.rate.filter(|rate| rate.value > 0.0 && rate.value.is_finite()) else {
                    continue;
                };
                standing.measured += 1;
                let alike = (rate.unit, entry.header.method, entry.header.distribution());
                groups.entry(alike).or_default().push((device, rate.value));
            }
            for rates in groups.values().filter(|rates| rates.len() > 1) {
                let highest = rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
                for (device, rate) in rates {
                    let standing = &mut standings[*device];
                    standing.shared += 1;
                    standing.led += usize::from(*rate == highest);
                    logarithms[*device] += (rate / highest).ln();
                }
            }
        }
        for (standing, sum) in standings.iter_mut().zip(logarithms) {
            standing.of_fastest = (standing.shared > 0).then(|| (sum / standing.shared as f64).exp());
        }
        let most = standings.iter().map(|standing| standing.measured).max().unwrap_or(0);
        let rank = |standing: &Standing| {
            (2 * standing.measured < most, -standing.of_fastest.unwrap_or(f64::NEG_INFINITY))
        };
        standings.sort_by(|a, b| {
            let (a, b) = (rank(a), rank(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        standings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_results::{Row, RunFile};

    fn device(name: &str, rows: Vec<Row>) -> RunFile {
        let mut header = fixture::h100_header();
        header.device.id = format!("vulkan/{name}/1");
        header.device.name = name.into();
        fixture::file(header, rows)
    }

    fn row(n: u32, seconds: f64) -> Row {
        fixture::ok_row(&format!("gemm f32 m{n} n{n} k{n} nn"), seconds)
    }

    #[test]
    fn the_share_is_the_geometric_mean_over_the_cases_that_another_has_too() {
        let runs = [
            device("a", vec![row(64, 1.0), row(128, 4.0), row(256, 1.0)]),
            device("b", vec![row(64, 2.0), row(128, 1.0)]),
        ];
        let standings = Comparison::new(&runs).standings();
        // a: 1 and 1/4, so 1/2, and no other device has 256; b: 1/2 and 1, so √½.
        assert_eq!(standings.iter().map(|s| s.device).collect::<Vec<_>>(), [1, 0]);
        let counts = |s: &Standing| (s.measured, s.shared, s.led);
        assert_eq!((counts(&standings[0]), counts(&standings[1])), ((2, 2, 1), (3, 2, 1)));
        assert!((standings[0].of_fastest.unwrap() - 0.5f64.sqrt()).abs() < 1e-12);
        assert!((standings[1].of_fastest.unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn one_fast_case_does_not_stand_before_many() {
        let many = |name, seconds| device(name, (1..=4).map(|n| row(64 * n, seconds)).collect());
        let runs = [device("one", vec![row(64, 0.1)]), many("slow", 2.0), many("fast", 1.0)];
        let order: Vec<usize> = Comparison::new(&runs).standings().iter().map(|s| s.device).collect();
        assert_eq!(order, [2, 1, 0]);
    }

    #[test]
    fn rates_of_unlike_methods_are_not_held_against_each_other() {
        let mut runs = [device("a", vec![row(64, 1.0)]), device("b", vec![row(64, 2.0)])];
        runs[1].header.method += 1;
        for standing in Comparison::new(&runs).standings() {
            assert_eq!((standing.shared, standing.of_fastest), (0, None));
        }
    }

    #[test]
    fn some_devices_alone_keep_their_rows_and_cases() {
        let runs = [
            device("a", vec![row(64, 1.0)]),
            device("b", vec![row(128, 2.0)]),
            device("c", vec![row(64, 3.0)]),
        ];
        let comparison = Comparison::new(&runs).only(&[2, 1]);
        let labels: Vec<&str> = comparison.devices.iter().map(|d| d.header.device.name.as_str()).collect();
        assert_eq!(labels, ["c", "b"]);
        let cases: Vec<_> = comparison.cases.iter().map(|line| (line.key, line.entries.clone())).collect();
        assert_eq!(
            cases,
            [
                ("gemm f32 m64 n64 k64 nn", vec![Some(0), None]),
                ("gemm f32 m128 n128 k128 nn", vec![None, Some(0)])
            ]
        );
    }
}
