//! Differences between two sets of rows of a case, other than their times.

use portamark_model::units;
use portamark_results::{Header, KernelUsed, Range, Row, RunFile, SentinelTimes, Tag, Telemetry};
use portamark_stats::median_of_unsorted;
use serde::Serialize;
use std::collections::BTreeSet;

/// Relative change below which a clock or a sentinel time counts as unchanged.
const STEADY: f64 = 0.02;

/// One property that differs between the two sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Name of the property, e.g. `driver`.
    pub field: &'static str,
    /// Value on the reference; several values are joined by commas.
    pub reference: String,
    /// Value on the new side, in the same form.
    pub new: String,
}

/// Rows of one case, each with its file.
pub(crate) type Rows<'a> = [(&'a RunFile, &'a Row)];

type Text = fn(&Header, &Row) -> Option<String>;
type Number = fn(&Header, &Row) -> Option<f64>;
/// Name of a numeric property, its value, and its formatter.
type Quantity = (&'static str, Number, fn(f64) -> String);

const TEXTS: [(&str, Text); 17] = [
    ("device", |header, _| Some(header.device.name.clone())),
    ("api", |header, _| Some(header.device.api.clone())),
    ("driver", |header, _| Some(format!("{} {}", header.device.driver, header.device.driver_version))),
    ("platform", |header, _| Some(header.platform.clone())),
    ("executor", |header, _| Some(header.executor.clone())),
    ("portamark", |header, _| Some(header.portamark.clone())),
    ("side", |header, _| header.ab.as_ref().map(|ab| format!("{} {}", ab.side, ab.words))),
    ("seed", |header, _| Some(header.seed.to_string())),
    ("distribution", |header, _| Some(header.distribution().to_string())),
    ("last-level cache", |header, _| header.cache.as_ref().map(|cache| units::bytes(cache.bytes))),
    ("variant", |_, row| row.kernel.as_ref().map(variant)),
    ("kernel", |_, row| row.kernel.as_ref().map(|kernel| kernel.sha256.chars().take(12).collect())),
    ("tuned", |_, row| row.kernel.as_ref().map(|k| if k.tuned { "yes" } else { "no" }.to_string())),
    ("cache", |_, row| row.timing.as_ref().map(|timing| timing.cache.word().to_string())),
    ("clock", |_, row| row.timing.as_ref().map(|timing| timing.timer.word().to_string())),
    ("sensors", |header, _| header.sensors.clone()),
    ("tags", |_, row| {
        (!row.tags.is_empty()).then(|| row.tags.iter().map(Tag::word).collect::<Vec<_>>().join(" "))
    }),
];

const NUMBERS: [Quantity; 4] = [
    ("core clock", |_, row| telemetry(row, |t| t.clock_hz), |hz| units::prefixed(hz, "Hz")),
    ("memory clock", |_, row| telemetry(row, |t| t.memory_clock_hz), |hz| units::prefixed(hz, "Hz")),
    ("arithmetic sentinel", |header, _| sentinel(header, |times| &times.arithmetic_s), units::seconds),
    ("memory sentinel", |header, _| sentinel(header, |times| &times.bandwidth_s), units::seconds),
];

/// Returns every difference, in a fixed order.
pub(crate) fn changes(new: &Rows, reference: &Rows) -> Vec<Change> {
    let texts = TEXTS.into_iter().filter_map(|(field, text)| {
        let told = |rows: &Rows| {
            let values: BTreeSet<String> =
                rows.iter().filter_map(|(file, row)| text(&file.header, row)).collect();
            Vec::from_iter(values).join(", ")
        };
        differing(field, told(reference), told(new))
    });
    let numbers = NUMBERS.into_iter().filter_map(|(field, number, write)| {
        let typical = |rows: &Rows| {
            let values = rows.iter().filter_map(|(file, row)| number(&file.header, row));
            median_of_unsorted(&mut values.collect::<Vec<f64>>())
        };
        let (before, after) = (typical(reference)?, typical(new)?);
        let moved = (after - before).abs() > STEADY * before.abs();
        moved.then(|| Change { field, reference: write(before), new: write(after) })
    });
    texts.chain(numbers).collect()
}

/// Returns the change of a text property. A value that only one side has is no change, since the other side's
/// rows may have ended before it was known; but tags and sides are optional, and their absence counts.
fn differing(field: &'static str, reference: String, new: String) -> Option<Change> {
    let optional = ["tags", "side"].contains(&field);
    if reference == new || (!optional && (reference.is_empty() || new.is_empty())) {
        return None;
    }
    let told = |text: String| if text.is_empty() { "none".to_string() } else { text };
    Some(Change { field, reference: told(reference), new: told(new) })
}

/// Returns kernel name, tuning parameters and path as text.
fn variant(kernel: &KernelUsed) -> String {
    format!("{} ({})", kernel.variant, kernel.variant.path)
}

fn telemetry(row: &Row, field: fn(&Telemetry) -> Option<Range>) -> Option<f64> {
    row.telemetry.as_deref().and_then(field).map(|range| range.median)
}

fn sentinel(header: &Header, field: fn(&SentinelTimes) -> &Vec<f64>) -> Option<f64> {
    median_of_unsorted(&mut header.sentinels.as_ref().map(field)?.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_results::Reading;

    const KEY: &str = "gemm f32 m64 n64 k64 nn";

    fn told(new: &[RunFile], reference: &[RunFile]) -> Vec<String> {
        fn rows(files: &[RunFile]) -> Vec<(&RunFile, &Row)> {
            files.iter().flat_map(|file| file.rows.iter().map(move |row| (file, row))).collect()
        }
        let text = |change: &Change| format!("{}: {} -> {}", change.field, change.reference, change.new);
        changes(&rows(new), &rows(reference)).iter().map(text).collect()
    }

    fn run() -> RunFile {
        fixture::file(fixture::h100_header(), vec![fixture::ok_row(KEY, 1e-3)])
    }

    #[test]
    fn nothing_differs_between_a_run_and_itself() {
        assert_eq!(told(&[run()], &[run()]), [""; 0]);
    }

    #[test]
    fn driver_variant_kernel_and_clocks_are_named_with_both_values() {
        let mut new = run();
        new.header.device.driver_version = "600.1".into();
        let row = &mut new.rows[0];
        row.tags.push(Tag::Throttled);
        let kernel = row.kernel.as_mut().unwrap();
        kernel.variant.kernel = "split".into();
        kernel.sha256 = "0123456789abcdef".into();
        let mut reference = run();
        for (file, hz, sentinel) in [(&mut new, 1.5e9, 1.2e-3), (&mut reference, 1.98e9, 1.195e-3)] {
            let reading = Reading { clock_hz: Some(hz), ..Reading::default() };
            let telemetry = Telemetry::of(&[reading]).unwrap();
            file.rows[0].telemetry = Some(Box::new(telemetry));
            // A change of half a percent is ignored.
            file.header.sentinels = Some(SentinelTimes::new(vec![sentinel; 15], Vec::new()));
        }
        assert_eq!(
            told(&[new], &[reference]),
            [
                "driver: NVIDIA 580.82.07 -> NVIDIA 600.1",
                "variant: tiled bk16 bm64 bn64 (vector) -> split bk16 bm64 bn64 (vector)",
                "kernel: 9f86d081884c -> 0123456789ab",
                "tags: none -> throttled",
                "core clock: 1.98 GHz -> 1.50 GHz",
            ]
        );
    }

    #[test]
    fn several_values_of_one_side_are_all_named() {
        let mut other = run();
        other.header.portamark = "0.2.0".into();
        assert_eq!(told(&[run(), other], &[run()]), ["portamark: 0.1.0 -> 0.1.0, 0.2.0"]);
    }
}
