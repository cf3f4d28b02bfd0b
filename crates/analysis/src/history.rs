//! History of one case on one device over all its runs, and the points where its time changed.

use super::changes::{Change, changes};
use portamark_model::plain_text::clean;
use portamark_results::{Row, RunFile, Status};
use portamark_stats::{ChangePointRule, change_points, geometric_mean};
use std::collections::BTreeMap;

/// Result of one run for the case.
#[derive(Debug, Clone)]
pub struct HistoryPoint<'a> {
    /// Result file of the run.
    pub file: &'a RunFile,
    /// Seconds of one execution: geometric mean of the medians of the processes.
    pub seconds: f64,
    /// Rows of these processes, all of the run's fastest variant.
    pub rows: Vec<&'a Row>,
}

/// Change of the level of times between two runs.
#[derive(Debug, Clone)]
pub struct Shift {
    /// Index among the points of the first run at the new level.
    pub at: usize,
    /// Time at the new level over that at the previous one, both as geometric means; above 1 is slower.
    pub ratio: f64,
    /// p-value of the change.
    pub p: f64,
    /// Other differences between this run and the one before it.
    pub changes: Vec<Change>,
}

/// Runs of one case on one device, measured under the same conditions.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    /// Device name, with the conditions if the device has several series.
    pub label: String,
    /// Results of the runs, in time order.
    pub points: Vec<HistoryPoint<'a>>,
    /// Changes of level, in time order.
    pub shifts: Vec<Shift>,
}

/// Groups the runs of `case` in `files` by device and by the conditions that make times comparable: API,
/// executor, method, distribution of inputs, state of the caches, and side of an A/B run. Drivers, versions
/// and kernel variants may change within a series: the point is to find their effect.
///
/// A shift is a change of the mean of ln t by `rule`, whose `least_change` is therefore a logarithm.
pub fn histories<'a>(files: &'a [RunFile], case: &str, rule: &ChangePointRule) -> Vec<Series<'a>> {
    let mut series: BTreeMap<Vec<String>, Vec<HistoryPoint>> = BTreeMap::new();
    for file in files {
        for (key, point) in points(file, case) {
            series.entry(key).or_default().push(point);
        }
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    series.keys().for_each(|key| *names.entry(key[0].clone()).or_default() += 1);
    series
        .into_iter()
        .map(|(key, mut points)| {
            // UTC times in this format sort correctly as text.
            points.sort_by(|a, b| a.file.header.started.cmp(&b.file.header.started));
            let several = names.get(&key[0]).is_some_and(|many| *many > 1);
            let label = if several { key.join(", ") } else { key[0].clone() };
            Series { label: clean(&label), shifts: shifts(&points, rule), points }
        })
        .collect()
}

/// Returns the points of a file by the conditions that make them comparable, the device name first. A file
/// has several points if its rows differ in the state of the caches.
fn points<'a>(file: &'a RunFile, case: &str) -> BTreeMap<Vec<String>, HistoryPoint<'a>> {
    // Groups by state of the caches and by variant.
    let mut groups: BTreeMap<(&str, String), Vec<&Row>> = BTreeMap::new();
    for row in file.rows.iter().filter(|row| row.case == case && row.status == Status::Ok) {
        let Some(timing) = row.timing.as_ref().filter(|_| row.seconds().is_some()) else { continue };
        groups.entry((timing.cache.word(), row.identity().1)).or_default().push(row);
    }
    let header = &file.header;
    let mut points: BTreeMap<Vec<String>, HistoryPoint> = BTreeMap::new();
    for ((cache, _), rows) in groups {
        let medians: Vec<f64> = rows.iter().filter_map(|row| row.seconds()).collect();
        let Some(seconds) = geometric_mean(&medians) else { continue };
        let mut key = vec![
            header.device.name.clone(),
            header.device.api.clone(),
            header.device.kind(),
            header.executor.split_whitespace().next().unwrap_or_default().to_string(),
            format!("method {}", header.method),
            format!("{} inputs", header.distribution()),
            format!("{cache} caches"),
        ];
        key.extend(header.ab.as_ref().map(|ab| format!("side {} {}", ab.side, ab.words)));
        let point = HistoryPoint { file, seconds, rows };
        match points.get(&key) {
            Some(other) if other.seconds <= seconds => {}
            _ => drop(points.insert(key, point)),
        }
    }
    points
}

fn shifts(points: &[HistoryPoint], rule: &ChangePointRule) -> Vec<Shift> {
    let logarithms: Vec<f64> = points.iter().map(|point| point.seconds.ln()).collect();
    let found = change_points(&logarithms, rule).unwrap_or_default();
    let shift = |change: &portamark_stats::ChangePoint| {
        let rows = |at: usize| -> Vec<(&RunFile, &Row)> {
            points[at].rows.iter().map(|row| (points[at].file, *row)).collect()
        };
        Shift {
            at: change.index,
            ratio: (change.after - change.before).exp(),
            p: change.p,
            changes: changes(&rows(change.index), &rows(change.index - 1)),
        }
    };
    found.iter().map(shift).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::{fixture, simulated};

    const KEY: &str = "gemm f32 m64 n512 k512 nn";

    /// Runs of the same case on following days.
    pub(crate) fn days(seconds: &[f64]) -> Vec<RunFile> {
        let day = |(day, seconds): (usize, &f64)| {
            let mut file = simulated::run(&[(KEY.into(), *seconds)], 3, 40 + day as u64);
            file.header.started = format!("2026-03-{:02}T09:00:00Z", day + 1);
            file
        };
        seconds.iter().enumerate().map(day).collect()
    }

    fn rule() -> ChangePointRule {
        ChangePointRule { least_change: 0.02f64.ln_1p(), ..ChangePointRule::default() }
    }

    #[test]
    fn a_driver_that_made_a_case_slower_is_named_on_its_day() {
        let mut files = days(&[1e-3; 16]);
        files.extend(days(&[1.05e-3; 28]).split_off(16));
        for file in &mut files[16..] {
            file.header.device.driver_version = "600.1".into();
            file.header.device.id = "vulkan/NVIDIA H100 80GB HBM3/600.1".into();
        }
        // Files need not be in time order.
        files.reverse();
        let series = histories(&files, KEY, &rule());
        let [only] = &series[..] else { panic!("one device: {series:?}") };
        assert_eq!((only.label.as_str(), only.points.len()), ("NVIDIA H100 80GB HBM3", 28));
        assert!(only.points.is_sorted_by_key(|point| &point.file.header.started));
        let [shift] = &only.shifts[..] else { panic!("one shift: {:?}", only.shifts) };
        assert!(shift.at == 16 && (shift.ratio - 1.05).abs() < 0.01 && shift.p < 0.001, "{shift:?}");
        let changed: Vec<&str> = shift.changes.iter().map(|change| change.field).collect();
        assert_eq!(changed, ["driver"]);
    }

    #[test]
    fn a_case_that_stays_has_no_shift() {
        assert!(histories(&days(&[1e-3; 28]), KEY, &rule())[0].shifts.is_empty());
        assert!(histories(&days(&[1e-3]), KEY, &rule())[0].shifts.is_empty());
        assert!(histories(&days(&[1e-3]), "gemm f32 m1 n1 k1 nn", &rule()).is_empty());
    }

    #[test]
    fn what_was_not_measured_alike_is_another_series() {
        let mut files = days(&[1e-3; 3]);
        files[1].header.method = 2;
        files[2].header.options.insert(portamark_results::RunOption::Distribution, "zeros".into());
        let labels: Vec<String> =
            histories(&files, KEY, &rule()).into_iter().map(|series| series.label).collect();
        assert_eq!(labels.len(), 3);
        assert!(labels.iter().any(|label| label.contains("method 2")), "{labels:?}");
        assert!(labels.iter().any(|label| label.contains("zeros inputs")), "{labels:?}");
    }

    #[test]
    fn of_several_variants_in_a_run_the_fastest_stands_for_it() {
        let files = [fixture::variants()];
        let series = histories(&files, fixture::MANY, &rule());
        assert_eq!((series.len(), series[0].points.len()), (1, 1));
        let point = &series[0].points[0];
        assert!((point.seconds - 1e-3).abs() < 1e-12 && point.rows.len() == 1, "{point:?}");
    }
}
