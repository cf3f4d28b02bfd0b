//! Efficiency of a row: the fraction it reaches of the measured roof, of the published roof, or of the best
//! known time; or the reason why it has none.

use super::chip;
use super::comparison::{CaseLine, Comparison};
use super::device::{Device, Entry};
use super::published::{accelerator, published_times};
use super::rate::proven_seconds;
use portamark_model::plain_text::clean;
use portamark_model::workload::Case;
use portamark_results::{Row, Status};
use portamark_stats::{Best, Nested, Sampled};
use serde::Serialize;
use std::collections::HashMap;

/// Kind of efficiency: what a row's time is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Efficiency {
    /// Best known time of the case on the same chip, by portamark or by another program whose results were
    /// imported: best time over own time.
    Application,
    /// Measured roof of the device: shortest time under that roof over own time.
    Architectural,
    /// Published peak and bandwidth of the device: shortest time under that roof over own time.
    Published,
}

impl Efficiency {
    /// Returns a description for reports.
    pub fn words(self) -> &'static str {
        match self {
            Efficiency::Application => {
                "application efficiency (relative to the best known time on the same chip)"
            }
            Efficiency::Architectural => "architectural efficiency (relative to the measured roof)",
            Efficiency::Published => {
                "architectural efficiency (relative to the published peak and bandwidth)"
            }
        }
    }

    /// Whether this kind of efficiency is defined for `case`. A peak probe defines the measured roof, and
    /// chains of dependent steps (launches, latency) have no roof.
    pub fn applies_to(self, case: &Case) -> bool {
        match self {
            Efficiency::Application => true,
            Efficiency::Architectural => !matches!(case, Case::Peak(_)) && case.steps().is_none(),
            Efficiency::Published => case.steps().is_none(),
        }
    }
}

/// Efficiency of one case on one device, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Cell {
    /// The case ran, was verified, and has an efficiency.
    Efficiency {
        /// Fraction as measured; can exceed 1.
        value: f64,
    },
    /// The case did not run or its result was not verified: an efficiency of 0.
    Unsupported {
        /// Status of the row, or `no proof` if an `ok` row was not verified.
        status: &'static str,
        /// Reason, usually as recorded in the row.
        reason: String,
    },
    /// The case was not measured, which says nothing about the device: the files have no row of it, or it was
    /// skipped because of a budget of time or memory.
    Untried {
        /// Status of the row, or `no row`.
        status: &'static str,
        /// Reason, as recorded in the row.
        reason: String,
    },
    /// The case ran and was verified, but there is no reference to compare its time with.
    Unknown {
        /// What is missing, e.g. the measured roof.
        reason: String,
    },
}

impl Cell {
    /// Whether the case ran and was verified.
    pub fn is_supported(&self) -> bool {
        matches!(self, Cell::Efficiency { .. } | Cell::Unknown { .. })
    }

    /// Returns the efficiency; `None` unless the cell is [`Cell::Efficiency`].
    pub fn value(&self) -> Option<f64> {
        match self {
            Cell::Efficiency { value } => Some(*value),
            _ => None,
        }
    }
}

/// Best time of a case on a chip, and who measured it.
struct Known<'c, 'a> {
    seconds: f64,
    /// Device and row; `None` if another program measured it.
    from: Option<(usize, &'c Entry<'a>)>,
}

/// Efficiencies of one kind for all rows of a comparison.
pub struct Efficiencies<'c, 'a> {
    comparison: &'c Comparison<'a>,
    kind: Efficiency,
    /// Result of [`like`] for each device.
    alike: Vec<String>,
    /// Best times by chip and case; filled only for application efficiency.
    best: HashMap<(String, &'a str), Known<'c, 'a>>,
}

impl<'c, 'a> Efficiencies<'c, 'a> {
    /// Collects what efficiencies of `kind` need from `comparison`.
    pub fn new(comparison: &'c Comparison<'a>, kind: Efficiency) -> Self {
        let mut best: HashMap<(String, &'a str), Known> = HashMap::new();
        let chips = chip::numbers(comparison.devices.iter().map(|device| device.header));
        let alike: Vec<String> =
            comparison.devices.iter().zip(chips).map(|(device, chip)| like(device, chip)).collect();
        if kind == Efficiency::Application {
            let mut offer = |device: usize, case: &'a str, known: Known<'c, 'a>| {
                let key = (alike[device].clone(), case);
                match best.get_mut(&key) {
                    Some(held) if held.seconds <= known.seconds => {}
                    Some(held) => *held = known,
                    None => drop(best.insert(key, known)),
                }
            };
            for (index, device) in comparison.devices.iter().enumerate() {
                for entry in device.entries.iter().chain(&device.others) {
                    let Some(seconds) = proven_seconds(entry.row) else { continue };
                    offer(index, &entry.row.case, Known { seconds, from: Some((index, entry)) });
                }
            }
            // Imported times count as known too, although another method measured them, unless no device can
            // be that fast.
            for import in comparison.imported.iter().filter(|i| i.case.is_some() && !i.is_impossible()) {
                let usable = |seconds: &f64| seconds.is_finite() && *seconds > 0.0;
                let Some(seconds) = import.row.imported_seconds().filter(usable) else { continue };
                for device in &import.devices {
                    offer(*device, &import.row.case, Known { seconds, from: None });
                }
            }
        }
        Efficiencies { comparison, kind, alike, best }
    }

    /// Returns the efficiency of the case `line` on `device`.
    pub fn cell(&self, line: &CaseLine, device: usize) -> Cell {
        let Some(entry) = self.comparison.entry(line, device) else {
            return Cell::Untried { status: "no row", reason: "it was not measured".into() };
        };
        let Some(own) = proven_seconds(entry.row) else {
            return without_time(entry.row);
        };
        match self.bound(entry, device) {
            Ok(bound) if (bound / own).is_finite() && bound / own > 0.0 => {
                Cell::Efficiency { value: bound / own }
            }
            Ok(_) => Cell::Unknown { reason: "the time is not a usable number".into() },
            Err(reason) => Cell::Unknown { reason },
        }
    }

    /// Returns the reference time of the row in seconds: the shortest possible or best known one.
    fn bound(&self, entry: &Entry, device: usize) -> Result<f64, String> {
        let case = entry.case.as_ref().map_err(|why| format!("key not understood: {why}"))?;
        let bound = match self.kind {
            Efficiency::Application => {
                let key = (self.alike[device].clone(), entry.row.case.as_str());
                self.best.get(&key).map(|known| known.seconds).ok_or("no time is known".to_string())
            }
            Efficiency::Architectural => {
                entry.placement.map(|placement| placement.bound_s).ok_or_else(|| {
                    let probe = if case.is_bandwidth() { "stream" } else { "peak" };
                    format!("no {probe} row has measured the roof for {}", case.precision())
                })
            }
            Efficiency::Published => published_bound(entry, case),
        };
        bound.and_then(|bound| {
            let usable = bound.is_finite() && bound > 0.0;
            if usable { Ok(bound) } else { Err("the roof is not a usable number".into()) }
        })
    }

    /// Returns the samples behind the efficiency of `line` on `device`, for a bootstrap: grouped by process
    /// where several processes measured the case. `None` if the efficiency is not known.
    pub fn sampled(&self, line: &CaseLine, device: usize) -> Option<Sampled> {
        let entry = self.comparison.entry(line, device)?;
        let bound = self.bound(entry, device).ok()?;
        let own = samples(&self.comparison.devices[device], entry)?;
        if self.kind != Efficiency::Application {
            return Some(Sampled { own, best: Best::Known(bound) });
        }
        let key = (self.alike[device].clone(), entry.row.case.as_str());
        let known = self.best.get(&key)?;
        // The other program's samples are not available: its time is taken as exact.
        let Some((other, best)) = known.from else {
            return Some(Sampled { own, best: Best::Known(bound) });
        };
        if std::ptr::eq(best.row, entry.row) {
            // The best has efficiency 1 by definition, whatever its noise.
            return Some(Sampled { own: Nested::Samples(vec![1.0]), best: Best::Known(1.0) });
        }
        let best = samples(&self.comparison.devices[other], best)?;
        Some(Sampled { own, best: Best::Measured(best) })
    }
}

/// Returns a key of what must agree before times are compared: number of the chip, method and distribution of
/// inputs.
fn like(device: &Device, chip: usize) -> String {
    let header = device.header;
    format!("{chip} · {} · {}", header.method, header.distribution())
}

/// Returns the cell of a row without a verified time.
fn without_time(row: &Row) -> Cell {
    if row.status == Status::Ok {
        let reason = "the result is not verified or has no usable time".into();
        return Cell::Unsupported { status: "no proof", reason };
    }
    let reason = row.reason.as_deref().map(clean).filter(|reason| !reason.is_empty());
    let reason = reason.unwrap_or_else(|| "no reason was recorded".into());
    match row.status {
        Status::Skipped => Cell::Untried { status: row.status.name(), reason },
        status => Cell::Unsupported { status: status.name(), reason },
    }
}

/// Returns the shortest time by the published figures, analogous to the measured roof: the figure that the
/// case is judged by must be known; the other one takes part if it is known.
fn published_bound(entry: &Entry, case: &Case) -> Result<f64, String> {
    let Some(found) = accelerator(entry.header) else {
        return Err("no figures are published for the device".into());
    };
    let row = entry.row;
    let (compute, memory) = published_times(found, case.precision(), row.flop.into(), row.bytes);
    let (judged, what) = if case.is_bandwidth() {
        (memory, "bandwidth".into())
    } else {
        (compute, case.precision().to_string())
    };
    judged.ok_or_else(|| format!("no figure for {what} is published"))?;
    Ok(compute.unwrap_or(0.0).max(memory.unwrap_or(0.0)))
}

/// Returns the samples of the case and variant of `entry` in its file: of one process, or of several
/// processes, kept apart.
fn samples(device: &Device, entry: &Entry) -> Option<Nested> {
    let file = device.files.iter().find(|file| std::ptr::eq(&file.header, entry.header))?;
    let (case, variant, _) = entry.row.identity();
    let is_it = |row: &&Row| row.case == case && proven_seconds(row).is_some() && row.identity().1 == variant;
    // A retry replaces the earlier row of the same repeat.
    let mut processes: Vec<(u32, Vec<f64>)> = Vec::new();
    for row in file.rows.iter().filter(is_it) {
        let seconds = row.timing.as_ref()?.seconds();
        match processes.iter_mut().find(|(repeat, _)| *repeat == row.repeat) {
            Some((_, held)) => *held = seconds,
            None => processes.push((row.repeat, seconds)),
        }
    }
    let mut processes: Vec<Vec<f64>> = processes.into_iter().map(|(_, seconds)| seconds).collect();
    match processes.len() {
        0 => None,
        1 => processes.pop().map(Nested::Samples),
        _ => Some(Nested::processes(&processes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published_peak;
    use portamark_fixtures::fixture;
    use portamark_results::RunFile;

    const KEY: &str = "gemm f32 m4 n4 k4 nn";

    fn cells(runs: &[RunFile], kind: Efficiency, key: &str) -> Vec<Cell> {
        let comparison = Comparison::new(runs);
        let efficiencies = Efficiencies::new(&comparison, kind);
        let line = comparison.cases.iter().find(|line| line.key == key).unwrap();
        (0..comparison.devices.len()).map(|device| efficiencies.cell(line, device)).collect()
    }

    fn row_with_samples(seconds: f64, repeat: u32) -> Row {
        let mut row = fixture::ok_row(KEY, seconds).but(|it| it.repeat = repeat);
        let timing = row.timing.as_mut().unwrap();
        timing.k = 1;
        timing.device_ns = vec![(1e9 * seconds) as u64; 6];
        row
    }

    #[test]
    fn of_the_measured_roof_it_is_the_share_of_the_roofline() {
        // 128 FLOP at 4096 FLOP/s are 1/32 s: half in 1/16 s. The second device has no stream rows.
        let roof = || {
            vec![fixture::ok_row("peak f32 fma c64 s32", 1.0), fixture::ok_row("stream f32 copy n1024", 1.0)]
        };
        let mut rows = roof();
        rows.push(fixture::ok_row(KEY, 1.0 / 16.0));
        let alone = fixture::file(fixture::software_header(), vec![fixture::ok_row(KEY, 1.0)]);
        let failed = fixture::failed_row(KEY, Status::Unsupported, Some("no f32"));
        let runs = [
            fixture::file(fixture::h100_header(), rows),
            alone,
            fixture::file(fixture::newer_software_header(), vec![failed]),
        ];
        let found = cells(&runs, Efficiency::Architectural, KEY);
        assert_eq!(found[0], Cell::Efficiency { value: 0.5 });
        assert_eq!(found[1], Cell::Unknown { reason: "no peak row has measured the roof for f32".into() });
        assert_eq!(found[2], Cell::Unsupported { status: "unsupported", reason: "no f32".into() });
    }

    #[test]
    fn of_the_published_peak_it_needs_an_accelerator_with_that_figure() {
        // Whatever the catalogue's fp32 peak of an H100 SXM is (66.9 TFLOP/s), the row reaches half of it.
        let header = fixture::h100_header();
        let figure = published_peak(
            accelerator(&header).unwrap(),
            "gemm f32 m4 n4 k4 nn".parse::<Case>().unwrap().precision(),
        );
        let seconds = 2.0 * 137_438_953_472.0 / figure.unwrap().per_second;
        let key = "gemm f32 m4096 n4096 k4096 nn";
        let rows = |seconds: f64| vec![fixture::ok_row(key, seconds)];
        let runs =
            [fixture::file(header, rows(seconds)), fixture::file(fixture::software_header(), rows(1.0))];
        let found = cells(&runs, Efficiency::Published, key);
        assert!((found[0].value().unwrap() - 0.5).abs() < 1e-9, "{found:?}");
        assert!(matches!(&found[1], Cell::Unknown { .. }), "{found:?}");
    }

    #[test]
    fn of_the_best_known_time_it_is_one_for_the_best_on_each_chip() {
        // Two drivers of one chip: 1 s and 4 s. A third chip has its own best.
        let mut other = fixture::h100_header();
        other.device.id = "vulkan/NVIDIA H100 80GB HBM3/999".into();
        other.device.driver_version = "999".into();
        let file = |header, seconds| fixture::file(header, vec![fixture::ok_row(KEY, seconds)]);
        let runs =
            [file(fixture::h100_header(), 1.0), file(other, 4.0), file(fixture::software_header(), 9.0)];
        let found = cells(&runs, Efficiency::Application, KEY);
        assert_eq!(found.iter().map(|cell| cell.value().unwrap()).collect::<Vec<_>>(), [1.0, 0.25, 1.0]);
    }

    #[test]
    fn the_best_known_time_may_be_that_of_another_program_on_the_same_chip() {
        // portamark in 4 s, a vendor's library in 1 s: a quarter. A time on another chip does not count.
        let own = || fixture::file(fixture::h100_header(), vec![fixture::ok_row(KEY, 4.0)]);
        let mut imported = fixture::imported_header();
        let runs = [own(), fixture::file(imported.clone(), vec![fixture::imported_row(KEY, 1.0)])];
        assert_eq!(cells(&runs, Efficiency::Application, KEY), [Cell::Efficiency { value: 0.25 }]);
        imported.device.name = "NVIDIA H20".into();
        let runs = [own(), fixture::file(imported, vec![fixture::imported_row(KEY, 1.0)])];
        assert_eq!(cells(&runs, Efficiency::Application, KEY), [Cell::Efficiency { value: 1.0 }]);
    }

    #[test]
    fn an_imported_time_that_no_device_can_reach_is_not_the_best_known() {
        // 2·4096³ FLOP at 1426.5 TFLOP/s in fp32, where the H100 has 67.
        let key = "gemm f32 m4096 n4096 k4096 nn";
        let own = fixture::file(fixture::h100_header(), vec![fixture::ok_row(key, 4.0)]);
        let told = fixture::imported_row(key, 137_438_953_472.0 / 1426.5e12);
        let runs = [own, fixture::file(fixture::imported_header(), vec![told])];
        assert_eq!(cells(&runs, Efficiency::Application, key), [Cell::Efficiency { value: 1.0 }]);
    }

    #[test]
    fn a_row_without_proof_is_unsupported() {
        let mut row = fixture::ok_row(KEY, 1.0);
        row.verification.as_mut().unwrap().passed = false;
        let runs = [fixture::file(fixture::h100_header(), vec![row])];
        let found = cells(&runs, Efficiency::Application, KEY);
        assert!(matches!(&found[0], Cell::Unsupported { status: "no proof", .. }), "{found:?}");
    }

    #[test]
    fn samples_are_those_of_the_processes_of_the_newest_file() {
        let rows = vec![row_with_samples(1.0, 1), row_with_samples(2.0, 2), row_with_samples(4.0, 3)];
        let runs = [fixture::file(fixture::h100_header(), rows)];
        let comparison = Comparison::new(&runs);
        let line = &comparison.cases[0];
        let application = Efficiencies::new(&comparison, Efficiency::Application);
        assert_eq!(application.sampled(line, 0).unwrap().best, Best::Known(1.0));
        let found = samples(&comparison.devices[0], &comparison.devices[0].entries[0]).unwrap();
        assert_eq!((found.len(), found.uniform_depth()), (3, Some(2)));
        let single = [fixture::file(fixture::h100_header(), vec![row_with_samples(1.0, 1)])];
        let comparison = Comparison::new(&single);
        let found = samples(&comparison.devices[0], &comparison.devices[0].entries[0]).unwrap();
        assert_eq!(found, Nested::Samples(vec![1.0; 6]));
    }
}
