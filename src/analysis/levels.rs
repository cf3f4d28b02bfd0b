//! The levels of the memory hierarchy, as plateaus of bandwidth over the working set.

use super::rate::Rate;
use crate::record::Row;
use crate::workload::{Case, StreamOp, Workload};

/// Rates that differ by less than this factor belong to one level.
const WITHIN: f64 = 1.25;

/// Working sets that one level of the hierarchy serves at about the same rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Bytes of the smallest and of the largest working set.
    pub bytes: (u64, u64),
    /// B/s: the median of the rates.
    pub rate: f64,
    /// Key of the row with the largest working set.
    pub case: String,
}

/// One point of the curve: bytes, B/s, and the key of its row.
type Point = (u64, f64, String);

/// The levels that the `stream read` rows show, fastest first.
///
/// From the highest rate on (smaller sets are bound by the cost of a launch) a level goes on while
/// rates stay within a quarter of its median, and the next one begins after the drop. A lone point on
/// the way down, followed by another drop, lies between two levels and belongs to none. One level is
/// no finding, so that fewer than two are none.
pub fn levels<'a>(rows: impl IntoIterator<Item = (&'a Case, &'a Row)>) -> Vec<Level> {
    let points = rows.into_iter().filter_map(|(case, row)| match case {
        Case::Stream(stream) if stream.op == StreamOp::Read => {
            Some((stream.bytes(), Rate::of(Some(case), row)?.value, row.case.clone()))
        }
        _ => None,
    });
    plateaus(points.collect())
}

fn plateaus(mut points: Vec<Point>) -> Vec<Level> {
    points.sort_by_key(|point| point.0);
    let highest = (0..points.len()).rev().max_by(|&a, &b| points[a].1.total_cmp(&points[b].1)).unwrap_or(0);
    let mut levels: Vec<Level> = Vec::new();
    let mut held: Vec<Point> = Vec::new();
    for (i, point) in points.iter().enumerate().skip(highest) {
        if held.is_empty() || point.1 * WITHIN >= median(&held) {
            held.push(point.clone());
            continue;
        }
        levels.extend(level(&held));
        held.clear();
        let falls_on = points.get(i + 1).is_some_and(|next| next.1 * WITHIN < point.1);
        if !falls_on {
            held.push(point.clone());
        }
    }
    levels.extend(level(&held));
    if levels.len() < 2 { Vec::new() } else { levels }
}

fn median(points: &[Point]) -> f64 {
    let mut rates: Vec<f64> = points.iter().map(|point| point.1).collect();
    rates.sort_by(f64::total_cmp);
    (rates[(rates.len() - 1) / 2] + rates[rates.len() / 2]) / 2.0
}

fn level(points: &[Point]) -> Option<Level> {
    let (first, last) = (points.first()?, points.last()?);
    Some(Level { bytes: (first.0, last.0), rate: median(points), case: last.2.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture;

    /// Levels of sets of 1, 2, 4 … bytes with these rates, as (smallest, largest, rate).
    fn found(rates: &[f64]) -> Vec<(u64, u64, f64)> {
        let points = rates.iter().enumerate().map(|(i, rate)| (1 << i, *rate, format!("row {i}")));
        plateaus(points.collect()).iter().map(|level| (level.bytes.0, level.bytes.1, level.rate)).collect()
    }

    #[test]
    fn two_caches_and_a_memory_are_three_levels() {
        let rates = [100.0, 96.0, 104.0, 40.0, 42.0, 41.0, 10.0, 10.0];
        // The highest rate is that of the third set: the ones before are not slower by a drop.
        assert_eq!(found(&rates), [(4, 4, 104.0), (8, 32, 41.0), (64, 128, 10.0)]);
    }

    #[test]
    fn the_rise_of_small_sets_is_no_level() {
        assert_eq!(found(&[5.0, 20.0, 80.0, 79.0, 20.0, 20.0]), [(4, 8, 79.5), (16, 32, 20.0)]);
    }

    #[test]
    fn a_point_on_the_way_down_belongs_to_no_level() {
        assert_eq!(found(&[80.0, 80.0, 50.0, 20.0, 20.0]), [(1, 2, 80.0), (8, 16, 20.0)]);
    }

    #[test]
    fn noise_and_slow_decline_are_one_level_and_so_no_finding() {
        assert_eq!(found(&[100.0, 90.0, 95.0, 88.0, 92.0]), []);
        assert_eq!(found(&[]), []);
        assert_eq!(found(&[7.0]), []);
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
