//! More devices than charts and columns can tell apart: all in one table, and a few of them in full.

use super::page::facts;
use super::wording;
use portamark_analysis::{Comparison, Device, HEADLINES, Headline, Standing, caveats};
use portamark_model::units;
use portamark_results::Status;
use serde::Serialize;

/// Devices that a report shows in full at most. There are as many colours that people tell apart.
pub const MOST_DEVICES: usize = 12;

/// All devices of a report that shows some of them in full.
#[derive(Debug, Clone, Serialize)]
pub struct CrowdView {
    /// How many there are.
    pub title: String,
    /// What was compared, in a few words each.
    pub facts: Vec<String>,
    /// How many are shown in full.
    pub shown: usize,
    /// One for each device, the first of the order first.
    pub lines: Vec<CrowdLine>,
}

/// One device in one line.
#[derive(Debug, Clone, Serialize)]
pub struct CrowdLine {
    /// From 1.
    pub place: usize,
    /// Its label.
    pub device: String,
    /// Geometric mean of its rates over the highest of all devices.
    pub of_fastest: String,
    /// Cases in which no device is faster, of those that another has too.
    pub led: String,
    /// The headline rates, in the order of [`HEADLINES`].
    pub rates: Vec<String>,
    /// Rows with a proven rate.
    pub measured: usize,
    /// Rows that ended as something broken.
    pub broken: usize,
    /// Rows that were not offered or not affordable.
    pub not_run: usize,
    /// What to know before believing it.
    pub caveat: String,
}

impl CrowdView {
    /// What the columns are called.
    pub fn head() -> Vec<&'static str> {
        let mut head = vec!["place", "device", "of the fastest", "fastest in"];
        head.extend(HEADLINES);
        head.extend(["measured", "broken", "not run", "before you believe it"]);
        head
    }

    /// The table of all devices of `comparison` in the order of `standings`.
    pub fn new(comparison: &Comparison, standings: &[Standing]) -> Self {
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
    /// The cells in the order of [`CrowdView::head`].
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
    use portamark_fixtures::fixture;

    #[test]
    fn a_line_has_a_cell_for_each_column_and_counts_what_ran() {
        let runs = fixture::three_devices();
        let comparison = Comparison::new(&runs);
        let view = CrowdView::new(&comparison, &comparison.standings());
        assert_eq!((view.title.as_str(), view.lines.len(), view.shown), ("3 devices", 3, 3));
        let first = &view.lines[0];
        assert_eq!(first.cells().len(), CrowdView::head().len());
        let device = comparison.devices.iter().find(|device| device.label == first.device).unwrap();
        assert_eq!(first.measured + first.broken + first.not_run, device.all().count());
    }
}
