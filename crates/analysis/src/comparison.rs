//! Rows of several result files side by side: by device, and by case across devices.

use super::device::{Device, Entry};
use super::imported::{ImportedRow, imported_rows, is_imported};
use super::label::labels;
use portamark_model::device::ChipKind;
use portamark_model::workload::{Case, compare_keys};
use portamark_results::{AbSide, Header, RunFile};
use std::collections::{BTreeMap, HashMap};

/// One case across all devices.
#[derive(Debug, Clone)]
pub struct CaseLine<'a> {
    /// Case key as written in the rows.
    pub key: &'a str,
    /// Parsed case; `None` if the key is not understood.
    pub case: Option<Case>,
    /// Index of each device's row in [`Device::entries`]; `None` if the device has no row of the case.
    pub entries: Vec<Option<usize>>,
}

/// What makes files belong to one device: its id and kind, executor, method, distribution of inputs, labels and A/B side.
type Identity<'a> =
    (&'a str, ChipKind, &'a str, u32, &'a str, &'a BTreeMap<String, String>, Option<&'a AbSide>);

/// All rows of a set of files, grouped by device and by case.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// Devices, in file order.
    pub devices: Vec<Device<'a>>,
    /// Cases, ordered by family and then by key, with numbers compared as numbers.
    pub cases: Vec<CaseLine<'a>>,
    /// Imported results of other programs, which belong to none of the devices.
    pub imported: Vec<ImportedRow<'a>>,
}

impl<'a> Comparison<'a> {
    /// Groups the rows of `runs`. Files with the same device (id and kind), executor, method version, distribution of
    /// inputs, labels of the user and side of an A/B run become one device. Two cards of one model, or cards of two
    /// hosts, have the same name and driver: only the labels tell them apart.
    pub fn new(runs: &'a [RunFile]) -> Self {
        let mut groups: Vec<Vec<&RunFile>> = Vec::new();
        let mut places: HashMap<Identity, usize> = HashMap::new();
        for run in runs.iter().filter(|run| !is_imported(run)) {
            let executor = run.header.executor.split_whitespace().next().unwrap_or("");
            let header = &run.header;
            // The two sides of an A/B run are two devices, even on the same chip.
            let (inputs, side) = (header.distribution(), header.ab.as_ref());
            let kind = header.device.chip_kind();
            let id = header.device.id.as_str();
            let identity = (id, kind, executor, header.method, inputs, &header.labels, side);
            let place = *places.entry(identity).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[place].push(run);
        }
        let mut devices: Vec<Device> = groups.into_iter().map(Device::new).collect();
        let headers: Vec<&Header> = devices.iter().map(|device| device.header).collect();
        for (device, label) in devices.iter_mut().zip(labels(&headers)) {
            device.label = label;
        }
        let cases = lines(&devices);
        let imported = imported_rows(runs, &devices);
        Comparison { devices, cases, imported }
    }

    /// Returns only the devices at the indices `wanted`, in that order and with their present labels, and the
    /// cases that they have rows of.
    ///
    /// # Panics
    /// Panics if an index is out of range of [`Comparison::devices`].
    pub fn only(&self, wanted: &[usize]) -> Comparison<'a> {
        let devices: Vec<Device> = wanted.iter().map(|device| self.devices[*device].clone()).collect();
        let mut imported = self.imported.clone();
        for row in &mut imported {
            row.devices = (0..wanted.len()).filter(|place| row.devices.contains(&wanted[*place])).collect();
        }
        Comparison { cases: lines(&devices), devices, imported }
    }

    /// Returns the row of device `device` for `line`; `None` if there is none.
    pub fn entry(&self, line: &CaseLine, device: usize) -> Option<&Entry<'a>> {
        let place = line.entries.get(device).copied().flatten()?;
        self.devices.get(device)?.entries.get(place)
    }
}

fn lines<'a>(devices: &[Device<'a>]) -> Vec<CaseLine<'a>> {
    let mut cases: Vec<CaseLine> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (index, device) in devices.iter().enumerate() {
        for (at, entry) in device.entries.iter().enumerate() {
            let place = *places.entry(&entry.row.case).or_insert_with(|| {
                let case = entry.case.clone().ok();
                cases.push(CaseLine { key: &entry.row.case, case, entries: vec![None; devices.len()] });
                cases.len() - 1
            });
            cases[place].entries[index] = Some(at);
        }
    }
    cases.sort_by(|a, b| compare_keys(a.key, b.key));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_results::{Row, Status};

    fn file(header: Header, rows: Vec<Row>) -> RunFile {
        fixture::file(header, rows)
    }

    #[test]
    fn the_newest_row_of_a_case_wins_and_the_others_are_counted() {
        let key = "gemm f32 m4 n4 k4 nn";
        let row =
            |started: &str, seconds: f64| fixture::ok_row(key, seconds).but(|it| it.started = started.into());
        let mut old = fixture::h100_header();
        old.started = "2025-01-01T00:00:00Z".into();
        let runs = [
            file(fixture::h100_header(), vec![row("2026-01-02T00:00:00Z", 1.0)]),
            file(old, vec![row("2025-01-01T00:00:01Z", 2.0), row("2025-01-01T00:00:02Z", 4.0)]),
        ];
        let comparison = Comparison::new(&runs);
        let [device] = &comparison.devices[..] else { panic!("one device") };
        assert_eq!((device.entries.len(), device.superseded), (1, 2));
        assert_eq!(device.entries[0].rate.unwrap().value, 128.0);
        assert_eq!(device.header.started, runs[0].header.started);
    }

    #[test]
    fn cards_of_one_model_with_labels_of_their_own_are_two_devices() {
        let key = "gemm f32 m4 n4 k4 nn";
        let card = |label: &str, seconds: f64| {
            let mut header = fixture::h100_header();
            header.labels = [("card".to_string(), label.to_string()), ("lab".into(), "x".into())].into();
            file(header, vec![fixture::ok_row(key, seconds)])
        };
        let runs = [card("A", 1.0), card("B", 2.0), card("A", 4.0)];
        let comparison = Comparison::new(&runs);
        let told: Vec<(&str, usize, usize)> =
            comparison.devices.iter().map(|d| (d.label.as_str(), d.files.len(), d.superseded)).collect();
        let name = "NVIDIA H100 80GB HBM3 · 580.82.07";
        // The label that is the same on both is not said.
        let (a, b) = (format!("{name} · card=A"), format!("{name} · card=B"));
        assert_eq!(told, [(a.as_str(), 2, 1), (b.as_str(), 1, 0)]);
    }

    #[test]
    fn of_several_variants_in_one_file_the_fastest_stands_for_the_case() {
        let runs = [fixture::variants()];
        let comparison = Comparison::new(&runs);
        let device = &comparison.devices[0];
        let kernel = |entry: &Entry| entry.row.kernel.as_ref().unwrap().variant.to_string();
        assert_eq!(device.entries.len(), 1);
        assert_eq!((device.others.len(), device.superseded), (3, 0));
        assert_eq!(kernel(&device.entries[0]), "tiled bk16 bm64 bn64");
        let all: Vec<String> = device.all().map(kernel).collect();
        assert_eq!(all[1], "tiled bk16 bm64 bn64 checked", "{all:?}");
        assert_eq!(device.count(Status::Wrong), 1);
        // A newer file replaces all of them, even if it is slower.
        let mut newer = fixture::h100_header();
        newer.started = "2026-04-01T00:00:00Z".into();
        let row = fixture::ok_row(fixture::MANY, 9.0).but(|it| it.started = newer.started.clone());
        let runs = [fixture::variants(), fixture::file(newer, vec![row])];
        let comparison = Comparison::new(&runs);
        let device = &comparison.devices[0];
        assert_eq!((device.entries.len(), device.others.len(), device.superseded), (1, 0, 4));
        assert_eq!(device.entries[0].row.seconds(), Some(9.0));
    }

    #[test]
    fn rows_of_another_method_are_another_device_and_have_no_leader() {
        let key = "gemm f32 m4 n4 k4 nn";
        let mut later = fixture::h100_header();
        later.method += 1;
        let runs = [
            file(fixture::h100_header(), vec![fixture::ok_row(key, 1.0)]),
            file(later, vec![fixture::ok_row(key, 2.0)]),
        ];
        let comparison = Comparison::new(&runs);
        assert_eq!(comparison.devices.len(), 2);
        assert!(comparison.leads().is_empty());
    }

    #[test]
    fn what_did_not_run_is_gathered_by_reason() {
        let failed = |key: &str, status, reason: Option<&str>| fixture::failed_row(key, status, reason);
        let runs = [file(
            fixture::software_header(),
            vec![
                failed("gemm f16 m4 n4 k4 nn", Status::Unsupported, Some("no\nf16")),
                failed("gemm f16 m8 n8 k8 nn", Status::Unsupported, Some("no f16")),
                failed("gemm f32 m8 n8 k8 nn", Status::Crashed, None),
                failed("what is this", Status::Skipped, Some("")),
            ],
        )];
        let comparison = Comparison::new(&runs);
        let device = &comparison.devices[0];
        let groups: Vec<_> =
            device.not_run().into_iter().map(|g| (g.status, g.reason, g.cases.len())).collect();
        assert_eq!(
            groups,
            [
                (Status::Crashed, "no reason was recorded".into(), 1),
                (Status::Unsupported, "no f16".into(), 2),
                (Status::Skipped, "no reason was recorded".into(), 1),
            ]
        );
        let unknown: Vec<_> = device.not_understood().collect();
        assert_eq!(unknown.len(), 1);
        assert!(unknown[0].1.contains("no family `what`"), "{unknown:?}");
    }

    #[test]
    fn no_files_are_an_empty_comparison() {
        let comparison = Comparison::new(&[]);
        assert!(comparison.devices.is_empty() && comparison.cases.is_empty());
    }
}
