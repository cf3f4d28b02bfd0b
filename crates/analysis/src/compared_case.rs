//! Compared cases: a case with the rows of both sides, or one kernel variant of it.

use super::case_verdict::{CaseVerdict, Difference, variant};
use super::changes::{Rows, changes};
use super::judgement::Judgement;
use super::matchup::DevicePair;
use super::verdict::{Absence, Side, VerdictRule};
use portamark_model::workload::{Case, Parameter, Parameters};
use portamark_results::{Cache, Row, RunFile, Status, TimerChoice};
use portamark_stats::{geometric_mean, median_of_unsorted};
use std::collections::{BTreeSet, HashMap};

/// Case to be compared, or one kernel variant of it, with the rows of both sides.
#[derive(Debug, Clone)]
pub(super) struct ComparedCase<'a> {
    case: &'a str,
    reference_case: Option<&'a str>,
    variant: Option<String>,
    new: Vec<(&'a RunFile, &'a Row)>,
    reference: Vec<(&'a RunFile, &'a Row)>,
}

/// Returns every case that either side has a row of, in the order of the reference, followed by the cases
/// that only the new side has. Kernel variants are separate entries if requested, or if a side has several of
/// a case.
pub(super) fn compared_cases<'a>(pair: &DevicePair<'a>, by_variant: bool) -> Vec<ComparedCase<'a>> {
    type Side<'a> = HashMap<&'a str, Vec<(&'a RunFile, &'a Row)>>;
    let mut order: Vec<&str> = Vec::new();
    let mut sides: [Side; 2] = Default::default();
    for (side, files) in sides.iter_mut().zip([&pair.reference, &pair.new]) {
        for (file, row) in files.iter().flat_map(|file| file.rows.iter().map(move |row| (*file, row))) {
            // Imported rows are only shown beside and make no case of their own.
            if row.imported.is_none() {
                order.push(&row.case);
            }
            side.entry(&row.case).or_default().push((file, row));
        }
    }
    let mut seen = BTreeSet::new();
    order.retain(|case| seen.insert(*case));
    let mut compared: Vec<ComparedCase> = Vec::new();
    for case in order {
        let [reference, new] = sides.each_mut().map(|side| side.remove(case).unwrap_or_default());
        let several = [&reference, &new].into_iter().any(|rows| {
            let proven = rows.iter().filter(|(_, row)| row.status == Status::Ok);
            proven.map(|(_, row)| variant(row)).collect::<BTreeSet<String>>().len() > 1
        });
        if !several && !by_variant {
            compared.push(ComparedCase { case, reference_case: None, variant: None, new, reference });
            continue;
        }
        let mut texts: Vec<String> = Vec::new();
        for (_, row) in reference.iter().chain(&new).filter(|(_, row)| row.imported.is_none()) {
            let text = variant(row);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        for text in texts {
            let of = |rows: &[(&'a RunFile, &'a Row)]| {
                rows.iter().filter(|(_, row)| variant(row) == text).copied().collect()
            };
            let (new, reference) = (of(&new), of(&reference));
            compared.push(ComparedCase { case, reference_case: None, variant: Some(text), new, reference });
        }
    }
    join_precisions(compared)
}

/// Joins two entries that differ only in precision, where each side has one of them.
fn join_precisions(mut compared: Vec<ComparedCase>) -> Vec<ComparedCase> {
    // A key that this version cannot parse matches no other.
    let without = |key: &str| {
        let case: Case = key.parse().ok()?;
        Some((case.family(), case.parameters().only(|part| !matches!(part, Parameter::Formats(_)))))
    };
    type Alike = ((&'static str, Parameters), Option<String>);
    let mut alone: HashMap<Alike, [Vec<usize>; 2]> = HashMap::new();
    for (at, one) in compared.iter().enumerate() {
        let side = match (one.reference.is_empty(), one.new.is_empty()) {
            (false, true) => 0,
            (true, false) => 1,
            _ => continue,
        };
        let Some(alike) = without(one.case) else { continue };
        alone.entry((alike, one.variant.clone())).or_default()[side].push(at);
    }
    let mut gone = BTreeSet::new();
    for [reference, new] in alone.into_values() {
        if let ([reference], [new]) = (&reference[..], &new[..]) {
            let (case, rows) = (compared[*new].case, std::mem::take(&mut compared[*new].new));
            let one = &mut compared[*reference];
            one.reference_case = Some(one.case);
            (one.case, one.new) = (case, rows);
            gone.insert(*new);
        }
    }
    let mut at = 0;
    compared.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
    compared
}

/// One process of a side with its samples.
struct Process<'a> {
    file: &'a RunFile,
    row: &'a Row,
    /// Seconds of one execution, one value per batch, in time order.
    samples: Vec<f64>,
}

impl Process<'_> {
    /// Returns the pairs of batches of the two processes if these ran in turns; `None` otherwise.
    fn beside(&self, other: &Process) -> Option<Vec<(f64, f64)>> {
        let (a, b) = (&self.file.header, &other.file.header);
        let opposed = a.ab.as_ref()?.side != b.ab.as_ref()?.side;
        let together = opposed && a.run == b.run && self.row.repeat == other.row.repeat;
        (together && self.samples.len() == other.samples.len())
            .then(|| self.samples.iter().copied().zip(other.samples.iter().copied()).collect())
    }
}

fn processes<'a>(rows: &Rows<'a>) -> Vec<Process<'a>> {
    let process = |(file, row): &(&'a RunFile, &'a Row)| {
        let samples = row.timing.as_ref().filter(|_| row.status == Status::Ok)?.seconds();
        (!samples.is_empty()).then_some(Process { file, row, samples })
    };
    rows.iter().filter_map(process).collect()
}

/// Returns the most serious status among rows; `None` if there are none.
fn worst(rows: &Rows) -> Option<Status> {
    let place = |status: &Status| match status {
        Status::Ok => Status::ALL.len(),
        other => Status::ALL.iter().position(|status| status == other).unwrap_or(0),
    };
    rows.iter().map(|(_, row)| row.status).min_by_key(place)
}

impl ComparedCase<'_> {
    /// Judges the case by itself. With `force`, differing conditions other than the method are accepted.
    pub(super) fn judge(&self, force: bool, rule: &VerdictRule) -> CaseVerdict {
        let sides = [processes(&self.new), processes(&self.reference)];
        let [new_s, reference_s] = [0, 1].map(|at: usize| location(&sides[at]));
        let unlike = self.unlike(&sides);
        let refused = unlike.iter().find(|difference| !force || difference.field == METHOD);
        let judgement = match (self.absence(&sides), refused) {
            (Some(absence), _) => Judgement::missing(absence),
            (None, Some(difference)) => Judgement::missing(Absence::Unlike(difference.to_string())),
            (None, None) => judge(&sides[0], &sides[1], rule),
        };
        CaseVerdict {
            reference_case: self.reference_case.map(String::from),
            variant: self.variant.clone(),
            new_s,
            reference_s,
            new_status: worst(&self.new),
            reference_status: worst(&self.reference),
            unlike,
            changes: if self.new.is_empty() || self.reference.is_empty() {
                Vec::new()
            } else {
                changes(&self.new, &self.reference)
            },
            ..CaseVerdict::of(self.case, judgement)
        }
    }

    /// Returns the reason if there is nothing to compare.
    fn absence(&self, sides: &[Vec<Process>; 2]) -> Option<Absence> {
        let rows = [(Side::New, &self.new), (Side::Reference, &self.reference)];
        let (_, (side, rows)) = rows.into_iter().enumerate().find(|(at, _)| sides[*at].is_empty())?;
        let own = rows.iter().rev().find(|(_, row)| row.imported.is_none());
        Some(match own.or(rows.last()) {
            None => Absence::NoSamples(side),
            Some((_, row)) if row.status == Status::Ok => Absence::NoSamples(side),
            Some((_, row)) => {
                let reason = row.reason.as_deref().unwrap_or("no reason was recorded");
                Absence::Row(side, format!("{}: {reason}", row.status))
            }
        })
    }

    /// Returns the measurement conditions that differ between processes and make them incomparable; the
    /// method first.
    fn unlike(&self, [new, reference]: &[Vec<Process>; 2]) -> Vec<Difference> {
        let (Some(first), Some(other)) = (new.first(), reference.first()) else { return Vec::new() };
        let path = |process: &Process| process.file.path.display().to_string();
        let mut found: Vec<Difference> = Vec::new();
        let mut note = |field: &'static str, other: &Process, values: [String; 2]| {
            if values[0] != values[1] && found.iter().all(|difference| difference.field != field) {
                found.push(Difference { field, values, files: [path(first), path(other)] });
            }
        };
        if let Some(reference_case) = self.reference_case {
            let format =
                |key: &str| key.parse::<Case>().map_or(String::new(), |case| case.precision().to_string());
            note("precision", other, [format(self.case), format(reference_case)]);
        }
        for process in new.iter().chain(reference) {
            let method = |process: &Process| process.file.header.method.to_string();
            note(METHOD, process, [method(first), method(process)]);
            let inputs = |process: &Process| process.file.header.distribution().to_string();
            note("distribution", process, [inputs(first), inputs(process)]);
            let state = |process: &Process| process.row.timing.as_ref().map(|timing| timing.cache);
            let cache = |process: &Process| state(process).map_or("", Cache::word).to_string();
            note("cache", process, [cache(first), cache(process)]);
            // Across devices the clocks may differ: times then differ by more than the cost of a launch
            // anyway.
            if process.file.header.device.id == first.file.header.device.id {
                let timer = |process: &Process| process.row.timing.as_ref().map(|timing| timing.timer);
                let clock = |process: &Process| timer(process).map_or("", TimerChoice::word).to_string();
                note("clock", process, [clock(first), clock(process)]);
            }
        }
        found.sort_by_key(|difference| difference.field != METHOD);
        found
    }
}

/// Condition whose difference cannot be forced.
const METHOD: &str = "method";

fn judge(new: &[Process], reference: &[Process], rule: &VerdictRule) -> Judgement {
    let beside = |process: &Process| reference.iter().find_map(|other| process.beside(other));
    let pairs: Option<Vec<Vec<(f64, f64)>>> = new.iter().map(beside).collect();
    match pairs.filter(|pairs| pairs.len() == reference.len()) {
        Some(pairs) => Judgement::paired(&pairs, rule),
        None => {
            let (new, reference) = (by_run(new), by_run(reference));
            // Sides of one run on one device share what runs differ in.
            if let ([(run, new)], [(other, reference)]) = (&new[..], &reference[..])
                && run == other
            {
                return Judgement::of(new, reference, rule);
            }
            let runs = |side: Vec<(_, _)>| side.into_iter().map(|(_, samples)| samples).collect::<Vec<_>>();
            Judgement::of_runs(&runs(new), &runs(reference), rule)
        }
    }
}

/// Run on a device: the run's number and the id of the device.
type RunOnDevice<'a> = (&'a str, &'a str);

/// Returns the samples of processes by their run, in the order of the runs.
fn by_run<'a>(processes: &[Process<'a>]) -> Vec<(RunOnDevice<'a>, Vec<Vec<f64>>)> {
    let mut runs: Vec<(RunOnDevice, Vec<Vec<f64>>)> = Vec::new();
    for process in processes {
        let header = &process.file.header;
        let run = (header.run.as_str(), header.device.id.as_str());
        match runs.iter_mut().find(|(other, _)| *other == run) {
            Some((_, samples)) => samples.push(process.samples.clone()),
            None => runs.push((run, vec![process.samples.clone()])),
        }
    }
    runs
}

fn location(processes: &[Process]) -> Option<f64> {
    let medians: Option<Vec<f64>> =
        processes.iter().map(|process| median_of_unsorted(&mut process.samples.clone())).collect();
    geometric_mean(&medians?)
}
