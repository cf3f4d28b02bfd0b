//! Device of a comparison: its rows, and the values derived from each.

use super::bandwidth_curve::BandwidthCurve;
use super::ceiling::Ceilings;
use super::plausibility::{Excess, excess};
use super::rate::{Rate, RateUnit};
use super::repeats::typical;
use super::roofline::{Placement, place};
use portamark_model::plain_text::clean;
use portamark_model::workload::{Case, StreamOp, Workload, compare_keys};
use portamark_results::{Header, Identity, Row, RunFile, RunOutcome, Status, Tag};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

/// One row with the values derived from it.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The row as recorded.
    pub row: &'a Row,
    /// Header of the row's file.
    pub header: &'a Header,
    /// Case parsed from the row's key, or the reason why the key is not understood.
    pub case: Result<Case, String>,
    /// Headline rate; `None` unless the row is `ok` and verified.
    pub rate: Option<Rate>,
    /// Position under the measured roof of its device; `None` if that cannot be computed.
    pub placement: Option<Placement>,
    /// Set if the rate exceeds a roof and is implausibly high, with the likely cause.
    pub excess: Option<Excess>,
}

/// One device with one executor, one version of the method and one distribution of inputs: the newest row of
/// each case or, if its run measured several kernel variants, the fastest of them.
#[derive(Debug, Clone)]
pub struct Device<'a> {
    /// Short label, unique among the devices compared.
    pub label: String,
    /// Header of the newest file.
    pub header: &'a Header,
    /// All files of the device, oldest first.
    pub files: Vec<&'a RunFile>,
    /// Newest row of each case, in case order; the fastest one of several kernel variants.
    pub entries: Vec<Entry<'a>>,
    /// Slower variants of these cases, from the same files, in case order.
    pub others: Vec<Entry<'a>>,
    /// Number of rows skipped because a newer file, or a later line, has the same one.
    pub superseded: usize,
    /// Highest measured rates on this device.
    pub ceilings: Ceilings,
}

/// Cases that did not run for the same reason.
#[derive(Debug, Clone, PartialEq)]
pub struct NotRun<'a> {
    /// Status of their rows.
    pub status: Status,
    /// Reason, on one line.
    pub reason: String,
    /// Case keys.
    pub cases: Vec<&'a str>,
}

/// Rows of one case in the file that has the newest of them.
struct Newest<'a> {
    /// Number of the file.
    file: usize,
    /// One row for each identity, in the order of the file.
    rows: Vec<&'a Row>,
    /// Index in `rows` of each identity.
    places: HashMap<Identity, usize>,
    /// Start of the row that started last.
    latest: &'a str,
}

impl<'a> Newest<'a> {
    fn of(file: usize) -> Self {
        Newest { file, rows: Vec::new(), places: HashMap::new(), latest: "" }
    }

    /// Adds a row, or puts it in the place of one with its identity that did not start later; returns whether there
    /// was one.
    fn takes_place(&mut self, row: &'a Row) -> bool {
        self.latest = self.latest.max(&row.started);
        match self.places.entry(row.identity()) {
            Place::Vacant(place) => {
                place.insert(self.rows.len());
                self.rows.push(row);
                false
            }
            Place::Occupied(place) => {
                let other = &mut self.rows[*place.get()];
                if row.started >= other.started {
                    *other = row;
                }
                true
            }
        }
    }
}

impl<'a> Device<'a> {
    pub(super) fn new(mut files: Vec<&'a RunFile>) -> Self {
        files.sort_by(|a, b| a.header.started.cmp(&b.header.started));
        let header = &files.last().expect("a group has a file").header;
        // For each case: the file that has its newest row, and there one row for each identity.
        let mut newest: HashMap<&str, Newest> = HashMap::new();
        let mut superseded = 0;
        for (number, file) in files.iter().enumerate() {
            for row in file.rows.iter().filter(|row| row.imported.is_none()) {
                let held = newest.entry(&row.case).or_insert_with(|| Newest::of(number));
                if held.file != number {
                    // Files are in time order, but a row of a resumed file can still be older.
                    if held.latest > row.started.as_str() {
                        superseded += 1;
                        continue;
                    }
                    superseded += held.rows.len();
                    *held = Newest::of(number);
                }
                superseded += usize::from(held.takes_place(row));
            }
        }
        let entry = |number: usize, processes: &[&'a Row]| {
            let row = typical(processes)?;
            let case = row.case.parse::<Case>().map_err(|error| clean(&error.message));
            let rate = Rate::of_processes(case.as_ref().ok(), row, processes);
            Some(Entry { row, header: &files[number].header, case, rate, placement: None, excess: None })
        };
        let (mut entries, mut others) = (Vec::new(), Vec::new());
        for Newest { file: number, rows, .. } in newest.into_values() {
            let mut variants: Vec<Entry> =
                by_variant(&rows).iter().filter_map(|processes| entry(number, processes)).collect();
            let value = |entry: &Entry| entry.rate.map_or(f64::NEG_INFINITY, |rate| rate.value);
            // A stable sort: among equals, and among those without a rate, the first stays first.
            variants.sort_by(|a, b| value(b).total_cmp(&value(a)));
            let mut variants = variants.into_iter();
            entries.extend(variants.next());
            others.extend(variants);
        }
        for list in [&mut entries, &mut others] {
            list.sort_by(|a: &Entry, b: &Entry| compare_keys(&a.row.case, &b.row.case));
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

    /// Returns the interval of the median of each process in seconds, by case key and kernel variant, over all files;
    /// the range of the samples if a process has no interval.
    pub(super) fn process_spans(&self) -> HashMap<(&'a str, String), Vec<(f64, f64)>> {
        let mut spans: HashMap<(&str, String), Vec<(f64, f64)>> = HashMap::new();
        for row in self.files.iter().flat_map(|file| &file.rows).filter(|row| row.seconds().is_some()) {
            let Some(summary) = row.timing.as_ref().map(|timing| &timing.summary) else { continue };
            let span = summary.ci_lo.zip(summary.ci_hi).unwrap_or((summary.min, summary.max));
            spans.entry((row.case.as_str(), row.identity().1)).or_default().push(span);
        }
        spans
    }

    /// Returns the rows of all processes that measured the case of `row` with its kernel variant, in all files.
    pub(super) fn processes(&self, row: &Row) -> Vec<&'a Row> {
        let rows = self.files.iter().flat_map(|file| &file.rows).filter(|other| other.case == row.case);
        rows.filter(|other| other.identity().1 == row.identity().1 && other.seconds().is_some()).collect()
    }

    /// Iterates over all rows: for each case the fastest variant, followed by the others.
    pub fn all(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter().flat_map(|entry| std::iter::once(entry).chain(self.others_of(&entry.row.case)))
    }

    /// Iterates over the slower variants of the case with that key.
    pub fn others_of(&self, key: &str) -> impl Iterator<Item = &Entry<'a>> {
        // `others` is sorted by case.
        let first = self.others.partition_point(|other| compare_keys(&other.row.case, key).is_lt());
        self.others[first..].iter().take_while(move |other| other.row.case == key)
    }

    /// Iterates over the verified rows with their case and rate; of several variants only the fastest.
    pub fn measured(&self) -> impl Iterator<Item = (&Entry<'a>, &Case, Rate)> {
        self.entries.iter().filter_map(|entry| Some((entry, entry.case.as_ref().ok()?, entry.rate?)))
    }

    /// Counts the rows with `status`.
    pub fn count(&self, status: Status) -> usize {
        self.all().filter(|entry| entry.row.status == status).count()
    }

    /// Counts the rows whose status is a defect.
    pub fn defects(&self) -> usize {
        self.all().filter(|entry| entry.row.status.is_defect()).count()
    }

    /// Counts the rows that carry `tag`.
    pub fn tagged(&self, tag: &Tag) -> usize {
        self.all().filter(|entry| entry.row.tags.contains(tag)).count()
    }

    /// Counts the files whose run was interrupted before its end.
    pub fn interrupted(&self) -> usize {
        let complete = |file: &&&RunFile| file.end.as_ref().is_some_and(|e| e.outcome == RunOutcome::Done);
        self.files.len() - self.files.iter().filter(complete).count()
    }

    /// Returns the cases that did not run, grouped by status and reason, in the order of [`Status::ALL`].
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

    /// Iterates over the keys that this version does not understand, with the reason.
    pub fn not_understood(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.entries
            .iter()
            .filter_map(|entry| Some((entry.row.case.as_str(), entry.case.as_ref().err()?.as_str())))
    }

    /// Returns the curve measured before the first case to find the last-level cache, from the newest file
    /// that has one.
    pub fn cache_curve(&self) -> BandwidthCurve {
        let mut curves = self.files.iter().rev().filter_map(|file| file.header.cache.as_ref());
        let curve = curves.find(|cache| !cache.curve.is_empty());
        BandwidthCurve::new(curve.into_iter().flat_map(|cache| cache.curve.iter().map(|p| (p.bytes, p.rate))))
    }

    /// Returns the curve of the `stream read` rows.
    pub fn read_curve(&self) -> BandwidthCurve {
        BandwidthCurve::new(self.measured().filter_map(|(_, case, rate)| match case {
            Case::Stream(stream) if stream.op == StreamOp::Read && rate.unit == RateUnit::Bytes => {
                Some((stream.bytes(), rate.value))
            }
            _ => None,
        }))
    }
}

/// Returns the rows of each variant: one for each process that measured it.
fn by_variant<'a>(rows: &[&'a Row]) -> Vec<Vec<&'a Row>> {
    let mut groups: Vec<Vec<&'a Row>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let place = *places.entry(row.identity().1).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use crate::Comparison;
    use portamark_fixtures::fixture;
    use portamark_results::{CacheReport, CacheSource, CurvePoint};

    #[test]
    fn error_bars_contain_what_processes_differ_by() {
        // Five processes from 1.02 to 2.08 ms, each of which knows its own time to .4 %.
        const KEY: &str = "gemm f32 m512 n512 k512 nn";
        let times = [1.02e-3, 1.3e-3, 1.5e-3, 1.8e-3, 2.08e-3];
        let rows = (1..).zip(times).map(|(repeat, seconds)| {
            let mut row = fixture::ok_row(KEY, seconds).but(|it| it.repeat = repeat);
            let summary = &mut row.timing.as_mut().unwrap().summary;
            (summary.ci_lo, summary.ci_hi) = (Some(0.996 * seconds), Some(1.004 * seconds));
            row
        });
        let runs = [fixture::file(fixture::h100_header(), rows.collect())];
        let rate = Comparison::new(&runs).devices[0].entries[0].rate.unwrap();
        // The median process is shown. ln t has the mean −6.5062 and s = .2781; t₄ = 2.7764, so the interval of the
        // geometric mean 1.4942 ms is a factor of exp(2.7764·.2781/√5) = 1.4123 wide: 1.0579 to 2.1102 ms.
        let seconds = |rate: f64| 2.0 * 512f64.powi(3) / rate;
        assert!((seconds(rate.value) - 1.5e-3).abs() < 1e-9);
        let (lo, hi) = rate.interval.unwrap();
        assert!(
            (seconds(hi) - 1.0579e-3).abs() < 1e-6 && (seconds(lo) - 2.1102e-3).abs() < 1e-6,
            "{lo} {hi}"
        );
        assert!(rate.half_width.unwrap() > 0.3);
        // A single process has its own interval.
        let alone = [fixture::file(fixture::h100_header(), vec![runs[0].rows[2].clone()])];
        let rate = Comparison::new(&alone).devices[0].entries[0].rate.unwrap();
        assert!((rate.half_width.unwrap() - 0.004).abs() < 1e-6);
    }

    #[test]
    fn both_sources_are_read() {
        let rows = vec![
            fixture::ok_row("stream f32 read n1024", 1.0),
            fixture::ok_row("stream f32 copy n1024", 1.0),
        ];
        let mut header = fixture::h100_header();
        header.cache = Some(CacheReport::new(64, CacheSource::Measured, "", vec![CurvePoint::new(64, 2.0)]));
        let runs = [fixture::file(header, rows)];
        let comparison = Comparison::new(&runs);
        assert_eq!(comparison.devices[0].cache_curve().points(), [(64, 2.0)]);
        assert_eq!(comparison.devices[0].read_curve().points(), [(4100, 4100.0)]);
    }
}
