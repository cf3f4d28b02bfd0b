//! Verdicts per case from the rows of two sides, each measured by several processes.

use super::case_verdict::{CaseVerdict, Difference};
use super::compared_case::compared_cases;
use super::judgement::judge_together;
use super::matchup::{DevicePair, pair_devices};
use super::verdict::{Absence, Verdict, VerdictRule};
use portamark_results::RunFile;
use rayon::prelude::*;

/// Options for matching rows, and which differences between them are allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matching {
    /// Compare each kernel variant of a case only with the same variant.
    pub by_variant: bool,
    /// Also compare rows that were measured under different conditions. Different methods are never compared.
    pub force: bool,
}

/// Verdicts on all cases of one device.
#[derive(Debug, Clone)]
pub struct DeviceVerdicts<'a> {
    /// Files of the device on both sides.
    pub pair: DevicePair<'a>,
    /// Verdicts in the order of the reference, followed by the cases that only the new side has.
    pub cases: Vec<CaseVerdict>,
}

/// Reason why two sets of files cannot be compared at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No case has rows on both sides.
    #[error("the sides have no case in common")]
    NothingInCommon,
    /// No common case was measured under the same conditions.
    #[error("the sides were measured differently: {0}")]
    Unlike(Difference),
}

/// Judges every case of every device. Devices are paired by `pair_devices`, rows by their case key; the
/// verdicts of all devices are adjusted together (`judge_together`).
///
/// # Errors
/// Returns a [`Refusal`] if nothing can be compared.
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

/// Judges every case that either side has a row of, in the order of the reference, followed by the cases that
/// only the new side has. All files of a side must be of one device.
///
/// Rows of other programs are not judged: a case that only they have is skipped, and if a side has a case
/// only from them, it is missing there, with that reason.
///
/// A process is one repeat of a case in one file. If all processes of both sides ran in pairs (`run --ab`,
/// with both files present), each batch is compared with its neighbour in time; otherwise the sides are
/// treated as independent.
pub fn verdicts(new: &[RunFile], reference: &[RunFile], rule: &VerdictRule) -> Vec<CaseVerdict> {
    let pair = DevicePair::of(new.iter().collect(), reference.iter().collect());
    let mut cases = judge_pair(&pair, Matching::default(), rule);
    judge_together(cases.iter_mut().map(|case| &mut case.judgement), rule);
    cases
}

/// Judges each case by itself; the cases are distributed over the CPU cores.
fn judge_pair(pair: &DevicePair, matching: Matching, rule: &VerdictRule) -> Vec<CaseVerdict> {
    let cases = compared_cases(pair, matching.by_variant);
    cases.par_iter().map(|case| case.judge(matching.force, rule)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Doubt;
    use portamark_fixtures::fixture;
    use portamark_results::{AbSide, Cache, Row, RunOption, Status};

    const KEY: &str = "gemm f32 m512 n512 k512 nn";

    /// A file of one side with `repeats` processes of 31 batches each, every batch taking about `seconds`.
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

    /// Slows down each batch of both files by the same factor, which grows to four.
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
        // A file is no pair with itself, with a file of another run, or with one that has a batch less.
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
        let words = "missing (measured differently: method is 2 in results/made-up.jsonl and 1 in results/made-up.jsonl)";
        assert_eq!(missing(later, file(0.01, 5)), words);
        let mut warm = file(0.01, 5);
        for row in &mut warm.rows {
            let timing = row.timing.as_mut().unwrap();
            timing.cache = if timing.cache == Cache::Warm { Cache::Rotated } else { Cache::Warm };
        }
        assert!(missing(warm, file(0.01, 5)).contains("measured differently: cache is warm in "));
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
        // Imported rows beside rows of portamark change nothing; alone they make no case.
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
        let zeros: fn(&mut RunFile) =
            |file| drop(file.header.options.insert(RunOption::Distribution, "zeros".into()));
        for (alter, words) in [
            (warm, "cache is warm in results/new.jsonl and rotated in results/made-up.jsonl"),
            (zeros, "distribution is zeros in results/new.jsonl and uniform in results/made-up.jsonl"),
        ] {
            let new = altered(alter);
            let refusal = compared(&new, &reference, Matching::default()).unwrap_err();
            assert_eq!(refusal.to_string(), format!("the sides were measured differently: {words}"));
            let forced = compared(&new, &reference, FORCE).unwrap();
            assert_eq!((forced[0].judgement.verdict.word(), forced[0].unlike.len()), ("same", 1));
        }
        let later = altered(|file| file.header.method = 2);
        for matching in [Matching::default(), FORCE] {
            let refusal = compared(&later, &reference, matching).unwrap_err();
            assert!(matches!(&refusal, Refusal::Unlike(difference) if difference.field == "method"));
        }
        // Of two cases, the one whose conditions differ is missing, and the other one is compared.
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
        // If the reference has both precisions, the cases match by key.
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
