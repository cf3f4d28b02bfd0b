//! From the rows of two sides, each of several processes, to a verdict per case.

use super::changes::Change;
use super::matchup::{DevicePair, pair_devices};
use super::subject::{subjects, variant};
use super::verdict::{Absence, Judgement, Verdict, VerdictRule, judge_together};
use portamark_results::{Row, RunFile, Status};
use rayon::prelude::*;
use serde::Serialize;
use std::fmt;

/// How rows are matched, and what may differ between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matching {
    /// Compare a variant of a case with the same variant alone.
    pub by_variant: bool,
    /// Compare also what was not measured alike. Methods are never mixed.
    pub force: bool,
}

/// A field in which rows differ that only rows of like measurement may be compared in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which: `method`, `distribution`, `precision`, `cache` or `clock`.
    pub field: &'static str,
    /// Its two values.
    pub values: [String; 2],
    /// In which files they are.
    pub files: [String; 2],
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { field, values: [a, b], files: [here, there] } = self;
        write!(f, "{field} is {a} in {here} and {b} in {there}")
    }
}

/// The verdict on one case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseVerdict {
    /// Key of the case.
    pub case: String,
    /// Its key on the reference, where that is of another precision.
    pub reference_case: Option<String>,
    /// Text of the variant, where a side has several of the case or that was asked for; then those of
    /// equal text are compared.
    pub variant: Option<String>,
    /// Seconds of one execution on the new side: the geometric mean of the medians of its processes.
    pub new_s: Option<f64>,
    /// Those of the reference.
    pub reference_s: Option<f64>,
    /// How the new side's processes ended, the worst of them; none where it has no row.
    pub new_status: Option<Status>,
    /// The same of the reference.
    pub reference_status: Option<Status>,
    /// In what the sides were not measured alike: why the case is missing, or what was forced.
    pub unlike: Vec<Difference>,
    /// What else differs between the sides.
    pub changes: Vec<Change>,
    /// The verdict with its ratio, new over reference.
    pub judgement: Judgement,
}

impl CaseVerdict {
    /// A bare verdict.
    pub fn of(case: &str, judgement: Judgement) -> Self {
        Self {
            case: case.into(),
            reference_case: None,
            variant: None,
            new_s: None,
            reference_s: None,
            new_status: None,
            reference_status: None,
            unlike: Vec::new(),
            changes: Vec::new(),
            judgement,
        }
    }

    /// Case and, where several are told apart, variant.
    pub fn name(&self) -> String {
        let case = match &self.reference_case {
            Some(reference) => format!("{} against {reference}", self.case),
            None => self.case.clone(),
        };
        match &self.variant {
            Some(variant) => format!("{case} by {variant}"),
            None => case,
        }
    }

    /// Files and rows of both sides, the new one first.
    pub fn rows<'a>(&self, pair: &DevicePair<'a>) -> [Vec<(&'a RunFile, &'a Row)>; 2] {
        let reference_case = self.reference_case.as_ref().unwrap_or(&self.case);
        [(&pair.new, &self.case), (&pair.reference, reference_case)].map(|(files, case)| {
            let fits = |row: &&Row| {
                row.case == *case && self.variant.as_ref().is_none_or(|text| *text == variant(row))
            };
            files.iter().flat_map(|file| file.rows.iter().filter(fits).map(|row| (*file, row))).collect()
        })
    }
}

/// The verdicts on the cases of one device.
#[derive(Debug, Clone)]
pub struct DeviceVerdicts<'a> {
    /// Its files.
    pub pair: DevicePair<'a>,
    /// In the order of the reference and then of what only the new side has.
    pub cases: Vec<CaseVerdict>,
}

/// Why two sets of files are not compared at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No case has rows on both sides.
    #[error("the sides have no case in common")]
    NothingInCommon,
    /// All that the sides have in common was not measured alike.
    #[error("the sides were not measured alike: {0}")]
    Unlike(Difference),
}

/// Judges every case of every device. Devices are paired by [`pair_devices`], rows by the key of their
/// case; verdicts on all of them are held together ([`judge_together`]).
///
/// # Errors
/// When nothing can be compared, with the reason.
pub fn compare<'a>(
    new: &'a [RunFile],
    reference: &'a [RunFile],
    matching: Matching,
    rule: &VerdictRule,
) -> Result<Vec<DeviceVerdicts<'a>>, Refusal> {
    let pairs = pair_devices(new, reference);
    let mut devices: Vec<DeviceVerdicts> = pairs
        .into_iter()
        .map(|pair| DeviceVerdicts { cases: judge_pair(&pair, matching, rule), pair })
        .collect();
    judge_together(devices.iter_mut().flat_map(|device| &mut device.cases).map(|c| &mut c.judgement), rule);
    let cases = || devices.iter().flat_map(|device| &device.cases);
    if !cases().any(|case| case.new_status.is_some() && case.reference_status.is_some()) {
        return Err(Refusal::NothingInCommon);
    }
    let refused =
        |case: &&CaseVerdict| matches!(case.judgement.verdict, Verdict::Missing(Absence::Unlike(_)));
    let both = || cases().filter(|case| case.new_s.is_some() && case.reference_s.is_some());
    match both().find(refused) {
        Some(first) if both().all(|case| refused(&case)) => Err(Refusal::Unlike(first.unlike[0].clone())),
        _ => Ok(devices),
    }
}

/// Judges every case that a side has a row of, in the order of the reference and then of what only
/// the new side has, all files of a side being of one device.
///
/// Rows of other programs are not judged: a case that only they have is left out, and one that a side
/// has only from them is missing there, with that reason.
///
/// A process is a repeat of a case in one file. Where all processes of both sides ran in pairs
/// (`run --ab`, of which both files are there) each batch is held against its neighbour in time;
/// otherwise the sides are taken as independent.
pub fn verdicts(new: &[RunFile], reference: &[RunFile], rule: &VerdictRule) -> Vec<CaseVerdict> {
    let pair = DevicePair { new: new.iter().collect(), reference: reference.iter().collect() };
    let mut cases = judge_pair(&pair, Matching::default(), rule);
    judge_together(cases.iter_mut().map(|case| &mut case.judgement), rule);
    cases
}

/// Each case by itself. The work is divided among the processor's cores.
fn judge_pair(pair: &DevicePair, matching: Matching, rule: &VerdictRule) -> Vec<CaseVerdict> {
    let subjects = subjects(pair, matching.by_variant);
    subjects.par_iter().map(|subject| subject.judge(matching.force, rule)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Doubt;
    use portamark_fixtures::fixture;
    use portamark_results::{AbSide, Cache};

    const KEY: &str = "gemm f32 m512 n512 k512 nn";

    /// A file of one side with `repeats` processes of 31 batches, each about `seconds`.
    fn file(seconds: f64, repeats: u32) -> RunFile {
        let row = |repeat: u32| {
            let own = seconds * (1.0 + 0.001 * f64::from(repeat % 3));
            let mut row = fixture::ok_row(KEY, own).but(|it| it.repeat = repeat);
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
        VerdictRule { bootstrap: portamark_stats::Bootstrap { resamples: 300, ..rule.bootstrap }, ..rule }
    }

    fn only(new: RunFile, reference: RunFile) -> CaseVerdict {
        let mut verdicts = verdicts(&[new], &[reference], &rule());
        assert_eq!(verdicts.len(), 1, "{verdicts:?}");
        verdicts.remove(0)
    }

    fn beside(mut file: RunFile, side: &str) -> RunFile {
        file.header.ab = Some(AbSide::new(side, "device 0"));
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
        let words = "missing (not measured alike: method is 2 in results/made-up.jsonl and 1 in results/made-up.jsonl)";
        assert_eq!(missing(later, file(0.01, 5)), words);
        let mut warm = file(0.01, 5);
        for row in &mut warm.rows {
            let timing = row.timing.as_mut().unwrap();
            timing.cache = if timing.cache == Cache::Warm { Cache::Rotated } else { Cache::Warm };
        }
        assert!(missing(warm, file(0.01, 5)).contains("not measured alike: cache is warm in "));
    }

    #[test]
    fn rows_of_other_programs_are_never_judged_and_it_is_said() {
        let other = |key: &str| {
            let rows =
                (0..5).map(|at| fixture::imported_row(key, 0.02).but(|it| it.repeat = at + 1)).collect();
            fixture::file(fixture::imported_header(), rows)
        };
        let verdict = only(file(0.01, 5), other(KEY));
        assert_eq!(
            verdict.judgement.verdict.to_string(),
            "missing (the reference is imported: measured by nvbench, not by portamark: shown beside its rows \
             and never judged)"
        );
        assert_eq!(verdict.reference_s, None);
        // Beside rows of portamark they change nothing, and alone they are no case.
        let mut mixed = file(0.01, 5);
        mixed.rows.extend(other(KEY).rows);
        let judged = |reference: RunFile| only(file(0.011, 5), reference);
        assert_eq!(judged(mixed).judgement, judged(file(0.01, 5)).judgement);
        let alone = other("nvbench: a");
        assert!(verdicts(std::slice::from_ref(&alone), std::slice::from_ref(&alone), &rule()).is_empty());
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

    fn compared(
        new: &[RunFile],
        reference: &[RunFile],
        matching: Matching,
    ) -> Result<Vec<CaseVerdict>, Refusal> {
        let devices = compare(new, reference, matching, &rule())?;
        Ok(devices.into_iter().flat_map(|device| device.cases).collect())
    }

    const FORCE: Matching = Matching { by_variant: false, force: true };

    #[test]
    fn sides_that_were_not_measured_alike_are_refused_unless_forced_but_for_the_method() {
        let reference = [file(0.01, 5)];
        let altered = |alter: fn(&mut RunFile)| {
            let mut file = file(0.01, 5);
            file.path = "results/new.jsonl".into();
            alter(&mut file);
            [file]
        };
        let warm: fn(&mut RunFile) = |file| {
            file.rows.iter_mut().for_each(|row| row.timing.as_mut().unwrap().cache = Cache::Warm);
        };
        let zeros: fn(&mut RunFile) = |file| drop(file.header.options.insert("dist".into(), "zeros".into()));
        for (alter, words) in [
            (warm, "cache is warm in results/new.jsonl and rotated in results/made-up.jsonl"),
            (zeros, "distribution is zeros in results/new.jsonl and uniform in results/made-up.jsonl"),
        ] {
            let new = altered(alter);
            let refusal = compared(&new, &reference, Matching::default()).unwrap_err();
            assert_eq!(refusal.to_string(), format!("the sides were not measured alike: {words}"));
            let forced = compared(&new, &reference, FORCE).unwrap();
            assert_eq!((forced[0].judgement.verdict.word(), forced[0].unlike.len()), ("same", 1));
        }
        let later = altered(|file| file.header.method = 2);
        for matching in [Matching::default(), FORCE] {
            let refusal = compared(&later, &reference, matching).unwrap_err();
            assert!(matches!(&refusal, Refusal::Unlike(difference) if difference.field == "method"));
        }
        // One case of two that differs is missing, and the other is compared.
        let mut new = altered(warm);
        let mut reference = reference.clone();
        for files in [&mut new, &mut reference] {
            let more: Vec<Row> = file(0.02, 5).rows;
            files[0]
                .rows
                .extend(more.into_iter().map(|row| row.but(|it| it.case = "stream f32 copy n64".into())));
        }
        let verdicts = compared(&new, &reference, Matching::default()).unwrap();
        let words: Vec<&str> = verdicts.iter().map(|verdict| verdict.judgement.verdict.word()).collect();
        assert_eq!(words, ["missing", "same"]);
    }

    #[test]
    fn a_case_of_another_precision_is_told_from_one_that_is_missing() {
        let of = |key: &str, seconds: f64| {
            let mut file = file(seconds, 5);
            file.rows.iter_mut().for_each(|row| row.case = key.into());
            file
        };
        let (f16, f32) = ("gemm f16.f32 m512 n512 k512 nn", "gemm f32 m512 n512 k512 nn");
        let (new, reference) = ([of(f16, 0.005)], [of(f32, 0.01)]);
        let refusal = compared(&new, &reference, Matching::default()).unwrap_err();
        assert!(refusal.to_string().contains("precision is f16.f32 in "), "{refusal}");
        let forced = compared(&new, &reference, FORCE).unwrap();
        assert_eq!(forced.len(), 1);
        assert_eq!((forced[0].case.as_str(), forced[0].reference_case.as_deref()), (f16, Some(f32)));
        assert_eq!(forced[0].judgement.verdict, Verdict::Faster);
        // With both on the reference there is nothing to mistake.
        let mut both = of(f32, 0.01);
        both.rows.extend(of(f16, 0.005).rows);
        let verdicts = compared(&new, &[both], FORCE).unwrap();
        let words: Vec<&str> = verdicts.iter().map(|verdict| verdict.judgement.verdict.word()).collect();
        assert_eq!(words, ["missing", "same"]);
        // Nothing at all in common.
        let other = [of("stream f32 copy n64", 0.01)];
        assert_eq!(compared(&new, &other, FORCE), Err(Refusal::NothingInCommon));
    }

    #[test]
    fn a_variant_that_changed_is_told_and_compared_with_itself_alone_where_that_is_asked_for() {
        let mut new = file(0.01, 5);
        new.rows.iter_mut().for_each(|row| row.kernel.as_mut().unwrap().variant.kernel = "split".into());
        let verdicts = compared(&[new.clone()], &[file(0.01, 5)], Matching::default()).unwrap();
        assert_eq!(verdicts[0].judgement.verdict, Verdict::Same);
        assert_eq!(verdicts[0].changes[0].field, "variant");
        let by_variant = Matching { by_variant: true, force: false };
        let refusal = compared(&[new], &[file(0.01, 5)], by_variant);
        assert_eq!(refusal, Err(Refusal::NothingInCommon));
    }

    #[test]
    fn the_worst_of_several_processes_is_the_status_of_a_side() {
        let mut new = file(0.01, 6);
        new.rows[2] = fixture::failed_row(KEY, Status::Wrong, Some("element 3")).but(|it| it.repeat = 3);
        let verdict = only(new, file(0.01, 5));
        assert_eq!((verdict.new_status, verdict.reference_status), (Some(Status::Wrong), Some(Status::Ok)));
        assert_eq!(verdict.judgement.verdict, Verdict::Same);
    }
}
