//! Machine-readable verdicts: JSON, JSONL, and the record of each case that CSV uses too.

use super::view::Verdicts;
use portamark_analysis::{CaseVerdict, Change, DeviceVerdicts, Difference, PValues, clean};
use portamark_results::{Header, RunFile, Status};
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the JSON schema. Fields may be added without changing it.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Rule {
    margin: f64,
    level: f64,
    min_processes: usize,
    resamples: usize,
    seed: u64,
    /// Methods that adjust p-values for multiple tests: for verdicts (`reading`) and for gates (`gate`).
    reading: &'static str,
    gate: &'static str,
}

#[derive(Serialize)]
struct Stopped<'a> {
    gate: &'static str,
    cases: Vec<&'a str>,
}

#[derive(Serialize)]
struct Device<'a> {
    reference: Option<Measured<'a>>,
    new: Option<Measured<'a>>,
    cases: Vec<VerdictLine<'a>>,
}

/// Provenance of one side: device, driver, version of portamark, and runs.
#[derive(Serialize)]
pub(super) struct Measured<'a> {
    device: &'a str,
    name: &'a str,
    driver: String,
    portamark: &'a str,
    method: u32,
    runs: Vec<&'a str>,
    started: Vec<&'a str>,
}

impl<'a> Measured<'a> {
    pub(super) fn of(files: &[&'a RunFile]) -> Option<Self> {
        let Header { device, portamark, method, .. } = &files.last()?.header;
        let driver = format!("{} {}", device.driver, device.driver_version);
        let runs = files.iter().map(|file| file.header.run.as_str()).collect();
        let started = files.iter().map(|file| file.header.started.as_str()).collect();
        Some(Self {
            device: &device.id,
            name: &device.name,
            driver,
            portamark,
            method: *method,
            runs,
            started,
        })
    }
}

/// Verdict on one case.
#[derive(Serialize)]
pub(super) struct VerdictLine<'a> {
    pub(super) case: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reference_case: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) variant: Option<&'a str>,
    pub(super) verdict: &'static str,
    /// Why the verdict is unclear or missing; `None` for other verdicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// Time of the new side over that of the reference.
    pub(super) ratio: Option<f64>,
    pub(super) lo: Option<f64>,
    pub(super) hi: Option<f64>,
    pub(super) reference_s: Option<f64>,
    pub(super) new_s: Option<f64>,
    pub(super) reference_processes: Option<usize>,
    pub(super) new_processes: Option<usize>,
    pub(super) paired: Option<bool>,
    /// Standard deviation of ln t between runs that the interval contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run_spread: Option<f64>,
    pub(super) reference_status: Option<Status>,
    pub(super) new_status: Option<Status>,
    pub(super) p: Option<PValues>,
    pub(super) stopped_by: Vec<&'static str>,
    pub(super) unlike: &'a [Difference],
    pub(super) changes: &'a [Change],
}

impl<'a> VerdictLine<'a> {
    pub(super) fn of(verdicts: &Verdicts, case: &'a CaseVerdict) -> Self {
        let judgement = &case.judgement;
        let ratio = judgement.ratio.as_ref();
        Self {
            case: &case.case,
            reference_case: case.reference_case.as_deref(),
            variant: case.variant.as_deref(),
            verdict: judgement.verdict.word(),
            reason: judgement.verdict.reason(),
            ratio: ratio.map(|ratio| ratio.interval.estimate),
            lo: ratio.map(|ratio| ratio.lo),
            hi: ratio.map(|ratio| ratio.hi),
            reference_s: case.reference_s,
            new_s: case.new_s,
            reference_processes: ratio.map(|ratio| ratio.reference_processes),
            new_processes: ratio.map(|ratio| ratio.new_processes),
            paired: ratio.map(|ratio| ratio.paired),
            run_spread: ratio.and_then(|ratio| ratio.run_spread),
            reference_status: case.reference_status,
            new_status: case.new_status,
            p: judgement.p,
            stopped_by: verdicts.stopping(case).into_iter().map(|gate| gate.name()).collect(),
            unlike: &case.unlike,
            changes: &case.changes,
        }
    }
}

impl Verdicts<'_> {
    /// Returns the verdicts as one JSON document.
    pub fn json(&self) -> String {
        let rule = self.rule;
        let mut counts = BTreeMap::new();
        for case in self.cases() {
            *counts.entry(case.judgement.verdict.word()).or_insert(0) += 1;
        }
        let device = |device: &'_ DeviceVerdicts<'_>| -> serde_json::Value {
            let cases = device.cases.iter().map(|case| VerdictLine::of(self, case)).collect();
            let (reference, new) = (Measured::of(&device.pair.reference), Measured::of(&device.pair.new));
            serde_json::to_value(Device { reference, new, cases }).expect("self are plain data")
        };
        let gates = self.gates.iter().map(|gate| Stopped {
            gate: gate.name(),
            cases: self.stopped(*gate).into_iter().map(|case| case.case.as_str()).collect(),
        });
        let document = serde_json::json!({
            "schema": SCHEMA,
            "rule": Rule {
                margin: rule.margin,
                level: rule.bootstrap.level,
                min_processes: rule.min_processes,
                resamples: rule.bootstrap.resamples,
                seed: rule.bootstrap.seed,
                reading: "benjamini-hochberg",
                gate: "holm",
            },
            "counts": counts,
            "gates": gates.collect::<Vec<Stopped>>(),
            "devices": self.devices.iter().map(device).collect::<Vec<_>>(),
        });
        serde_json::to_string_pretty(&document).expect("self are plain data") + "\n"
    }

    /// Returns one line of JSON for each case, with the label of its device.
    pub fn jsonl(&self) -> String {
        #[derive(Serialize)]
        struct JsonLine<'a> {
            device: String,
            #[serde(flatten)]
            case: VerdictLine<'a>,
        }
        let mut out = String::new();
        for device in self.devices {
            for case in &device.cases {
                let line =
                    JsonLine { device: clean(&device.pair.label()), case: VerdictLine::of(self, case) };
                out += &serde_json::to_string(&line).expect("self are plain data");
                out.push('\n');
            }
        }
        out
    }
}
