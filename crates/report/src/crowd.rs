//! Reports on more devices than charts can show: one table lists all devices, and only the first few are
//! shown in full.

use super::facts::facts;
use super::wording;
use portamark_analysis::{Crowd, Device, HEADLINES, Headline, MOST_DEVICES, Standing, caveats};
use portamark_model::units;
use portamark_results::Status;
use serde::Serialize;

/// Table of all devices, for a report that shows only some of them in full.
#[derive(Debug, Clone, Serialize)]
pub struct CrowdView {
    /// Heading with the number of devices, e.g. `30 devices`.
    pub title: String,
    /// Short facts on what was compared: cases, suite, method, version and dates.
    pub facts: Vec<String>,
    /// Number of devices shown in full.
    pub shown: usize,
    /// One line for each device, in ranking order.
    pub lines: Vec<CrowdLine>,
}

/// Summary of one device in one line.
#[derive(Debug, Clone, Serialize)]
pub struct CrowdLine {
    /// Rank of the device, counted from 1.
    pub place: usize,
    /// Label of the device.
    pub device: String,
    /// Geometric mean of the device's rates relative to the highest rate of all devices, as a percentage.
    pub of_fastest: String,
    /// Number of cases in which no other device is faster, of those that another device has too, e.g. `3 of
    /// 12`.
    pub led: String,
    /// Headline rates with their units, in the order of [`HEADLINES`].
    pub rates: Vec<String>,
    /// Number of rows with a verified rate.
    pub measured: usize,
    /// Number of rows that ended with a defect.
    pub broken: usize,
    /// Number of rows that are unsupported, were skipped or ran out of memory.
    pub not_run: usize,
    /// Most important caveat about the results, or a dash.
    pub caveat: String,
}

impl CrowdView {
    /// Returns the column headings.
    pub fn head() -> Vec<&'static str> {
        let mut head = vec!["place", "device", "relative to fastest", "fastest in"];
        head.extend(HEADLINES);
        head.extend(["measured", "broken", "not run", "caveats"]);
        head
    }

    /// Creates the table of all devices of `comparison`, in the order of `standings`.
    pub fn new(crowd: &Crowd) -> Self {
        let Crowd { comparison, standings } = crowd;
        let line = |(place, standing): (usize, &Standing)| {
            line(place + 1, &comparison.devices[standing.device], standing)
        };
        CrowdView {
            title: format!("{} devices", comparison.devices.len()),
            facts: facts(comparison),
            shown: standings.len().min(MOST_DEVICES),
            lines: standings.iter().enumerate().map(line).collect(),
        }
    }
}

impl CrowdLine {
    /// Returns the cells in the order of [`CrowdView::head`].
    pub fn cells(&self) -> Vec<String> {
        let mut cells =
            vec![self.place.to_string(), self.device.clone(), self.of_fastest.clone(), self.led.clone()];
        cells.extend(self.rates.iter().cloned());
        cells.extend([self.measured, self.broken, self.not_run].map(|count| count.to_string()));
        cells.push(self.caveat.clone());
        cells
    }
}

fn line(place: usize, device: &Device, standing: &Standing) -> CrowdLine {
    let rates = Headline::of(device).items().map(|(_, entry)| {
        let rate = entry.and_then(|entry| entry.rate);
        rate.as_ref().map_or(wording::NONE.into(), wording::rate)
    });
    let broken = device.defects();
    let not_run = [Status::Unsupported, Status::Skipped, Status::OutOfMemory].map(|s| device.count(s));
    CrowdLine {
        place,
        device: device.label.clone(),
        of_fastest: standing.of_fastest.map_or(wording::NONE.into(), units::percent),
        led: format!("{} of {}", standing.led, standing.shared),
        rates: rates.into(),
        measured: standing.measured,
        broken,
        not_run: not_run.into_iter().sum(),
        caveat: caveats(device).into_iter().next().unwrap_or_else(|| wording::NONE.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::Comparison;
    use portamark_fixtures::fixture;

    #[test]
    fn a_line_has_a_cell_for_each_column_and_counts_what_ran() {
        let runs = fixture::three_devices();
        let comparison = Comparison::new(&runs);
        let view =
            CrowdView::new(&Crowd { standings: comparison.standings(), comparison: comparison.clone() });
        assert_eq!((view.title.as_str(), view.lines.len(), view.shown), ("3 devices", 3, 3));
        let first = &view.lines[0];
        assert_eq!(first.cells().len(), CrowdView::head().len());
        let device = comparison.devices.iter().find(|device| device.label == first.device).unwrap();
        assert_eq!(first.measured + first.broken + first.not_run, device.all().count());
    }
}
