//! Wording and number formats shared by the terminal, Markdown and HTML reports.

use portamark_analysis::{
    Comparison, ComputeCeiling, Device, Entry, Headline, Lead, Published, Rate, RateUnit, Verdict,
    accelerator, caveats, clean, figure, published_bandwidth, published_of, published_peak,
};
use portamark_inspect::{Demand, Finding, Steps};
use portamark_model::units;
use portamark_model::workload::Precision;
use portamark_results::{
    Cache, CacheReport, CacheSource, Header, KernelUsed, Range, Row, Status, Tag, Telemetry, TimerChoice,
    Timing,
};
use portamark_stats::StopReason;

/// Placeholder where there is no number.
pub const NONE: &str = "–";

/// Formats a rate with its unit, e.g. `1.23 TFLOP/s`. For dependent steps it gives the time of one step.
pub fn rate(rate: &Rate) -> String {
    in_unit(rate.value, rate.unit)
}

/// Formats a compute ceiling with its unit.
pub fn ceiling(ceiling: &ComputeCeiling) -> String {
    in_unit(ceiling.rate, ceiling.rate_unit())
}

fn in_unit(value: f64, unit: RateUnit) -> String {
    match unit {
        RateUnit::Bytes => units::byte_rate(value),
        RateUnit::Flop => units::flop_rate(value),
        RateUnit::Op => units::op_rate(value),
        RateUnit::Steps => format!("{}/step", units::seconds(1.0 / value)),
    }
}

/// Formats the rate of an entry, or a dash if it has none.
pub fn rate_or_none(entry: &Entry) -> String {
    entry.rate.as_ref().map_or(NONE.into(), rate)
}

/// Formats a relative half-width as a percentage, rounded as usual for an uncertainty, e.g. `±0.13 %`.
pub fn half_width(part: f64) -> String {
    let percent = part * 100.0;
    if percent < 0.005 {
        "±0.00 %".into()
    } else if percent < 0.995 {
        format!("±{percent:.2} %")
    } else if percent < 9.95 {
        format!("±{percent:.1} %")
    } else {
        format!("±{} %", units::significant(percent))
    }
}

/// Formats the relative half-width of an entry's interval, or a dash if it has none.
pub fn interval_or_none(entry: &Entry) -> String {
    entry.rate.and_then(|rate| rate.half_width).map_or(NONE.into(), half_width)
}

/// Formats the fraction of the measured roofline that an entry reaches, or a dash if it is unknown.
pub fn share_or_none(entry: &Entry) -> String {
    entry.placement.map_or(NONE.into(), |placement| units::percent(placement.fraction))
}

/// Formats the fraction of the published figure that an entry reaches, or a dash if it is unknown.
pub fn published_share_or_none(entry: &Entry) -> String {
    let share = || {
        let (case, rate) = (entry.case.as_ref().ok()?, entry.rate?);
        Some(rate.value / published_of(entry.header, case, rate.unit)?.per_second)
    };
    share().map_or(NONE.into(), units::percent)
}

/// Formats kernel name and path, e.g. `tiled/vector`, or a dash if no kernel ran.
pub fn kernel_short(row: &Row) -> String {
    let text = |kernel: &KernelUsed| clean(&format!("{}/{}", kernel.variant.kernel, kernel.variant.path));
    row.kernel.as_ref().map_or(NONE.into(), text)
}

/// Formats kernel name, knobs and path, and says whether the knobs were tuned; a dash if no kernel ran.
pub fn kernel_long(row: &Row) -> String {
    let text = |kernel: &KernelUsed| {
        let tuned = if kernel.tuned { ", tuned" } else { "" };
        clean(&format!("{} ({}{tuned})", kernel.variant, kernel.variant.path))
    };
    row.kernel.as_ref().map_or(NONE.into(), text)
}

/// Formats the number of samples and of executions in each, e.g. `31 × 64`.
pub fn samples(timing: &Timing) -> String {
    format!("{} × {}", timing.summary.n, timing.k)
}

/// Returns why sampling stopped.
pub fn stop(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Target => "target",
        StopReason::StableNoise => "stable noise",
        StopReason::TimeLimit => "time limit",
        StopReason::MaxSamples => "sample limit",
        _ => "another reason",
    }
}

/// Returns the name of the clock that measured the times.
pub fn timer(timer: TimerChoice) -> &'static str {
    match timer {
        TimerChoice::Device => "device timestamps",
        _ => "host clock",
    }
}

/// Describes the size of a device's last-level cache and where that size comes from; empty if buffers do not
/// rotate.
pub fn cache(report: Option<&CacheReport>) -> String {
    let Some(report) = report else { return String::new() };
    let source = match report.source {
        CacheSource::Measured => "measured",
        CacheSource::Host => "reported by the CPU",
        _ => "assumed",
    };
    format!("at most {}, {source}: {}", units::bytes(report.bytes), clean(&report.finding))
}

/// Describes the published figures of the device of `header`, e.g. `NVIDIA H20: 44.0 TFLOP/s (fp32), 4.00
/// TB/s (bandwidth)`; empty if the catalogue does not have the device.
pub fn published(header: &Header) -> String {
    let Some(found) = accelerator(header) else { return String::new() };
    let mut figures: Vec<Published> = Vec::new();
    for precision in [Precision::F32, Precision::F16_F32] {
        figures.extend(published_peak(found, precision));
    }
    figures.extend(published_bandwidth(found));
    let figures: Vec<String> = figures.iter().map(figure).collect();
    let figures = if figures.is_empty() { "no figure is published".into() } else { figures.join(", ") };
    format!("{}: {figures}", found.full_name())
}

/// Describes the source of clock, power and temperature readings and their range over all rows of a device;
/// empty if the file names no source.
pub fn sensors(device: &Device) -> String {
    let Some(source) = &device.header.sensors else { return String::new() };
    let rows = || device.entries.iter().filter_map(|entry| entry.row.telemetry.as_deref());
    let span = |field: fn(&Telemetry) -> Option<Range>| {
        let ranges = || rows().filter_map(field);
        let least = ranges().map(|range| range.min).min_by(f64::total_cmp)?;
        Some((least, ranges().map(|range| range.max).max_by(f64::total_cmp)?))
    };
    let mut parts = vec![clean(source)];
    for (what, field) in
        [("cores", (|t| t.clock_hz) as fn(&Telemetry) -> Option<Range>), ("memory", |t| t.memory_clock_hz)]
    {
        if let Some((least, most)) = span(field) {
            let (least, most) = (units::prefixed(least, "Hz"), units::prefixed(most, "Hz"));
            parts.push(format!("{what} at {least} to {most}"));
        }
    }
    if let Some((_, most)) = span(|t| t.temperature_c) {
        parts.push(format!("up to {} °C", units::significant(most)));
    }
    if let Some(most) = rows().filter_map(|t| t.power_w).max_by(f64::total_cmp) {
        parts.push(format!("up to {} in a case", units::prefixed(most, "W")));
    }
    for energy in device.files.iter().filter_map(|file| file.end.as_ref()?.energy.as_ref()) {
        parts.push(format!("{} by {}", units::prefixed(energy.joules, "J"), clean(&energy.source)));
    }
    parts.join(", ")
}

/// Returns the remarks on a row: the reason if it did not run, otherwise its tags and anything unusual.
pub fn note(entry: &Entry) -> String {
    let row = entry.row;
    let mut parts: Vec<String> = Vec::new();
    if row.status != Status::Ok {
        parts.push(
            row.reason
                .as_deref()
                .map(clean)
                .filter(|r| !r.is_empty())
                .unwrap_or_else(|| "no reason was recorded".into()),
        );
        if let Some(seconds) = row.predicted_s {
            parts.push(format!("predicted {}", units::seconds(seconds)));
        }
    } else if entry.rate.is_none() {
        parts.push("no number: not verified, or no usable time".into());
    }
    if let Err(why) = &entry.case {
        parts.push(format!("key not understood: {why}"));
    }
    parts.extend(row.tags.iter().map(|tag| clean(tag.word())));
    if let Some(timing) = &row.timing {
        for (what, slowdown) in timing.slowdowns.sustained() {
            parts.push(format!(
                "{what} {} times slower than at the start",
                units::significant(slowdown.factor)
            ));
        }
        match timing.cache {
            Cache::Rotated => {}
            Cache::Partly => parts.push("partly rotated".into()),
            Cache::Warm if row.tags.contains(&Tag::Warm) => {}
            other => parts.push(other.word().into()),
        }
        if !timing.warmup_agreed {
            parts.push("warm-up did not settle".into());
        }
        if timing.invalid > 0 {
            parts.push(format!("invalid timestamps: {}", timing.invalid));
        }
    }
    if let Some(excess) = &entry.excess {
        parts.push(excess.words());
    }
    // Without the text of the instructions, nothing is said of matrix units and of what a loop can issue.
    let findings = Steps::new(&row.compiled).findings(Demand::default());
    parts.extend(findings.iter().map(Finding::to_string));
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// Returns the number of rows with each status, e.g. `48 ok, 1 wrong, 2 unsupported`.
pub fn counts(device: &Device) -> String {
    let count = |status: Status| match device.count(status) {
        0 if status != Status::Ok => None,
        n => Some(format!("{n} {status}")),
    };
    Status::ALL.into_iter().filter_map(count).collect::<Vec<_>>().join(", ")
}

/// Summarises a device in one line: best rates, row counts, and the most important caveat.
pub fn one_look(device: &Device) -> String {
    let headline = Headline::of(device);
    let best: Vec<String> = headline
        .items()
        .iter()
        .filter_map(|(name, entry)| Some(format!("{name} {}", rate(&entry.as_ref()?.rate?))))
        .collect();
    let best = if best.is_empty() { "no headline metrics".into() } else { best.join(", ") };
    let caveat = caveats(device).into_iter().next().map(|c| format!("; {c}")).unwrap_or_default();
    format!("{}: {best}; {}{caveat}", device.label, counts(device))
}

/// Returns the fastest device on a case and its lead, e.g. `NVIDIA H100 · 580 ×93.1`, or the verdict if it is not
/// shown to be faster.
pub fn lead(comparison: &Comparison, lead: &Lead) -> String {
    let ratio = units::significant(lead.ratio);
    if lead.is_clear() {
        format!("{} ×{ratio}", comparison.devices[lead.device].label)
    } else {
        format!("{} (×{ratio})", no_lead(&lead.verdict))
    }
}

/// Returns why a case has no fastest device, in a word or two.
pub fn no_lead(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "same",
        Verdict::Missing(_) => "not comparable",
        Verdict::Unclear(_) | Verdict::Slower | Verdict::Faster => "unclear",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::{compiled, fixture};
    use portamark_results::{Energy, Reading, RunFile};

    #[test]
    fn a_chain_is_read_as_the_time_of_a_step() {
        // 4 million steps per second are 250 ns each.
        let steps = Rate { value: 4e6, unit: RateUnit::Steps, interval: None, half_width: None };
        assert_eq!(rate(&steps), "250 ns/step");
    }

    #[test]
    fn an_uncertainty_has_two_digits() {
        for (part, text) in [
            (0.0, "±0.00 %"),
            (0.00134, "±0.13 %"),
            (0.00999, "±1.0 %"),
            (0.0154, "±1.5 %"),
            (0.0998, "±9.98 %"),
            (0.1234, "±12.3 %"),
            (f64::INFINITY, "±n/a %"),
        ] {
            assert_eq!(half_width(part), text);
        }
    }

    #[test]
    fn the_one_look_line_has_rates_counts_and_the_worst_caveat() {
        let runs = fixture::two_devices();
        let comparison = Comparison::new(&runs);
        let line = one_look(&comparison.devices[1]);
        assert!(line.starts_with("llvmpipe · Mesa 22.3.6: f32 GEMM 22"), "{line}");
        assert!(line.contains("1 wrong, 1 failed, 1 crashed, 1 timeout, 1 out-of-memory"), "{line}");
        assert!(line.ends_with("; software driver: measures the host CPU"), "{line}");
    }

    #[test]
    fn sensors_tell_their_source_and_spans_over_all_rows() {
        let mut runs = fixture::two_devices();
        assert_eq!(sensors(&Comparison::new(&runs).devices[0]), "");
        let run = &mut runs[0];
        run.header.sensors = Some("NVML".into());
        for (row, (hz, watts)) in run.rows.iter_mut().zip([(1.5e9, 400.0), (1.98e9, 650.0)]) {
            let reading = Reading { clock_hz: Some(hz), power_w: Some(watts), ..Reading::default() };
            row.telemetry = Telemetry::of(&[reading; 3]).map(Box::new);
        }
        let energy = Energy::new(35_200.0, "NVML energy counter");
        run.end.as_mut().expect("the run is complete").energy = Some(energy);
        assert_eq!(
            sensors(&Comparison::new(&runs).devices[0]),
            "NVML, cores at 1.50 GHz to 1.98 GHz, up to 650 W in a case, 35.2 kJ by NVML energy counter"
        );
    }

    #[test]
    fn a_note_says_what_the_compiler_found_bad_and_nothing_else_of_it() {
        let mut runs = fixture::two_devices();
        let key = "gemm f32 m2048 n2048 k2048 nn";
        let note_with = |runs: &mut Vec<RunFile>, steps| {
            let row = runs[0].rows.iter_mut().find(|row| row.case == key).expect("the suite has it");
            row.compiled = steps;
            let comparison = Comparison::new(runs);
            note(comparison.devices[0].entries.iter().find(|entry| entry.row.case == key).unwrap())
        };
        assert_eq!(
            note_with(&mut runs, vec![compiled::step(40, 1)]),
            "40 registers spilled; 1 of 16 subgroups resident"
        );
        // Two subgroups of sixteen are few, and no finding.
        assert_eq!(note_with(&mut runs, vec![compiled::step(0, 2)]), "");
    }

    #[test]
    fn a_note_gives_the_reason_or_what_is_odd() {
        let runs = fixture::two_devices();
        let comparison = Comparison::new(&runs);
        let note_of = |device: usize, key: &str| {
            let entries = &comparison.devices[device].entries;
            note(entries.iter().find(|entry| entry.row.case == key).expect("the suite has it"))
        };
        assert_eq!(note_of(0, "gemm f32 m4096 n4096 k4096 nn"), "throttled");
        assert_eq!(note_of(0, "gemm f32 m2048 n2048 k2048 nn"), "");
        let unknown = note_of(1, "conv f32 n1 c64 h56 w56");
        assert!(unknown.starts_with("this case is of a later version; key not understood: "), "{unknown}");
    }
}
