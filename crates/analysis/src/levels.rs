//! Levels of the memory hierarchy, found as plateaus of bandwidth over working-set size.

use super::rate::Rate;
use portamark_model::workload::{Case, StreamOp, Workload};
use portamark_results::Row;
use portamark_stats::{Plateau, plateaus};

/// One memory level: a range of working sets with about the same bandwidth.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Smallest and largest working set, in bytes.
    pub bytes: (u64, u64),
    /// Median bandwidth over these working sets, in B/s.
    pub rate: f64,
    /// Case key of the row with the largest working set.
    pub case: String,
}

/// One point of the curve: working set in bytes, bandwidth in B/s, and case key of its row.
type Point = (u64, f64, String);

/// Returns the memory levels that the `stream read` rows show, fastest first.
///
/// They are the [`plateaus()`] of the curve. A single plateau shows no hierarchy, so the result then is
/// empty.
pub fn levels<'a>(rows: impl IntoIterator<Item = (&'a Case, &'a Row)>) -> Vec<Level> {
    let points = rows.into_iter().filter_map(|(case, row)| match case {
        Case::Stream(stream) if stream.op == StreamOp::Read => {
            Some((stream.bytes(), Rate::of(Some(case), row)?.value, row.case.clone()))
        }
        _ => None,
    });
    of_points(points.collect())
}

fn of_points(mut points: Vec<Point>) -> Vec<Level> {
    points.sort_by_key(|point| point.0);
    let rates: Vec<f64> = points.iter().map(|point| point.1).collect();
    let level = |plateau: &Plateau| Level {
        bytes: (points[plateau.first].0, points[plateau.last].0),
        rate: plateau.rate,
        case: points[plateau.last].2.clone(),
    };
    let levels: Vec<Level> = plateaus(&rates).iter().map(level).collect();
    if levels.len() < 2 { Vec::new() } else { levels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn one_level_is_no_finding_and_two_have_their_sets() {
        // Working sets of 1, 2, 4 ... bytes with these rates, as (smallest, largest, rate).
        let found = |rates: &[f64]| -> Vec<(u64, u64, f64)> {
            let points = rates.iter().enumerate().map(|(i, rate)| (1 << i, *rate, format!("row {i}")));
            of_points(points.collect()).iter().map(|l| (l.bytes.0, l.bytes.1, l.rate)).collect()
        };
        assert_eq!(found(&[5.0, 20.0, 80.0, 79.0, 20.0, 20.0]), [(4, 8, 79.5), (16, 32, 20.0)]);
        assert_eq!(found(&[100.0, 90.0, 95.0, 88.0, 92.0]), []);
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn rows_of_reads_make_the_curve_and_others_do_not() {
        // 4100 B in 1 s and 8200 B in 8 s: 4100 and 1025 B/s.
        let rows: Vec<(Case, Row)> =
            [("stream f32 read n1024", 1.0), ("stream f32 read n2048", 8.0), ("stream f32 copy n4096", 1e-3)]
                .map(|(key, seconds)| (key.parse().unwrap(), fixture::ok_row(key, seconds)))
                .to_vec();
        let levels = levels(rows.iter().map(|(case, row)| (case, row)));
        let sets: Vec<(u64, f64)> = levels.iter().map(|level| (level.bytes.1, level.rate)).collect();
        assert_eq!(sets, [(4100, 4100.0), (8200, 1025.0)]);
        assert_eq!(levels[1].case, "stream f32 read n2048");
    }
}
