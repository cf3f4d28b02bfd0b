//! All charts of a report.

use super::attention::attention;
use super::bandwidth::bandwidth;
use super::figure::{Chart, Figure};
use super::gemm::gemm;
use super::roofline::roofline;
use crate::analysis::Comparison;
use crate::report::anchor::Names;

/// The charts in the order of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Charts {
    /// For each device.
    pub rooflines: Vec<Chart>,
    /// Products over size.
    pub gemm: Chart,
    /// Attention over length.
    pub attention: Chart,
    /// Access patterns and decode.
    pub bandwidth: Chart,
}

impl Charts {
    /// Draws everything that there is data for.
    pub fn new(comparison: &Comparison) -> Self {
        let mut names = Names::default();
        let rooflines = comparison.devices.iter().enumerate();
        Charts {
            rooflines: rooflines
                .map(|(index, device)| {
                    roofline(device, index, &names.take(&format!("roofline {}", device.label)))
                })
                .collect(),
            gemm: gemm(comparison),
            attention: attention(comparison),
            bandwidth: bandwidth(comparison),
        }
    }

    /// Those that can be shown.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.rooflines.iter().chain([&self.gemm, &self.attention, &self.bandwidth]).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture;

    #[test]
    fn hostile_names_and_numbers_are_drawn_without_harm() {
        let runs = fixture::hostile();
        let charts = Charts::new(&Comparison::new(&runs));
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
        assert_eq!(Charts::new(&Comparison::new(&[])).figures().count(), 0);
    }
}
