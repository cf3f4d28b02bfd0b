//! Explanation of one verdict: samples, intervals and provenance of both sides, and what changed.

use super::document::{Measured, VerdictLine};
use super::table::cells;
use super::view::Verdicts;
use portamark_analysis::{CaseVerdict, DeviceVerdicts, clean};
use portamark_model::units;
use portamark_results::{Row, RunFile, Tag};
use portamark_stats::median_of_unsorted;
use serde_json::{Value, json};

/// Returns the explanation of the verdict on `case` as text.
pub fn explain(verdicts: &Verdicts, device: &DeviceVerdicts, case: &CaseVerdict) -> String {
    let [name, _, _, ratio, interval, verdict] = cells(case);
    let mut out = format!("{name}\non {}\n\n{verdict}\n", clean(&device.pair.label()));
    if ratio != "-" {
        let (level, margin) = (100.0 * verdicts.rule.bootstrap.level, 100.0 * verdicts.rule.margin);
        out += &format!(
            "ratio of times, new/base: {ratio}, interval {interval} at {} %, margin {} %\n",
            units::significant(level),
            units::significant(margin)
        );
    }
    if let Some(p) = case.judgement.p {
        let number = |p: f64| if p == 0.0 || p >= 1e-3 { format!("{p:.4}") } else { format!("{p:.2e}") };
        out += &format!(
            "p-value under a difference of at most the margin: {}; corrected for all cases {} for verdicts, {} for gates\n\
             p-value under a larger difference: {}; corrected for all cases {}\n",
            number(p.differs),
            number(p.differs_reading),
            number(p.differs_gate),
            number(p.same),
            number(p.same_reading)
        );
    }
    let unlike = case
        .unlike
        .iter()
        .map(|difference| format!("measured differently: {}\n", clean(&difference.to_string())));
    out += &unlike.collect::<String>();
    let [new, reference] = case.rows(&device.pair);
    for (side, rows) in [("base", &reference), ("new", &new)] {
        out += &format!("\n{side}\n");
        if rows.is_empty() {
            out += "  no row\n";
        }
        let mut last: Option<&RunFile> = None;
        for (file, row) in rows {
            if last.is_none_or(|last| last.path != file.path) {
                out += &provenance(file);
                last = Some(file);
            }
            out += &process(row);
        }
    }
    out += "\nchanged\n";
    if case.changes.is_empty() {
        out += "  nothing recorded in the files\n";
    }
    for change in &case.changes {
        let words = format!("{}: {} -> {}", change.field, change.reference, change.new);
        out += &format!("  {}\n", clean(&words));
    }
    out
}

/// Returns the lines on the provenance of a file.
fn provenance(file: &RunFile) -> String {
    let header = &file.header;
    let device = &header.device;
    let mut lines = vec![
        file.path.display().to_string(),
        format!(
            "  run {} of {}, portamark {}, method {}",
            header.run, header.started, header.portamark, header.method
        ),
        format!("  {} ({}, {} {})", device.name, device.api, device.driver, device.driver_version),
        format!("  {}, {}, suite {}, seed {}", header.platform, header.executor, header.suite, header.seed),
    ];
    if let Some(ab) = &header.ab {
        lines.push(format!("  side {} of a comparison in turns: {}", ab.side, ab.words));
    }
    let options = header.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let labels = header.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    for (kind, words) in [("options", options), ("labels", labels)] {
        let words: Vec<String> = words;
        if !words.is_empty() {
            lines.push(format!("  {kind} {}", words.join(" ")));
        }
    }
    if let Some(times) = &header.sentinels {
        let typical =
            |times: &[f64]| median_of_unsorted(&mut times.to_vec()).map_or("none".into(), units::seconds);
        let (arithmetic, memory) = (typical(&times.arithmetic_s), typical(&times.bandwidth_s));
        lines.push(format!("  sentinels at the start: arithmetic {arithmetic}, memory {memory}"));
    }
    lines.iter().map(|line| format!("  {}\n", indented(line))).collect()
}

/// Removes characters that a terminal would interpret from `line`, and keeps its indentation.
fn indented(line: &str) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    format!("{}{}", &line[..indent], clean(line))
}

/// Returns the lines on one process.
fn process(row: &Row) -> String {
    let mut lines = Vec::new();
    match &row.timing {
        None => {
            let reason = row.reason.as_deref().unwrap_or("no reason was recorded");
            lines.push(format!("process {}: {}: {reason}", row.repeat, row.status));
        }
        Some(timing) => {
            let samples = timing.seconds();
            let summary = &timing.summary;
            let interval = match (summary.ci_lo, summary.ci_hi) {
                (Some(lo), Some(hi)) => format!("{} to {}", units::seconds(lo), units::seconds(hi)),
                _ => "no interval".into(),
            };
            lines.push(format!(
                "process {}: median {} ({interval}), quartiles {} and {}, {} to {}, {} batches of {}",
                row.repeat,
                units::seconds(summary.median),
                units::seconds(summary.q1),
                units::seconds(summary.q3),
                units::seconds(summary.min),
                units::seconds(summary.max),
                samples.len(),
                timing.k
            ));
            for (what, slowdown) in timing.slowdowns.sustained() {
                lines.push(format!(
                    "  {what} {} times slower than at the start",
                    units::significant(slowdown.factor)
                ));
            }
        }
    }
    if let Some(kernel) = &row.kernel {
        let tuned = if kernel.tuned { ", tuned" } else { "" };
        let hash: String = kernel.sha256.chars().take(12).collect();
        lines.push(format!("  {} ({}{tuned}), kernel {hash}", kernel.variant, kernel.variant.path));
    }
    if let Some(clock) = row.telemetry.as_ref().and_then(|telemetry| telemetry.clock_hz) {
        lines.push(format!("  cores at {}", units::prefixed(clock.median, "Hz")));
    }
    if !row.tags.is_empty() {
        lines.push(format!("  tags {}", row.tags.iter().map(Tag::word).collect::<Vec<_>>().join(" ")));
    }
    lines.iter().map(|line| format!("    {}\n", indented(line))).collect()
}

/// Returns the explanation as JSON, with every sample.
pub fn explain_json(verdicts: &Verdicts, device: &DeviceVerdicts, case: &CaseVerdict) -> String {
    let process = |(file, row): &(&RunFile, &Row)| {
        json!({
            "file": file.path.file_name().map(|name| name.to_string_lossy()),
            "run": file.header.run, "repeat": row.repeat, "status": row.status, "reason": row.reason,
            "kernel": row.kernel, "tags": row.tags, "telemetry": row.telemetry,
            "timer": row.timing.as_ref().map(|timing| timing.timer),
            "cache": row.timing.as_ref().map(|timing| timing.cache),
            "k": row.timing.as_ref().map(|timing| timing.k),
            "summary": row.timing.as_ref().map(|timing| &timing.summary),
            "samples_s": row.timing.as_ref().map(|timing| timing.seconds()),
            "sentinels": file.header.sentinels, "options": file.header.options,
        })
    };
    let [new, reference] = case.rows(&device.pair);
    let side = |measured: &[&RunFile], rows: &[(&RunFile, &Row)]| {
        let processes: Vec<Value> = rows.iter().map(process).collect();
        json!({ "measured": Measured::of(measured), "processes": processes })
    };
    let document = json!({
        "verdict": VerdictLine::of(verdicts, case),
        "reference": side(&device.pair.reference, &reference),
        "new": side(&device.pair.new, &new),
    });
    serde_json::to_string_pretty(&document).expect("verdicts are plain data") + "\n"
}
