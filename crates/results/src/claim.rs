//! What a row of a file claims that cannot be: files may be of earlier versions, other programs, or anybody.

use super::schema::{Row, Status};
use super::timing::Timing;
use portamark_model::possible::impossible;
use portamark_model::workload::Case;

/// Longest key of a case in bytes, ten times that of the longest one known. A longer one is no key, and everything that
/// shows it would have to make room for it.
const LONGEST_KEY: usize = 2000;

/// Returns why a row cannot be used at all; `None` if it can.
pub(super) fn refusal(row: &Row) -> Option<String> {
    let length = row.case.len();
    (length > LONGEST_KEY)
        .then(|| format!("its case has {length} bytes, more than {LONGEST_KEY}, and was skipped"))
}

/// Takes back the status `ok` of a row that has no proof, a time that no device reaches, or fields that contradict each
/// other: it becomes `wrong` or `failed`, with the reason. An empty batch takes the host `empty_host_s` seconds.
pub(super) fn judge(row: &mut Row, empty_host_s: f64) {
    if row.status == Status::Imported
        && let Some(reason) = wrong_import(row)
    {
        row.status = Status::Failed;
        row.reason = Some(format!("the file says imported, but {reason}"));
    }
    if row.status != Status::Ok {
        return;
    }
    let unproven = match &row.verification {
        Some(proof) => proof.fault(),
        None => Some("it has no comparison with the oracle".into()),
    };
    let (status, reason) = match unproven {
        Some(reason) => (Status::Wrong, reason),
        None => match row.timing.as_ref().and_then(|timing| wrong_time(row, timing, empty_host_s)) {
            Some(reason) => (Status::Failed, reason),
            None => return,
        },
    };
    row.status = status;
    row.reason = Some(format!("the file says ok, but {reason}"));
}

/// Returns why the value of an imported row cannot be; `None` if it can.
fn wrong_import(row: &Row) -> Option<String> {
    let Some(imported) = &row.imported else { return Some("it has no value of another program".into()) };
    if !(imported.value.is_finite() && imported.value > 0.0) {
        return Some(format!("its value is {}", imported.value));
    }
    if let Some(spread) = imported.spread.as_ref().filter(|spread| spread.lo > spread.hi) {
        return Some(format!("its spread goes from {} down to {}", spread.lo, spread.hi));
    }
    impossible(row.flop.into(), row.bytes, row.imported_seconds()?)
}

/// Returns why the times of a row cannot be; `None` if they can.
fn wrong_time(row: &Row, timing: &Timing, empty_host_s: f64) -> Option<String> {
    let case = row.case.parse::<Case>().ok();
    let (flop, bytes) = case.map_or((0, 0), |case| (case.flop(), case.bytes()));
    impossible(flop.max(row.flop.into()), bytes.max(row.bytes), timing.summary.median)
        .or_else(|| timing.other_summary())
        .or_else(|| timing.contradicting_clocks(empty_host_s))
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::imported::Imported;
    use super::*;

    fn judged(change: impl FnOnce(&mut Row)) -> (Status, String) {
        let mut row = example::row("gemm f16.f32 m4096 n4096 k4096 nn").but(change);
        judge(&mut row, 3e-5);
        (row.status, row.reason.unwrap_or_default())
    }

    fn timed(seconds: f64) -> (Status, String) {
        judged(|row| row.timing.as_mut().unwrap().summary.median = seconds)
    }

    #[test]
    fn a_row_without_proof_or_with_an_impossible_time_is_not_ok() {
        // 2·4096³ = 137.4 GFLOP in 0.98 ms are 141 TFLOP/s, in 261.8 ns 525 PFLOP/s.
        assert_eq!(judged(|_| ()), (Status::Ok, String::new()));
        let (status, reason) = timed(261.8e-9);
        assert_eq!(status, Status::Failed);
        assert!(reason.starts_with("the file says ok, but") && reason.contains("525 PFLOP/s"), "{reason}");
        for seconds in [0.0, -1.0, f64::NAN, 1e-300] {
            assert_eq!(timed(seconds).0, Status::Failed, "{seconds}");
        }
        let (status, reason) = judged(|row| row.verification.as_mut().unwrap().checked = 0);
        assert_eq!((status, reason.contains("no element was compared")), (Status::Wrong, true));
        assert_eq!(judged(|row| row.verification.as_mut().unwrap().passed = false).0, Status::Wrong);
        let (status, reason) = judged(|row| row.verification = None);
        assert_eq!((status, reason.contains("no comparison with the oracle")), (Status::Wrong, true));
        // The example's batches take 0.98 ms by the device.
        let (status, reason) = judged(|row| row.timing.as_mut().unwrap().host_ns = vec![98_000_000; 30]);
        assert_eq!((status, reason.contains("clock")), (Status::Failed, true));
        // The counts of the file do not hide the work of the case, nor the other way round.
        let (status, _) = judged(|row| (row.flop, row.bytes) = (u64::MAX, 0));
        assert_eq!(status, Status::Failed);
        let other = |row: &mut Row| (row.status, row.reason) = (Status::Crashed, Some("SIGSEGV".into()));
        assert_eq!(judged(other), (Status::Crashed, "SIGSEGV".into()));
    }

    #[test]
    fn an_imported_row_without_a_possible_value_is_not_one() {
        let judged = |change: fn(&mut Row)| {
            let mut row = example::imported("gemm f32 m512 n512 k512 nn").but(change);
            judge(&mut row, 3e-5);
            (row.status, row.reason.unwrap_or_default())
        };
        assert_eq!(judged(|_| ()).0, Status::Imported);
        let (status, reason) = judged(|row| row.imported = None);
        let words = "the file says imported, but it has no value of another program";
        assert_eq!((status, &*reason), (Status::Failed, words));
        type Change = fn(&mut Imported);
        let changes: [(Change, &str); 5] = [
            (|it| it.value = 0.0, "its value is 0"),
            (|it| it.value = -1.5, "its value is -1.5"),
            (|it| it.value = f64::INFINITY, "its value is inf"),
            // 2·512³ FLOP in 10⁻¹² s.
            (|it| it.value = 1e-12, "more than any device can do"),
            (|it| it.spread.as_mut().unwrap().lo = 2.0, "its spread goes from 2 down to 0.001953125"),
        ];
        for (change, part) in changes {
            let mut row = example::imported("gemm f32 m512 n512 k512 nn");
            change(row.imported.as_mut().unwrap());
            judge(&mut row, 3e-5);
            let reason = row.reason.unwrap();
            assert!(row.status == Status::Failed && reason.contains(part), "{part}: {reason}");
        }
    }

    #[test]
    fn a_case_that_is_no_key_is_refused() {
        assert_eq!(refusal(&example::row(&"x".repeat(2000))), None);
        assert!(refusal(&example::row(&"x".repeat(2001))).unwrap().contains("2001 bytes"));
    }
}
