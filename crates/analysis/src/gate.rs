//! Gates: conditions under which a comparison ends with exit code 1.

use super::case_verdict::CaseVerdict;
use super::verdict::{Verdict, VerdictRule};
use portamark_results::Status;
use std::fmt;
use std::str::FromStr;

/// Condition that fails a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// A case is slower, after Holm's adjustment for many cases.
    Slower,
    /// A case is faster, after the same adjustment: a surprise is worth a look too.
    Faster,
    /// A verdict is inconclusive.
    Unclear,
    /// The reference has samples, but the new side has none that can be compared.
    Missing,
    /// The new side's result was found wrong by the oracle.
    Wrong,
    /// The new side failed, crashed, timed out or ran out of memory.
    Failed,
}

impl Gate {
    /// All gates, in the order of messages.
    pub const ALL: [Gate; 6] =
        [Gate::Slower, Gate::Faster, Gate::Unclear, Gate::Missing, Gate::Wrong, Gate::Failed];

    /// Returns the name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Gate::Slower => "slower",
            Gate::Faster => "faster",
            Gate::Unclear => "unclear",
            Gate::Missing => "missing",
            Gate::Wrong => "wrong",
            Gate::Failed => "failed",
        }
    }

    /// Whether `verdict` fails this gate.
    pub fn stops(self, verdict: &CaseVerdict, rule: &VerdictRule) -> bool {
        let judgement = &verdict.judgement;
        match self {
            Gate::Slower => judgement.verdict == Verdict::Slower && judgement.is_certain(rule),
            Gate::Faster => judgement.verdict == Verdict::Faster && judgement.is_certain(rule),
            Gate::Unclear => matches!(judgement.verdict, Verdict::Unclear(_)),
            Gate::Missing => {
                matches!(judgement.verdict, Verdict::Missing(_)) && verdict.reference_s.is_some()
            }
            Gate::Wrong => verdict.new_status == Some(Status::Wrong),
            Gate::Failed => verdict.new_status.is_some_and(Status::may_be_retried),
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Gate::ALL.map(Gate::name).join(", ");
        let found = Gate::ALL.into_iter().find(|gate| gate.name() == text.trim());
        found.ok_or_else(|| format!("`{text}` is not a gate; choose from {names}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Absence, Doubt, Judgement, Side};

    fn verdict(judgement: Judgement, new_status: Option<Status>, reference_s: Option<f64>) -> CaseVerdict {
        CaseVerdict { new_status, reference_s, ..CaseVerdict::of("gemm f32 m8 n8 k8 nn", judgement) }
    }

    #[test]
    fn each_gate_stops_its_own_and_nothing_else() {
        let rule = VerdictRule::seeded(1);
        let side = |seconds: f64| vec![vec![seconds; 9]; 5];
        let ok = Some(Status::Ok);
        let judged = |seconds: f64| Judgement::of(&side(seconds), &side(1.0), &rule);
        let few = Judgement::of(&side(1.4)[..1], &side(1.0), &rule);
        assert!(matches!(few.verdict, Verdict::Unclear(Doubt::FewProcesses { .. })));
        let absent = |status: Status| {
            let row = Absence::Row(Side::New, format!("{status}: why"));
            verdict(Judgement::missing(row), Some(status), Some(1.0))
        };
        let new_case = Judgement::missing(Absence::NoSamples(Side::Reference));
        for (verdict, expected) in [
            (verdict(judged(1.05), ok, Some(1.0)), vec![Gate::Slower]),
            (verdict(judged(0.9), ok, Some(1.0)), vec![Gate::Faster]),
            (verdict(judged(1.0), ok, Some(1.0)), vec![]),
            (verdict(few, ok, Some(1.0)), vec![Gate::Unclear]),
            (absent(Status::Wrong), vec![Gate::Missing, Gate::Wrong]),
            (absent(Status::Timeout), vec![Gate::Missing, Gate::Failed]),
            (absent(Status::Unsupported), vec![Gate::Missing]),
            // Four of five processes are verified and one is not.
            (verdict(judged(1.0), Some(Status::Wrong), Some(1.0)), vec![Gate::Wrong]),
            // The reference has no such case.
            (verdict(new_case, ok, None), vec![]),
        ] {
            let stopped: Vec<Gate> =
                Gate::ALL.into_iter().filter(|gate| gate.stops(&verdict, &rule)).collect();
            assert_eq!(stopped, expected, "{verdict:?}");
        }
    }

    #[test]
    fn gates_are_read_by_their_names() {
        for gate in Gate::ALL {
            assert_eq!(gate.to_string().parse(), Ok(gate));
        }
        assert!("slow".parse::<Gate>().unwrap_err().contains("choose from slower, faster"));
    }
}

/// Tests on whole runs with the noise of real machines.
#[cfg(test)]
mod tests_on_noise {
    use super::*;
    use crate::{Matching, compare};
    use portamark_fixtures::simulated::{cases, run};
    use portamark_results::RunFile;
    use portamark_stats::Bootstrap;

    fn rule() -> VerdictRule {
        let rule = VerdictRule::seeded(1);
        VerdictRule { bootstrap: Bootstrap { resamples: 400, ..rule.bootstrap }, ..rule }
    }

    fn judged(new: &[RunFile], reference: &[RunFile]) -> Vec<CaseVerdict> {
        compare(new, reference, Matching::default(), &rule()).unwrap().remove(0).cases
    }

    /// Five runs of two processes each.
    fn runs(cases: &[(String, f64)], seed: u64) -> Vec<RunFile> {
        (0..5).map(|at| run(cases, 2, seed + at)).collect()
    }

    fn count(verdicts: &[CaseVerdict], word: &str) -> usize {
        verdicts.iter().filter(|verdict| verdict.judgement.verdict.word() == word).count()
    }

    #[test]
    fn single_runs_of_equal_kernels_are_never_called_different_however_they_are_shifted() {
        // All times of one run are 3 % above those of the other, as if its clock were lower.
        let shifted: Vec<(String, f64)> = cases(150).into_iter().map(|(key, s)| (key, 1.03 * s)).collect();
        let verdicts = judged(&[run(&shifted, 7, 11)], &[run(&cases(150), 7, 111)]);
        assert_eq!(count(&verdicts, "unclear"), 150);
        let few = Verdict::Unclear(crate::Doubt::FewRuns { new: 1, reference: 1 });
        assert!(verdicts.iter().filter(|verdict| verdict.judgement.verdict == few).count() > 100);
        let spread = verdicts[0].judgement.ratio.unwrap().run_spread;
        assert_eq!(spread, Some(0.01));
        // A case that takes half as long again is no matter of the run.
        let slower: Vec<(String, f64)> = cases(150).into_iter().map(|(key, s)| (key, 1.5 * s)).collect();
        let verdicts = judged(&[run(&slower, 7, 11)], &[run(&cases(150), 7, 111)]);
        assert_eq!(count(&verdicts, "slower"), 150);
        assert!(verdicts.iter().all(|verdict| Gate::Slower.stops(verdict, &rule())));
    }

    #[test]
    fn several_runs_of_one_device_are_the_same_or_unclear_but_for_two_percent() {
        // Runs differ by .3 % and processes by .4 %, so a ratio of two times five runs has a standard error of
        // √(.3² + .4²/2)·√(2/5) = .26 %: the margin is seven of them away.
        for seed in [11, 12] {
            let verdicts = judged(&runs(&cases(150), 1000 * seed), &runs(&cases(150), 1000 * seed + 100));
            assert_eq!(verdicts.len(), 150);
            assert_eq!(count(&verdicts, "missing"), 0);
            assert_eq!(count(&verdicts, "faster") + count(&verdicts, "slower"), 0);
            assert!(count(&verdicts, "same") >= 130, "{} same", count(&verdicts, "same"));
        }
    }

    #[test]
    fn of_many_kernels_the_one_that_is_slower_by_five_percent_is_named_and_no_other() {
        for (seed, slowed) in [(21_000, 17), (22_000, 90)] {
            let mut slower = cases(120);
            slower[slowed].1 *= 1.05;
            let verdicts = judged(&runs(&slower, seed), &runs(&cases(120), seed + 100));
            let named: Vec<&str> = verdicts
                .iter()
                .filter(|verdict| Gate::Slower.stops(verdict, &rule()))
                .map(|verdict| verdict.case.as_str())
                .collect();
            assert_eq!(named, [slower[slowed].0.as_str()]);
            assert_eq!((count(&verdicts, "slower"), count(&verdicts, "faster")), (1, 0));
            let ratio = verdicts[slowed].judgement.ratio.unwrap().interval.estimate;
            assert!((ratio - 1.05).abs() < 0.02, "{ratio}");
        }
    }

    #[test]
    fn with_one_process_on_a_side_nothing_is_called_slower() {
        let mut slower = cases(10);
        slower.iter_mut().for_each(|case| case.1 *= 1.5);
        let verdicts = judged(&[run(&slower, 1, 5)], &[run(&cases(10), 7, 6)]);
        assert!(verdicts.iter().all(|verdict| verdict.judgement.verdict.word() == "unclear"));
        assert!(verdicts.iter().all(|verdict| !Gate::Slower.stops(verdict, &rule())));
    }
}
