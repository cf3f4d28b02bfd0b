//! Verdicts on the two sides of a report: before and after, or two devices.

use super::case_verdict::CaseVerdict;
use super::comparison::Comparison;
use super::device::Device;
use super::lead::only;
use super::verdict::VerdictRule;
use super::verdicts::verdicts;
use portamark_results::RunFile;
use std::collections::HashSet;

/// Maximum number of cases that are judged: those whose rates differ most. Each takes thousands of bootstrap
/// resamples.
pub const MOST_JUDGED: usize = 1000;

/// Verdicts on one device of a comparison against another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Sides {
    /// Index of the reference in [`Comparison::devices`].
    pub reference: usize,
    /// Index of the judged device in [`Comparison::devices`].
    pub new: usize,
    /// Verdicts in the order of cases, corrected for testing all cases together.
    pub verdicts: Vec<CaseVerdict>,
    /// Rule by which the verdicts were reached.
    pub rule: VerdictRule,
    /// Number of cases that both sides have but that were not judged.
    pub left_out: usize,
}

impl Sides {
    /// Judges the two sides of the newest `run --ab` or of a report with a base; without such sides, the two
    /// devices if there are exactly two. Returns `None` if there are no two sides with samples of the same
    /// case.
    pub fn of(comparison: &Comparison) -> Option<Self> {
        let (reference, new) = sides(comparison)?;
        let mut cases: Vec<(&str, f64)> = Vec::new();
        for line in &comparison.cases {
            let rate = |device: usize| comparison.entry(line, device).and_then(|entry| entry.rate);
            if let (Some(a), Some(b)) = (rate(reference), rate(new)) {
                cases.push((line.key, (a.value / b.value).ln().abs()));
            }
        }
        let left_out = cases.len().saturating_sub(MOST_JUDGED);
        cases.sort_by(|a, b| b.1.total_cmp(&a.1));
        cases.truncate(MOST_JUDGED);
        let judged: HashSet<&str> = cases.into_iter().map(|(key, _)| key).collect();
        if judged.is_empty() {
            return None;
        }
        let files = |device: usize| -> Vec<RunFile> {
            comparison.devices[device].files.iter().map(|file| only(file, &judged)).collect()
        };
        // Use the seed of the run, so that the verdicts equal those that it printed.
        let rule = VerdictRule::seeded(u64::from(comparison.devices[new].header.seed));
        let verdicts = verdicts(&files(new), &files(reference), &rule);
        // Rows without samples cannot be compared.
        let judged = verdicts.iter().any(|verdict| verdict.judgement.ratio.is_some());
        judged.then_some(Sides { reference, new, verdicts, rule, left_out })
    }
}

/// Returns the indices of the reference and of the new side.
fn sides(comparison: &Comparison) -> Option<(usize, usize)> {
    let side = |device: &Device, name: &str| device.header.ab.as_ref().is_some_and(|ab| ab.side == name);
    let of = |name: &'static str| {
        let devices = comparison.devices.iter().enumerate();
        devices.filter(move |(_, device)| side(device, name)).map(|(index, _)| index)
    };
    let header = |index: usize| comparison.devices[index].header;
    // In a report with a base, two runs of the same device are its two sides.
    let alike = |a: usize, b: usize| {
        header(a).run == header(b).run || is_base(comparison, a) && header(a).device.id == header(b).device.id
    };
    let pairs = of("A").flat_map(|a| of("B").filter(move |b| alike(a, *b)).map(move |b| (a, b)));
    // Labels tell cards of one model apart: of several pairs, one card with itself comes first.
    let newest =
        pairs.max_by_key(|(a, b)| (header(*a).labels == header(*b).labels, header(*a).started.clone()));
    newest.or_else(|| (comparison.devices.len() == 2).then_some((0, 1)))
}

/// Names of the two sides of a report with a base: the reference, then the new side.
pub const BEFORE_AND_AFTER: [&str; 2] = ["before", "after"];

fn is_base(comparison: &Comparison, device: usize) -> bool {
    comparison.devices[device].header.ab.as_ref().is_some_and(|ab| ab.words == BEFORE_AND_AFTER[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;
    use portamark_fixtures::simulated;
    use portamark_results::AbSide;

    fn side(mut run: RunFile, place: usize) -> RunFile {
        let words = BEFORE_AND_AFTER[place].to_string();
        run.header.ab = Some(AbSide::new(["A", "B"][place], words));
        run
    }

    #[test]
    fn a_slower_case_is_named_and_no_other() {
        let cases = simulated::cases(6);
        let mut slower = cases.clone();
        slower[2].1 *= 1.1;
        // The new side comes first, to check that the order of files does not decide which side is which.
        let runs = [side(simulated::run(&slower, 7, 2), 1), side(simulated::run(&cases, 7, 1), 0)];
        let comparison = Comparison::new(&runs);
        let sides = Sides::of(&comparison).unwrap();
        assert!(comparison.devices[sides.reference].label.ends_with("A before"));
        let named: Vec<&str> = sides
            .verdicts
            .iter()
            .filter(|verdict| matches!(verdict.judgement.verdict, Verdict::Slower | Verdict::Faster))
            .map(|verdict| verdict.case.as_str())
            .collect();
        assert_eq!(named, [slower[2].0.as_str()]);
        assert_eq!(sides.verdicts.len(), 6);
    }

    #[test]
    fn one_device_and_devices_without_a_common_case_have_no_sides() {
        let one = [simulated::run(&simulated::cases(2), 5, 1)];
        assert_eq!(Sides::of(&Comparison::new(&one)), None);
        let mut other = simulated::run(&[("gemv f32 m1 n64 k64".into(), 1e-4)], 5, 2);
        other.header.device.id = "vulkan/other/1".into();
        let [one] = one;
        assert_eq!(Sides::of(&Comparison::new(&[one, other])), None);
    }
}
