//! Headline rate of a row, with the confidence interval that follows from its median time.

use portamark_model::workload::{Case, Precision};
use portamark_results::Row;
use portamark_stats::geometric_mean_interval;

/// Unit of work that a rate counts per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateUnit {
    /// Bytes that the work must move at least.
    Bytes,
    /// Floating-point operations (FLOP).
    Flop,
    /// Dependent steps, such as launches of a chain; reports show the time of one step, which is the inverse.
    Steps,
    /// Integer operations (OP).
    Op,
}

impl RateUnit {
    /// Returns the unit of arithmetic in `precision`: OP for integer accumulators, otherwise FLOP.
    pub fn of_arithmetic(precision: Precision) -> Self {
        if precision.accumulate.is_integer() { RateUnit::Op } else { RateUnit::Flop }
    }
}

/// Rate of a row: work divided by the median time of one execution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Units of work per second; finite and above 0.
    pub value: f64,
    /// Unit of the work.
    pub unit: RateUnit,
    /// 95 % confidence interval (lower, upper) of the rate, from that of the median time; if several processes
    /// measured it, the interval also contains what they differ by. `None` if the time has no usable interval.
    pub interval: Option<(f64, f64)>,
    /// Half the width of the median time's confidence interval, as a fraction of the median.
    pub half_width: Option<f64>,
}

impl Rate {
    /// Returns the rate of a verified `ok` row: steps per second where the case counts them, bytes per second
    /// where it is bandwidth-bound, otherwise FLOP/s, or OP/s for integers. `None` if the row has no usable
    /// time or counts no work.
    pub fn of(case: Option<&Case>, row: &Row) -> Option<Self> {
        let seconds = proven_seconds(row)?;
        Self::of_seconds(case, row, seconds, ends(row))
    }

    /// Returns the rate of `row`, one of the `processes` that measured the same, with an interval that also contains
    /// what processes differ by: the hull of the row's own interval and that of the geometric mean of the median
    /// times ([`geometric_mean_interval`]). Processes without a verified time are left out.
    pub(super) fn of_processes(case: Option<&Case>, row: &Row, processes: &[&Row]) -> Option<Self> {
        let seconds = proven_seconds(row)?;
        let medians: Vec<f64> = processes.iter().filter_map(|row| proven_seconds(row)).collect();
        let between = if medians.len() > 1 { geometric_mean_interval(&medians, LEVEL) } else { None };
        let hull = match (ends(row), between) {
            (own, None) => own,
            (None, Some((lo, hi))) => Some((lo.min(seconds), hi.max(seconds))),
            (Some((own_lo, own_hi)), Some((lo, hi))) => Some((own_lo.min(lo), own_hi.max(hi))),
        };
        Self::of_seconds(case, row, seconds, hull)
    }

    /// Returns the rate if the work of `row` takes `seconds`. The interval follows from `ends`, the
    /// confidence interval of the time, if `seconds` lies within it.
    pub(super) fn of_seconds(
        case: Option<&Case>,
        row: &Row,
        seconds: f64,
        ends: Option<(f64, f64)>,
    ) -> Option<Self> {
        let bytes = case.map_or(row.flop == 0, Case::is_bandwidth);
        let arithmetic = case.map_or(RateUnit::Flop, |case| RateUnit::of_arithmetic(case.precision()));
        let (unit, work) = match case.and_then(Case::steps) {
            Some(steps) => (RateUnit::Steps, steps),
            None if bytes => (RateUnit::Bytes, row.bytes),
            None => (arithmetic, row.flop),
        };
        let work = work as f64;
        let value = work / seconds;
        if !(value.is_finite() && value > 0.0) {
            return None;
        }
        let ends = ends.filter(|(lo, hi)| *lo > 0.0 && *lo <= seconds && seconds <= *hi && hi.is_finite());
        let interval = ends.map(|(lo, hi)| (work / hi, work / lo)).filter(|(_, upper)| upper.is_finite());
        let half_width = ends.map(|(lo, hi)| (hi - lo) / 2.0 / seconds);
        Some(Rate { value, unit, interval, half_width })
    }
}

/// Confidence level of the intervals of rows.
const LEVEL: f64 = 0.95;

/// Returns the confidence interval of the row's median time, in seconds.
fn ends(row: &Row) -> Option<(f64, f64)> {
    row.timing.as_ref().and_then(|timing| timing.summary.ci_lo.zip(timing.summary.ci_hi))
}

/// Returns the median seconds of one execution of an `ok` row whose result was verified.
pub(crate) fn proven_seconds(row: &Row) -> Option<f64> {
    row.verification.as_ref().filter(|proof| proof.passed)?;
    row.seconds()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn a_rate_is_work_over_the_median_and_its_interval_is_turned_round() {
        // 2·4·4·4 = 128 FLOP; median 2 s, interval 1 … 4 s: 64 FLOP/s, 32 … 128, half width 75 %.
        let case: Case = "gemm f32 m4 n4 k4 nn".parse().unwrap();
        let mut row = fixture::ok_row("gemm f32 m4 n4 k4 nn", 2.0);
        let summary = &mut row.timing.as_mut().unwrap().summary;
        (summary.median, summary.ci_lo, summary.ci_hi) = (2.0, Some(1.0), Some(4.0));
        let rate = Rate::of(Some(&case), &row).unwrap();
        assert_eq!((rate.value, rate.unit), (64.0, RateUnit::Flop));
        assert_eq!(rate.interval, Some((32.0, 128.0)));
        assert_eq!(rate.half_width, Some(0.75));
    }

    #[test]
    fn without_proof_there_is_no_number() {
        let mut row = fixture::ok_row("gemm f32 m4 n4 k4 nn", 1.0);
        row.verification.as_mut().unwrap().passed = false;
        assert_eq!(Rate::of(None, &row), None);
        row.verification = None;
        assert_eq!(Rate::of(None, &row), None);
    }

    #[test]
    fn decode_attention_and_streams_count_bytes() {
        for key in ["stream f32 triad n1024", "attention f32 b1 hq4 hkv4 q1 kv64 d64"] {
            let case: Case = key.parse().unwrap();
            let rate = Rate::of(Some(&case), &fixture::ok_row(key, 1.0)).unwrap();
            assert_eq!(rate.unit, RateUnit::Bytes);
            assert_eq!(rate.value, case.bytes() as f64);
        }
    }

    #[test]
    fn chains_count_steps() {
        // 64 launches in 128 µs.
        let case: Case = "launch i32 d64".parse().unwrap();
        let rate = Rate::of(Some(&case), &fixture::ok_row("launch i32 d64", 128e-6)).unwrap();
        assert_eq!(rate.unit, RateUnit::Steps);
        assert!((1.0 / rate.value - 2e-6).abs() < 1e-12);
    }

    #[test]
    fn integers_count_operations_and_linear_layers_for_few_tokens_bytes() {
        for (key, unit) in [
            ("gemm i8.i32 m4 n4 k4 nt", RateUnit::Op),
            ("peak i8.i32 dot4 c64 s16", RateUnit::Op),
            ("gemv i8.i32 m1 n4 k4", RateUnit::Bytes),
            ("gemm f16.f32 m4 n4 k4 nt", RateUnit::Flop),
        ] {
            let rate = Rate::of(Some(&key.parse().unwrap()), &fixture::ok_row(key, 1.0)).unwrap();
            assert_eq!(rate.unit, unit, "{key}");
        }
    }

    #[test]
    fn absurd_times_give_no_rate_or_no_interval() {
        let key = "gemm f32 m4 n4 k4 nn";
        let case: Case = key.parse().unwrap();
        for median in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-320] {
            let mut row = fixture::ok_row(key, 1.0);
            row.timing.as_mut().unwrap().summary.median = median;
            assert_eq!(Rate::of(Some(&case), &row), None, "{median}");
        }
        for (lo, hi) in [(f64::NAN, 2.0), (2.0, 0.5), (0.0, 2.0), (0.5, f64::INFINITY)] {
            let mut row = fixture::ok_row(key, 1.0);
            let summary = &mut row.timing.as_mut().unwrap().summary;
            (summary.ci_lo, summary.ci_hi) = (Some(lo), Some(hi));
            let rate = Rate::of(Some(&case), &row).unwrap();
            assert_eq!((rate.interval, rate.half_width), (None, None), "{lo} {hi}");
        }
    }
}
