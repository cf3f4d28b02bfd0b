//! The rows of several files side by side: devices, and cases across devices.

use super::ceiling::Ceilings;
use super::label::{clean, labels};
use super::plausibility::{Excess, excess};
use super::rate::Rate;
use super::repeats::typical;
use super::roofline::{Placement, place};
use super::sensitivity::distribution;
use super::vendor::{ImportedRow, imported_rows, is_imported};
use portamark_model::workload::{Case, FAMILIES};
use portamark_results::{AbSide, Header, Outcome, Row, RunFile, Status};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Rates closer than this factor have no leader, however narrow their intervals: runs of different
/// processes differ by as much.
const LEAD_MARGIN: f64 = 1.02;

/// One row with what follows from it.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The row.
    pub row: &'a Row,
    /// The header of its file.
    pub header: &'a Header,
    /// The case of its key, or why the key is not understood.
    pub case: Result<Case, String>,
    /// The headline rate, of proven `ok` rows.
    pub rate: Option<Rate>,
    /// Where it lies under the measured roof of its device.
    pub placement: Option<Placement>,
    /// What makes its rate too good to be taken as it is.
    pub excess: Option<Excess>,
}

/// One device with one executor and one version of the method: the newest row of each case, and where
/// its run measured several kernel variants, the fastest of them.
#[derive(Debug, Clone)]
pub struct Device<'a> {
    /// Short and unique among the devices compared.
    pub label: String,
    /// Header of the newest file.
    pub header: &'a Header,
    /// All its files, oldest first.
    pub files: Vec<&'a RunFile>,
    /// The newest row of each key, in the order of cases; the fastest of several variants.
    pub entries: Vec<Entry<'a>>,
    /// The slower variants of those cases, of the same files, in the order of cases.
    pub others: Vec<Entry<'a>>,
    /// Rows left out because a newer file, or a later line, has the same.
    pub superseded: usize,
    /// What it was seen to reach.
    pub ceilings: Ceilings,
}

/// A case across devices.
#[derive(Debug, Clone)]
pub struct CaseLine<'a> {
    /// The key as the rows have it.
    pub key: &'a str,
    /// What it means; none if the key is not understood.
    pub case: Option<Case>,
    /// For each device the place of its row among [`Device::entries`].
    pub entries: Vec<Option<usize>>,
}

/// The device with the highest rate of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lead {
    /// Which device.
    pub device: usize,
    /// The second.
    pub over: usize,
    /// Rate of the first over that of the second, at least 1.
    pub ratio: f64,
    /// Whether the intervals lie apart and the ratio is 1.02 or more. This is what one run of each
    /// device shows; it is no verdict, which takes several processes.
    pub clear: bool,
}

/// Cases that did not run for the same reason.
#[derive(Debug, Clone, PartialEq)]
pub struct NotRun<'a> {
    /// How they ended.
    pub status: Status,
    /// Why, on one line.
    pub reason: String,
    /// Their keys.
    pub cases: Vec<&'a str>,
}

/// Everything that a set of files says.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// In the order of the files.
    pub devices: Vec<Device<'a>>,
    /// In the order of families, then of keys with their numbers read as numbers.
    pub cases: Vec<CaseLine<'a>>,
    /// Numbers of other programs, which belong to none of the devices.
    pub imported: Vec<ImportedRow<'a>>,
}

impl<'a> Comparison<'a> {
    /// Groups the rows of `runs`. Files of the same device, executor, method version and distribution
    /// of inputs become one device.
    pub fn new(runs: &'a [RunFile]) -> Self {
        let mut groups: Vec<Vec<&RunFile>> = Vec::new();
        let mut places: HashMap<(&str, &str, u32, &str, Option<&AbSide>), usize> = HashMap::new();
        for run in runs.iter().filter(|run| !is_imported(run)) {
            let executor = run.header.executor.split_whitespace().next().unwrap_or("");
            let header = &run.header;
            // Two sides of one run are two devices, also where they share the chip.
            let (inputs, side) = (distribution(header), header.ab.as_ref());
            let identity = (header.device.id.as_str(), executor, header.method, inputs, side);
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

    /// The devices at `wanted` alone, in that order and with the labels that they have among all, and the
    /// cases that they have rows of.
    ///
    /// # Panics
    /// If a place is not one of [`Comparison::devices`].
    pub fn only(&self, wanted: &[usize]) -> Comparison<'a> {
        let devices: Vec<Device> = wanted.iter().map(|device| self.devices[*device].clone()).collect();
        let mut imported = self.imported.clone();
        for row in &mut imported {
            row.devices = (0..wanted.len()).filter(|place| row.devices.contains(&wanted[*place])).collect();
        }
        Comparison { cases: lines(&devices), devices, imported }
    }

    /// The row of device `device` for `line`.
    pub fn entry(&self, line: &CaseLine, device: usize) -> Option<&Entry<'a>> {
        let place = line.entries.get(device).copied().flatten()?;
        self.devices.get(device)?.entries.get(place)
    }

    /// Which device leads on a case. None with fewer than two rates, or if they were measured by
    /// different versions of the method or on inputs of different distributions.
    pub fn lead(&self, line: &CaseLine) -> Option<Lead> {
        let mut rates: Vec<(usize, Rate)> = (0..self.devices.len())
            .filter_map(|device| Some((device, self.entry(line, device)?.rate?)))
            .collect();
        rates.sort_by(|(_, a), (_, b)| b.value.total_cmp(&a.value));
        let ((device, first), (over, second)) = (rates.first()?, rates.get(1)?);
        let method = |device: usize| {
            let header = self.devices[device].header;
            (header.method, distribution(header))
        };
        if first.unit != second.unit || rates.iter().any(|(d, _)| method(*d) != method(*device)) {
            return None;
        }
        let ratio = first.value / second.value;
        let apart = match (first.interval, second.interval) {
            (Some((lo, _)), Some((_, hi))) => lo > hi,
            _ => false,
        };
        let clear = apart && ratio >= LEAD_MARGIN;
        ratio.is_finite().then_some(Lead { device: *device, over: *over, ratio, clear })
    }
}

impl<'a> Device<'a> {
    fn new(mut files: Vec<&'a RunFile>) -> Self {
        files.sort_by(|a, b| a.header.started.cmp(&b.header.started));
        let header = &files.last().expect("a group has a file").header;
        // Of each case the file that has its newest row, and there a row of each variant.
        let mut newest: HashMap<&str, (usize, Vec<&'a Row>)> = HashMap::new();
        let mut superseded = 0;
        for (number, file) in files.iter().enumerate() {
            for row in file.rows.iter().filter(|row| row.imported.is_none()) {
                let held = newest.entry(&row.case).or_insert((number, Vec::new()));
                if held.0 != number {
                    // Files are in order of time; a row of a resumed file can still be older.
                    if held.1.iter().any(|other| other.started > row.started) {
                        superseded += 1;
                        continue;
                    }
                    superseded += held.1.len();
                    *held = (number, Vec::new());
                }
                match held.1.iter_mut().find(|other| other.identity() == row.identity()) {
                    None => held.1.push(row),
                    Some(other) => {
                        superseded += 1;
                        if row.started >= other.started {
                            *other = row;
                        }
                    }
                }
            }
        }
        let entry = |number: usize, row: &'a Row| {
            let case = row.case.parse::<Case>().map_err(|error| clean(&error.message));
            let rate = Rate::of(case.as_ref().ok(), row);
            Entry { row, header: &files[number].header, case, rate, placement: None, excess: None }
        };
        let (mut entries, mut others) = (Vec::new(), Vec::new());
        for (number, rows) in newest.into_values() {
            let mut variants: Vec<Entry> =
                one_of_each(&rows).into_iter().map(|row| entry(number, row)).collect();
            let value = |entry: &Entry| entry.rate.map_or(f64::NEG_INFINITY, |rate| rate.value);
            // Stable: of equals, and of those without a rate, the first stays first.
            variants.sort_by(|a, b| value(b).total_cmp(&value(a)));
            let mut variants = variants.into_iter();
            entries.extend(variants.next());
            others.extend(variants);
        }
        for list in [&mut entries, &mut others] {
            list.sort_by(|a: &Entry, b: &Entry| case_order(&a.row.case, &b.row.case));
        }
        let understood = |entry: &'_ Entry<'a>| Some((entry.case.clone().ok()?, entry.row));
        let rows: Vec<(Case, &Row)> = entries.iter().filter_map(understood).collect();
        let ceilings = Ceilings::of(rows.iter().map(|(case, row)| (case, *row)));
        for entry in entries.iter_mut().chain(&mut others) {
            let Ok(case) = &entry.case else { continue };
            entry.placement = place(&ceilings, case, entry.row);
            entry.excess = entry
                .rate
                .and_then(|rate| excess(entry.header, &ceilings, case, entry.row, rate, entry.placement));
        }
        Device { label: String::new(), header, files, entries, others, superseded, ceilings }
    }

    /// Every row: of each case the fastest variant and then the others.
    pub fn all(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter().flat_map(|entry| std::iter::once(entry).chain(self.others_of(&entry.row.case)))
    }

    /// The slower variants of the case with that key.
    pub fn others_of(&self, key: &str) -> impl Iterator<Item = &Entry<'a>> {
        // They are in the order of cases.
        let first = self.others.partition_point(|other| case_order(&other.row.case, key).is_lt());
        self.others[first..].iter().take_while(move |other| other.row.case == key)
    }

    /// Proven rows with their case and rate; of several variants the fastest.
    pub fn measured(&self) -> impl Iterator<Item = (&Entry<'a>, &Case, Rate)> {
        self.entries.iter().filter_map(|entry| Some((entry, entry.case.as_ref().ok()?, entry.rate?)))
    }

    /// How many rows have `status`.
    pub fn count(&self, status: Status) -> usize {
        self.all().filter(|entry| entry.row.status == status).count()
    }

    /// How many rows ended as something broken.
    pub fn defects(&self) -> usize {
        self.all().filter(|entry| entry.row.status.is_defect()).count()
    }

    /// How many rows carry `tag`.
    pub fn tagged(&self, tag: &str) -> usize {
        self.all().filter(|entry| entry.row.tags.iter().any(|t| t == tag)).count()
    }

    /// How many of its files end before their run did.
    pub fn interrupted(&self) -> usize {
        let complete = |file: &&&RunFile| file.end.as_ref().is_some_and(|e| e.outcome == Outcome::Done);
        self.files.len() - self.files.iter().filter(complete).count()
    }

    /// What did not run, gathered by status and reason, in the order of [`Status::ALL`].
    pub fn not_run(&self) -> Vec<NotRun<'a>> {
        let mut groups: Vec<NotRun> = Vec::new();
        let mut places: HashMap<(Status, String), usize> = HashMap::new();
        for entry in self.all().filter(|entry| entry.row.status != Status::Ok) {
            let status = entry.row.status;
            let reason = match entry.row.reason.as_deref().map(clean) {
                Some(reason) if !reason.is_empty() => reason,
                _ => "no reason was recorded".into(),
            };
            let place = *places.entry((status, reason.clone())).or_insert_with(|| {
                groups.push(NotRun { status, reason, cases: Vec::new() });
                groups.len() - 1
            });
            groups[place].cases.push(&entry.row.case);
        }
        groups.sort_by_key(|group| Status::ALL.iter().position(|status| *status == group.status));
        groups
    }

    /// Rows whose key this version does not understand, with the reason.
    pub fn not_understood(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.entries
            .iter()
            .filter_map(|entry| Some((entry.row.case.as_str(), entry.case.as_ref().err()?.as_str())))
    }
}

/// Of each variant among the rows of a case the process that stands for all.
fn one_of_each<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let variant = |row: &Row| row.identity().1;
    let mut groups: Vec<(String, Vec<&'a Row>)> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|(text, _)| *text == variant(row)) {
            Some((_, group)) => group.push(row),
            None => groups.push((variant(row), vec![row])),
        }
    }
    groups.iter().filter_map(|(_, group)| typical(group)).collect()
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
    cases.sort_by(|a, b| case_order(a.key, b.key));
    cases
}

/// Families in the order of the list of workloads, unknown ones last; then keys, in which a run of
/// digits counts as a number.
pub(super) fn case_order(a: &str, b: &str) -> Ordering {
    let family = |key: &str| {
        let word = key.split_whitespace().next().unwrap_or("");
        FAMILIES.iter().position(|family| *family == word).unwrap_or(FAMILIES.len())
    };
    family(a).cmp(&family(b)).then_with(|| natural_order(a, b))
}

fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let ((word_a, rest_a), (word_b, rest_b)) = (piece(left), piece(right));
        let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(word_a) && digits(word_b) {
            let (x, y) = (word_a.trim_start_matches('0'), word_b.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            word_a.cmp(word_b)
        };
        if order != Ordering::Equal {
            return order;
        }
        if rest_a.is_empty() || rest_b.is_empty() {
            // Keys that differ in leading zeros alone are still different keys.
            return rest_a.len().cmp(&rest_b.len()).then_with(|| a.cmp(b));
        }
        (left, right) = (rest_a, rest_b);
    }
}

/// The longest beginning that is all digits or has none, and the rest.
fn piece(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    fn file(header: Header, rows: Vec<Row>) -> RunFile {
        fixture::file(header, rows)
    }

    #[test]
    fn keys_are_in_the_order_of_families_and_numbers() {
        let mut keys = [
            "zzz",
            "gemm f32 m1024 n1 k1 nn",
            "gemm f32 m512 n1 k1 nn",
            "attention f32 b1 hq1 q4 d64",
            "gemm f16.f32 m2 n1 k1 nn",
            "stream f32 copy n1024",
            "",
            "99999999999999999999999999999",
        ];
        keys.sort_by(|a, b| case_order(a, b));
        assert_eq!(
            keys,
            [
                "stream f32 copy n1024",
                "gemm f16.f32 m2 n1 k1 nn",
                "gemm f32 m512 n1 k1 nn",
                "gemm f32 m1024 n1 k1 nn",
                "attention f32 b1 hq1 q4 d64",
                "",
                "99999999999999999999999999999",
                "zzz",
            ]
        );
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
        // A newer file replaces all of them, slower as it may be.
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
        assert_eq!(comparison.lead(&comparison.cases[0]), None);
    }

    #[test]
    fn a_lead_is_clear_when_intervals_lie_apart_by_more_than_the_margin() {
        let key = "gemm f32 m4 n4 k4 nn";
        for (seconds, ratio, clear) in [(2.0, 2.0, true), (1.01, 1.01, false), (0.5, 2.0, true)] {
            let runs = [
                file(fixture::h100_header(), vec![fixture::ok_row(key, 1.0)]),
                file(fixture::software_header(), vec![fixture::ok_row(key, seconds)]),
            ];
            let comparison = Comparison::new(&runs);
            let lead = comparison.lead(&comparison.cases[0]).unwrap();
            assert!((lead.ratio - ratio).abs() < 1e-12, "{lead:?}");
            assert_eq!((lead.clear, lead.device), (clear, usize::from(seconds < 1.0)));
        }
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
