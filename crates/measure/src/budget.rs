//! Time budget of a run, and prediction of the time of a case from smaller cases.

use portamark_model::workload::{Case, Parameter};
use std::collections::HashMap;

/// Predicts the time of a case from similar cases that ran before.
#[derive(Debug, Default)]
pub struct Predictor {
    /// Work and seconds of the cases that ran, by kind.
    seen: HashMap<String, Vec<(f64, f64)>>,
}

/// Returns all parameters without the values of sizes, so that cases that differ only in size have the same
/// kind.
fn kind(case: &Case) -> String {
    let name = |parameter| match parameter {
        Parameter::Size(name, _) => name.to_string(),
        other => other.to_string(),
    };
    let names: Vec<String> = case.parameters().iter().map(name).collect();
    format!("{} {}", family(case), names.join(" "))
}

/// Returns a coarser kind: family, number formats, and unit of work.
fn family(case: &Case) -> String {
    let unit = if case.is_bandwidth() { "bytes" } else { "flop" };
    format!("{} {} {unit}", case.family(), case.precision())
}

/// Returns the work that determines the time: steps of a chain, bytes of a bandwidth case, otherwise FLOP.
fn work(case: &Case) -> f64 {
    match case.steps() {
        Some(steps) => steps as f64,
        None if case.is_bandwidth() => case.bytes() as f64,
        None => case.flop() as f64,
    }
}

impl Predictor {
    /// Records that one execution of `case` took `seconds`.
    pub fn note(&mut self, case: &Case, seconds: f64) {
        for kind in [kind(case), family(case)] {
            self.seen.entry(kind).or_default().push((work(case), seconds));
        }
    }

    /// Predicts the seconds of one execution of `case` from the best rate of its kind: larger cases are
    /// rarely less efficient, and one badly suited shape must not decide for the others. `None` if nothing
    /// similar ran.
    pub fn predict(&self, case: &Case) -> Option<f64> {
        let work = work(case);
        let seen = self.seen.get(&kind(case)).or_else(|| self.seen.get(&family(case)))?;
        let best = seen.iter().map(|(w, seconds)| seconds / w.max(1.0)).min_by(f64::total_cmp)?;
        Some(best * work)
    }
}

/// Measuring time that a device may still use.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Seconds left; `None` if there is no limit.
    left_s: Option<f64>,
    /// Number of cases still to run, including the current one.
    cases_left: usize,
}

impl Budget {
    /// Creates a budget of `limit_s` seconds for `cases` cases; `None` means no limit.
    pub fn new(limit_s: Option<f64>, cases: usize) -> Self {
        Budget { left_s: limit_s, cases_left: cases }
    }

    /// Returns the seconds that the next case may use: three even shares, because most cases need less than
    /// one. `None` if there is no limit.
    pub fn share_s(&self) -> Option<f64> {
        self.left_s.map(|left| (3.0 * left / self.cases_left.max(1) as f64).min(left).max(0.0))
    }

    /// Subtracts the seconds that a case used.
    pub fn spend(&mut self, seconds: f64) {
        self.left_s = self.left_s.map(|left| left - seconds);
        self.cases_left = self.cases_left.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(key: &str) -> Case {
        key.parse().unwrap()
    }

    #[test]
    fn a_bigger_case_is_predicted_by_the_best_rate_of_its_kind() {
        let mut predictor = Predictor::default();
        let big = case("gemm f32 m512 n512 k512 nn");
        assert_eq!(predictor.predict(&big), None);
        predictor.note(&case("gemm f32 m128 n128 k128 nn"), 1.0);
        predictor.note(&case("gemm f32 m256 n256 k256 nn"), 2.0);
        // Eight times the work of 256, which was four times as efficient as 128.
        assert_eq!(predictor.predict(&big), Some(16.0));
        // Another layout has not run: the family's rate is used.
        assert_eq!(predictor.predict(&case("gemm f32 m512 n512 k512 nt")), Some(16.0));
        // Another format has no prediction.
        assert_eq!(predictor.predict(&case("gemm f16.f32 m512 n512 k512 nn")), None);
        // Bytes of a decode step say nothing about the FLOP of a prefill.
        predictor.note(&case("attention f32 b1 hq1 hkv1 q1 kv64 d64"), 1.0);
        assert_eq!(predictor.predict(&case("attention f32 b1 hq1 hkv1 q64 kv64 d64")), None);
    }

    #[test]
    fn a_share_is_three_even_parts_and_never_more_than_what_is_left() {
        let mut budget = Budget::new(Some(90.0), 45);
        assert_eq!(budget.share_s(), Some(6.0));
        budget.spend(86.0);
        assert_eq!(budget.share_s(), Some(3.0 * 4.0 / 44.0));
        let mut last = Budget::new(Some(10.0), 1);
        assert_eq!(last.share_s(), Some(10.0));
        last.spend(12.0);
        assert_eq!(last.share_s(), Some(0.0));
        assert_eq!(Budget::new(None, 3).share_s(), None);
    }
}
