//! From the rows of two sides, each of several processes, to a verdict per case.

use super::sensitivity::distribution;
use super::verdict::{Absence, Judgement, Side, VerdictRule};
use crate::record::{Row, RunFile, Status};
use crate::stats::{geometric_mean, median_of_unsorted};
use std::collections::{BTreeMap, BTreeSet};

/// The verdict on one case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseVerdict {
    /// Key of the case.
    pub case: String,
    /// Text of the variant, where a side has several of the case; then those of equal text are
    /// compared.
    pub variant: Option<String>,
    /// Seconds of one execution on the new side: the geometric mean of the medians of its processes.
    pub new_s: Option<f64>,
    /// Those of the reference.
    pub reference_s: Option<f64>,
    /// The verdict with its ratio, new over reference.
    pub judgement: Judgement,
}

/// Judges every case that a side has a row of, in the order of the reference and then of what only
/// the new side has. The level of `rule` is shared by the cases that have rows on both sides.
///
/// A process is a repeat of a case in one file. Where all processes of both sides ran in pairs
/// (`run --ab`, of which both files are there) each batch is held against its neighbour in time;
/// otherwise the sides are taken as independent.
pub fn verdicts(new: &[RunFile], reference: &[RunFile], rule: &VerdictRule) -> Vec<CaseVerdict> {
    let subjects = subjects(new, reference);
    let both = |subject: &&Subject| [new, reference].iter().all(|side| !subject.rows(side).is_empty());
    let rule = rule.shared_by(subjects.iter().filter(both).count());
    subjects.iter().map(|subject| subject.judge(new, reference, &rule)).collect()
}

/// What is compared: a case, or one variant of it.
#[derive(Debug, Clone, PartialEq)]
struct Subject {
    case: String,
    variant: Option<String>,
}

fn variant(row: &Row) -> String {
    row.kernel.as_ref().map_or(String::new(), |kernel| kernel.variant.to_string())
}

fn subjects(new: &[RunFile], reference: &[RunFile]) -> Vec<Subject> {
    let mut variants: [BTreeMap<&str, BTreeSet<String>>; 2] = Default::default();
    let sides = [reference, new];
    for (known, side) in variants.iter_mut().zip(sides) {
        for row in side.iter().flat_map(|file| &file.rows).filter(|row| row.status == Status::Ok) {
            known.entry(&row.case).or_default().insert(variant(row));
        }
    }
    let mut subjects: Vec<Subject> = Vec::new();
    for row in sides.into_iter().flatten().flat_map(|file| &file.rows) {
        let several = variants.iter().any(|known| known.get(&*row.case).is_some_and(|set| set.len() > 1));
        let subject = Subject { case: row.case.clone(), variant: several.then(|| variant(row)) };
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    subjects
}

/// One process of a side.
struct Process<'a> {
    file: &'a RunFile,
    row: &'a Row,
    /// Seconds of one execution by each batch, in order.
    samples: Vec<f64>,
}

impl Process<'_> {
    /// The batches beside those of `other`, if the two ran in turns.
    fn beside(&self, other: &Process) -> Option<Vec<(f64, f64)>> {
        let (a, b) = (&self.file.header, &other.file.header);
        let opposed = a.ab.as_ref()?.side != b.ab.as_ref()?.side;
        let together = opposed && a.run == b.run && self.row.repeat == other.row.repeat;
        (together && self.samples.len() == other.samples.len())
            .then(|| self.samples.iter().copied().zip(other.samples.iter().copied()).collect())
    }
}

impl Subject {
    fn rows<'a>(&self, side: &'a [RunFile]) -> Vec<(&'a RunFile, &'a Row)> {
        let of = |row: &&Row| {
            row.case == self.case && self.variant.as_ref().is_none_or(|text| *text == variant(row))
        };
        side.iter().flat_map(|file| file.rows.iter().filter(of).map(move |row| (file, row))).collect()
    }

    fn processes<'a>(&self, side: &'a [RunFile]) -> Vec<Process<'a>> {
        let process = |(file, row): (&'a RunFile, &'a Row)| {
            let samples = row.timing.as_ref().filter(|_| row.status == Status::Ok)?.seconds();
            (!samples.is_empty()).then_some(Process { file, row, samples })
        };
        self.rows(side).into_iter().filter_map(process).collect()
    }

    fn judge(&self, new: &[RunFile], reference: &[RunFile], rule: &VerdictRule) -> CaseVerdict {
        let sides = [self.processes(new), self.processes(reference)];
        let [new_s, reference_s] = [0, 1].map(|at: usize| location(&sides[at]));
        let judgement = match self.absence(new, reference, &sides) {
            Some(absence) => Judgement::missing(absence),
            None => judge(&sides[0], &sides[1], rule),
        };
        CaseVerdict { case: self.case.clone(), variant: self.variant.clone(), new_s, reference_s, judgement }
    }

    /// Why there is nothing to compare, if there is not.
    fn absence(&self, new: &[RunFile], reference: &[RunFile], sides: &[Vec<Process>; 2]) -> Option<Absence> {
        for (at, (side, files)) in [(Side::New, new), (Side::Reference, reference)].into_iter().enumerate() {
            if !sides[at].is_empty() {
                continue;
            }
            let rows = self.rows(files);
            return Some(match rows.last() {
                None => Absence::NoSamples(side),
                Some((_, row)) => {
                    let reason = row.reason.as_deref().unwrap_or("no reason was recorded");
                    Absence::Row(side, format!("{}: {reason}", row.status))
                }
            });
        }
        unlike(sides.iter().flatten())
    }
}

/// In what rows differ that only rows of like measurement may be compared in.
fn unlike<'a>(mut processes: impl Iterator<Item = &'a Process<'a>>) -> Option<Absence> {
    let first = processes.next()?;
    let cache = |process: &Process| process.row.timing.as_ref().map(|timing| timing.cache);
    let clock = |process: &Process| process.row.timing.as_ref().map(|timing| timing.timer);
    let (method, state) = (first.file.header.method, cache(first));
    for process in processes {
        if process.file.header.method != method {
            let other = process.file.header.method;
            return Some(Absence::Unlike(format!("method {method} and method {other}")));
        }
        if cache(process) != state {
            return Some(Absence::Unlike("warm and rotated caches".into()));
        }
        let inputs = [first, process].map(|process| distribution(&process.file.header));
        if inputs[0] != inputs[1] {
            return Some(Absence::Unlike(format!("{} and {} inputs", inputs[0], inputs[1])));
        }
        // Across devices the clocks may differ, and so do times by more than launches add.
        let same_device = process.file.header.device.id == first.file.header.device.id;
        if same_device && clock(process) != clock(first) {
            return Some(Absence::Unlike("by the clock of the device and by that of the host".into()));
        }
    }
    None
}

fn judge(new: &[Process], reference: &[Process], rule: &VerdictRule) -> Judgement {
    let beside = |process: &Process| reference.iter().find_map(|other| process.beside(other));
    let pairs: Option<Vec<Vec<(f64, f64)>>> = new.iter().map(beside).collect();
    match pairs.filter(|pairs| pairs.len() == reference.len()) {
        Some(pairs) => Judgement::paired(&pairs, rule),
        None => {
            let samples = |side: &[Process]| side.iter().map(|p| p.samples.clone()).collect::<Vec<_>>();
            Judgement::of(&samples(new), &samples(reference), rule)
        }
    }
}

fn location(processes: &[Process]) -> Option<f64> {
    let medians: Option<Vec<f64>> =
        processes.iter().map(|process| median_of_unsorted(&mut process.samples.clone())).collect();
    geometric_mean(&medians?)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::analysis::{Doubt, Verdict};
    use crate::record::{AbSide, Cache};

    const KEY: &str = "gemm f32 m512 n512 k512 nn";

    /// A file of one side with `repeats` processes of 31 batches, each about `seconds`.
    fn file(seconds: f64, repeats: u32) -> RunFile {
        let row = |repeat: u32| {
            let own = seconds * (1.0 + 0.001 * f64::from(repeat % 3));
            let mut row = Row { repeat, ..fixture::ok_row(KEY, own) };
            let timing = row.timing.as_mut().unwrap();
            let batch = |place: u32| own * (1.0 + 1e-4 * f64::from(place * 7 % 31)) * f64::from(timing.k);
            timing.device_ns = (0..31).map(|place| (1e9 * batch(place)) as u64).collect();
            timing.host_ns = timing.device_ns.clone();
            row
        };
        fixture::file(fixture::software_header(), (1..=repeats).map(row).collect())
    }

    fn rule() -> VerdictRule {
        let rule = VerdictRule::seeded(1);
        VerdictRule { bootstrap: crate::stats::Bootstrap { resamples: 300, ..rule.bootstrap }, ..rule }
    }

    fn only(new: RunFile, reference: RunFile) -> CaseVerdict {
        let mut verdicts = verdicts(&[new], &[reference], &rule());
        assert_eq!(verdicts.len(), 1, "{verdicts:?}");
        verdicts.remove(0)
    }

    fn beside(mut file: RunFile, side: &str) -> RunFile {
        file.header.ab = Some(AbSide { side: side.into(), words: "device 0".into() });
        file
    }

    #[test]
    fn five_processes_a_side_tell_and_four_do_not() {
        let verdict = only(file(0.011, 5), file(0.01, 5));
        assert_eq!(verdict.judgement.verdict, Verdict::Slower);
        assert!(!verdict.judgement.ratio.unwrap().paired);
        let (new, reference) = (verdict.new_s.unwrap(), verdict.reference_s.unwrap());
        assert!((new / reference - 1.1).abs() < 1e-6 && (reference - 0.01).abs() < 4e-5);
        let verdict = only(file(0.011, 5), file(0.01, 4));
        let doubt = Doubt::FewProcesses { new: 5, reference: 4, needed: 5 };
        assert_eq!(verdict.judgement.verdict, Verdict::Unclear(doubt));
    }

    #[test]
    fn processes_of_several_files_count_together() {
        let new: Vec<RunFile> = (0..5).map(|_| file(0.009, 1)).collect();
        let reference = [file(0.01, 2), file(0.01, 3)];
        let verdicts = verdicts(&new, &reference, &rule());
        assert_eq!(verdicts[0].judgement.verdict, Verdict::Faster);
    }

    /// Makes each batch of both files slower by the same factor, which grows to four.
    fn slow_down(files: [&mut RunFile; 2]) {
        for row in files.into_iter().flat_map(|file| &mut file.rows) {
            let timing = row.timing.as_mut().unwrap();
            for (place, ns) in timing.device_ns.iter_mut().chain(&mut timing.host_ns).enumerate() {
                *ns = (*ns as f64 * (1.0 + (place % 31) as f64 / 10.0)) as u64;
            }
        }
    }

    #[test]
    fn sides_that_ran_in_turns_are_compared_batch_by_batch() {
        let (mut new, mut reference) = (beside(file(0.0105, 5), "B"), beside(file(0.01, 5), "A"));
        slow_down([&mut new, &mut reference]);
        let verdict = only(new.clone(), reference.clone());
        assert!(verdict.judgement.ratio.unwrap().paired);
        assert_eq!(verdict.judgement.verdict, Verdict::Slower);
        // A file beside itself is no pair, nor is one of another run, nor one with a batch less.
        let apart = |file: &RunFile| !only(file.clone(), reference.clone()).judgement.ratio.unwrap().paired;
        assert!(apart(&reference));
        let mut other = new.clone();
        other.header.run = "another".into();
        assert!(apart(&other));
        let mut shorter = new.clone();
        let timing = shorter.rows[0].timing.as_mut().unwrap();
        timing.device_ns.pop();
        timing.host_ns.pop();
        assert!(apart(&shorter));
    }

    #[test]
    fn what_cannot_be_compared_says_why() {
        let missing = |new: RunFile, reference: RunFile| only(new, reference).judgement.verdict.to_string();
        let failed = fixture::failed_row(KEY, Status::Unsupported, Some("no f16"));
        let unsupported = fixture::file(fixture::software_header(), vec![failed]);
        assert_eq!(missing(unsupported, file(0.01, 5)), "missing (the new side is unsupported: no f16)");
        let empty = fixture::file(fixture::software_header(), vec![]);
        assert_eq!(missing(file(0.01, 5), empty), "missing (the reference has no samples)");
        let mut later = file(0.01, 5);
        later.header.method = 2;
        assert_eq!(missing(later, file(0.01, 5)), "missing (not measured alike: method 2 and method 1)");
        let mut warm = file(0.01, 5);
        for row in &mut warm.rows {
            let timing = row.timing.as_mut().unwrap();
            timing.cache = if timing.cache == Cache::Warm { Cache::Rotated } else { Cache::Warm };
        }
        assert!(missing(warm, file(0.01, 5)).contains("warm and rotated caches"));
    }

    #[test]
    fn several_variants_are_compared_by_their_text() {
        let with = |variants: [&str; 2]| {
            let mut file = file(0.01, 5);
            for text in variants {
                let rows = file.rows[..5].to_vec();
                file.rows.extend(rows.into_iter().map(|mut row| {
                    row.kernel.as_mut().unwrap().variant.kernel = text.into();
                    row
                }));
            }
            file.rows.drain(..5);
            file
        };
        let verdicts = verdicts(&[with(["one", "two"])], &[with(["two", "three"])], &rule());
        let words: Vec<(String, &str)> = verdicts
            .iter()
            .map(|verdict| (verdict.variant.clone().unwrap(), verdict.judgement.verdict.word()))
            .map(|(text, word)| (text.split(' ').next().unwrap().to_string(), word))
            .collect();
        assert_eq!(
            words,
            [("two", "same"), ("three", "missing"), ("one", "missing")].map(|(a, b)| (a.to_string(), b))
        );
    }
}
