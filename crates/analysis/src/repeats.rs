//! Choice of one row among those of several processes that measured the same case.

use portamark_results::Row;

/// Returns the row of the process with the median time, or the faster of the two middle ones. If no row has a
/// time, returns the last row; `None` if there are no rows.
pub(super) fn typical<'a>(rows: &[&'a Row]) -> Option<&'a Row> {
    let mut timed: Vec<(f64, &Row)> = rows.iter().filter_map(|row| Some((row.seconds()?, *row))).collect();
    timed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    match timed.get(timed.len().saturating_sub(1) / 2) {
        Some((_, row)) => Some(row),
        None => rows.last().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_results::Status;

    #[test]
    fn the_process_in_the_middle_stands_for_all() {
        const KEY: &str = "gemm f32 m512 n512 k512 nn";
        let rows = [3.0, 1.0, 2.0, 4.0].map(|seconds| fixture::ok_row(KEY, seconds));
        let failed = fixture::failed_row(KEY, Status::Crashed, Some("gone"));
        let of = |rows: &[&Row]| typical(rows).map(|row| row.seconds());
        assert_eq!(of(&[&rows[0], &rows[1], &rows[2]]), Some(Some(2.0)));
        assert_eq!(of(&[&rows[0], &rows[1], &rows[2], &rows[3], &failed]), Some(Some(2.0)));
        assert_eq!(of(&[&failed]), Some(None));
        assert_eq!(typical(&[]), None);
    }
}
