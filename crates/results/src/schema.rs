//! The lines of a result file. Additive changes keep the version; unknown fields are ignored.

use super::imported::Imported;
use super::provenance::{now, platform};
use crate::{CacheReport, SentinelTimes, Settled, Spent, TimerReport, Timing, Verification};
use crate::{Energy, Telemetry};
use portamark_model::device::Capabilities;
use portamark_model::variant::{Path, Variant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Version of the file format. A file of a later version is refused in words.
pub const SCHEMA_VERSION: u32 = 1;

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// Verified and timed.
    Ok,
    /// The device lacks something that the case needs.
    Unsupported,
    /// Not run: it would not fit the budget or the memory.
    Skipped,
    /// The result is not what the oracle says; no throughput.
    Wrong,
    /// The executor reported an error.
    Failed,
    /// A deadline passed and the executor was ended.
    Timeout,
    /// The executor died.
    Crashed,
    /// The device ran out of memory.
    OutOfMemory,
    /// Measured by another program, not proven, and never judged.
    Imported,
}

impl Status {
    /// All, in the order of reports.
    pub const ALL: [Status; 9] = [
        Status::Ok,
        Status::Wrong,
        Status::Failed,
        Status::Crashed,
        Status::Timeout,
        Status::OutOfMemory,
        Status::Unsupported,
        Status::Skipped,
        Status::Imported,
    ];

    /// The word used in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Unsupported => "unsupported",
            Status::Skipped => "skipped",
            Status::Wrong => "wrong",
            Status::Failed => "failed",
            Status::Timeout => "timeout",
            Status::Crashed => "crashed",
            Status::OutOfMemory => "out-of-memory",
            Status::Imported => "imported",
        }
    }

    /// Whether the status means that something is broken, as against not offered or not affordable.
    pub fn is_defect(self) -> bool {
        matches!(self, Status::Wrong | Status::Failed | Status::Timeout | Status::Crashed)
    }

    /// Whether another try may end differently: the executor failed, not the result.
    pub fn may_be_retried(self) -> bool {
        matches!(self, Status::Failed) || self.ends_the_executor()
    }

    /// Whether an executor does not outlive such a case.
    pub fn ends_the_executor(self) -> bool {
        matches!(self, Status::Timeout | Status::Crashed | Status::OutOfMemory)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One line of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Line {
    /// First.
    Header(Box<Header>),
    /// One for each case.
    Row(Box<Row>),
    /// Last; a file without it was interrupted.
    End(End),
}

/// What holds for all rows of a file: one device, one suite, one method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Header {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema: u32,
    /// Version of the measuring method; rows of different versions are not compared. 0 where all rows
    /// are imported: each names its own.
    pub method: u32,
    /// Version of portamark.
    pub portamark: String,
    /// Random identifier of the run, shared by the files of all its devices.
    pub run: String,
    /// When the run began, RFC 3339, UTC, to the second.
    pub started: String,
    /// Name of the suite.
    pub suite: String,
    /// Seed of inputs, points and order.
    pub seed: u32,
    /// The device.
    pub device: Capabilities,
    /// `linux`, `windows`, `macos`, … and processor architecture. Never a host name.
    pub platform: String,
    /// Which executor ran the cases, with its version.
    pub executor: String,
    /// What the timer self-test found.
    pub timer: TimerReport,
    /// The last-level cache that buffers rotate over; absent where they don't.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache: Option<CacheReport>,
    /// Times of the sentinels when the run began, with which those of the rows are compared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sentinels: Option<SentinelTimes>,
    /// What waiting for a steady clock came to; absent where it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settled: Option<Settled>,
    /// Where clocks, power and temperature are from, or `not available: ` and why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sensors: Option<String>,
    /// The user's own words about this run.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Options that shape the measurement, as text.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Of `run --ab`: which side this file is of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ab: Option<AbSide>,
}

/// One of two sides that were measured in turns, batch by batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct AbSide {
    /// `A`, the reference, or `B`, what is judged.
    pub side: String,
    /// How the side was asked for, without folders.
    pub words: String,
}

impl Header {
    /// The header of a run of `suite` by `method` that begins now on this machine; what is not known yet
    /// is left open.
    pub fn new(method: u32, run: &str, suite: &str, device: Capabilities, timer: TimerReport) -> Self {
        Header {
            schema: SCHEMA_VERSION,
            method,
            portamark: env!("CARGO_PKG_VERSION").into(),
            run: run.into(),
            started: now(),
            suite: suite.into(),
            seed: 0,
            device,
            platform: platform(),
            executor: String::new(),
            timer,
            cache: None,
            sentinels: None,
            settled: None,
            sensors: None,
            labels: BTreeMap::new(),
            options: BTreeMap::new(),
            ab: None,
        }
    }
}

impl AbSide {
    /// The side that is called `side`, as `words` ask for it.
    pub fn new(side: impl Into<String>, words: impl Into<String>) -> Self {
        AbSide { side: side.into(), words: words.into() }
    }
}

/// The record of one case on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Row {
    /// Key of the case, e.g. `gemm f32 m512 n512 k512 nn`.
    pub case: String,
    /// Which process of this case it was, or which of several imported rows of one case, from 1; absent
    /// where there is only one.
    #[serde(skip_serializing_if = "is_first", default = "first")]
    pub repeat: u32,
    /// How it ended.
    pub status: Status,
    /// In words, for every status but `ok`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Floating-point operations of one execution.
    pub flop: u64,
    /// Bytes that one execution must move.
    pub bytes: u64,
    /// When the case began, RFC 3339, UTC, to the second.
    pub started: String,
    /// Where its wall time went.
    pub spent: Spent,
    /// The kernel that ran, or would have.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kernel: Option<KernelUsed>,
    /// Proof.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verification: Option<Verification>,
    /// Samples and statistics; only when verified.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timing: Option<Timing>,
    /// What another program measured; only of `imported` rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub imported: Option<Box<Imported>>,
    /// What the sensors said while the case ran, where there are any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub telemetry: Option<Box<Telemetry>>,
    /// Predicted time for one execution before it ran, in seconds, if one was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predicted_s: Option<f64>,
    /// Remarks that qualify the numbers, e.g. `throttled`, `noisy`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How often the case had been tried before: the row stands for the earlier ones in the file.
    #[serde(default)]
    pub retry: u32,
    /// Executors that the case has ended in this run, this try included.
    #[serde(default)]
    pub kills: u32,
}

/// What a row is of: its case, the text of its variant, and the repeat.
pub type Identity = (String, String, u32);

fn first() -> u32 {
    1
}

fn is_first(repeat: &u32) -> bool {
    *repeat == 1
}

impl Row {
    /// The same with what `change` makes of it.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// A row of the case with the key `case` that begins now; an execution of it is `flop` operations and
    /// must move `bytes`. Nothing else is known: it stands as `ok`.
    pub fn new(case: impl Into<String>, flop: u64, bytes: u64) -> Self {
        Row {
            case: case.into(),
            repeat: 1,
            status: Status::Ok,
            reason: None,
            flop,
            bytes,
            started: now(),
            spent: Spent::default(),
            kernel: None,
            verification: None,
            timing: None,
            imported: None,
            telemetry: None,
            predicted_s: None,
            tags: Vec::new(),
            retry: 0,
            kills: 0,
        }
    }

    /// What the row is of: its case, the text of its variant, and the repeat. A file has one row of
    /// each.
    pub fn identity(&self) -> Identity {
        let variant = self.kernel.as_ref().map_or(String::new(), |kernel| kernel.variant.to_string());
        (self.case.clone(), variant, self.repeat)
    }

    /// Median seconds of one execution; only of `ok` rows.
    pub fn seconds(&self) -> Option<f64> {
        if self.status != Status::Ok {
            return None;
        }
        self.timing.as_ref().map(|timing| timing.summary.median).filter(|s| s.is_finite() && *s > 0.0)
    }

    /// FLOP/s from the median time.
    pub fn flop_rate(&self) -> Option<f64> {
        self.seconds().filter(|_| self.flop > 0).map(|s| self.flop as f64 / s)
    }

    /// B/s from the median time.
    pub fn byte_rate(&self) -> Option<f64> {
        self.seconds().filter(|_| self.bytes > 0).map(|s| self.bytes as f64 / s)
    }
}

/// Which kernel ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct KernelUsed {
    /// Kernel and knobs.
    pub variant: Variant,
    /// SHA-256 of the exact WGSL and dispatch sizes; empty of a library's kernel.
    pub sha256: String,
    /// Dispatches of one execution.
    pub steps: u32,
    /// Bytes of all buffers of all sets.
    pub held_bytes: u64,
    /// Whether the variant came from a tuning table.
    #[serde(default)]
    pub tuned: bool,
}

impl KernelUsed {
    /// `variant` with `steps` dispatches; `sha256` is of the exact WGSL and the sizes of dispatches.
    pub fn new(variant: Variant, sha256: String, steps: u32, held_bytes: u64) -> Self {
        KernelUsed { variant, sha256, steps, held_bytes, tuned: false }
    }

    /// What an executor that brings its own kernels says of the one that ran, e.g. `torch.matmul`.
    pub fn of_library(kernel: &str, held_bytes: u64) -> Self {
        let kernel: String = kernel.chars().filter(|c| !c.is_control()).take(120).collect();
        let variant = Variant::new(kernel.trim(), Path::Library);
        KernelUsed { variant, sha256: String::new(), steps: 1, held_bytes, tuned: false }
    }
}

/// The closing line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct End {
    /// Rows in the file.
    pub rows: u64,
    /// Wall time of the run in seconds, all its parts together when it was resumed.
    pub wall_s: f64,
    /// `done` or `interrupted`.
    pub outcome: Outcome,
    /// Energy that the device took, where a sensor tells; of the last part when the run was resumed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub energy: Option<Energy>,
}

impl End {
    /// A file with so many rows, after `wall_s` seconds of the whole run.
    pub fn new(rows: u64, wall_s: f64, outcome: Outcome) -> Self {
        End { rows, wall_s, outcome, energy: None }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// Every case has a row.
    Done,
    /// Stopped by the user.
    Interrupted,
}

/// The JSON schema of a line, as in `results/schema.json`.
pub fn json_schema() -> String {
    portamark_model::schema::json::<Line>()
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;
    use std::path::{Path, PathBuf};

    fn results(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results").join(name)
    }

    #[test]
    fn the_stored_schema_is_that_of_the_types() {
        let path = results("schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, json_schema()).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        assert!(
            stored == json_schema(),
            "results/schema.json is not the schema of the types in crates/results/src/schema.rs. A field that \
             is added keeps the version; one that is renamed or gone needs a new SCHEMA_VERSION. If \
             the change is meant: UPDATE_SCHEMA=1 cargo test -p portamark-results the_stored_schema"
        );
    }

    /// The lines in the README's blocks of JSON.
    fn documented() -> Vec<Line> {
        let readme = std::fs::read_to_string(results("README.md")).unwrap();
        let blocks = readme.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        blocks.map(|block| serde_json::from_str(block).unwrap_or_else(|e| panic!("{e}:\n{block}"))).collect()
    }

    #[test]
    fn the_examples_in_the_readme_are_lines() {
        let lines = documented();
        let [Line::Header(header), Line::Row(row), Line::Row(skipped), Line::End(end)] = &lines[..] else {
            panic!("a header, two rows and an end are documented, not {lines:?}");
        };
        assert_eq!(**header, example::header());
        assert!(row.case.parse::<portamark_model::workload::Case>().is_ok());
        assert_eq!((row.status, skipped.status, end.rows), (Status::Ok, Status::Skipped, 2));
        // An example that contradicts itself teaches nothing.
        let timing = row.timing.as_ref().unwrap();
        assert_eq!(row.flop, 2 * 512 * 512 * 512);
        assert_eq!(timing.summary.n, timing.device_ns.len());
        assert_eq!(timing.device_ns.len(), timing.host_ns.len());
        let seconds: Vec<f64> =
            timing.device_ns.iter().map(|ns| *ns as f64 * 1e-9 / f64::from(timing.k)).collect();
        let summary = portamark_stats::Summary::from_samples(&seconds, 0.95).unwrap();
        assert!((timing.summary.median - summary.median).abs() < 1e-12);
    }

    #[test]
    fn the_readme_explains_every_field() {
        let readme = std::fs::read_to_string(results("README.md")).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&json_schema()).unwrap();
        for kind in [
            "Header",
            "AbSide",
            "TimerReport",
            "CacheReport",
            "SentinelTimes",
            "Settled",
            "Telemetry",
            "Energy",
            "Slowdown",
            "Row",
            "Spent",
            "KernelUsed",
            "Verification",
            "Timing",
            "Imported",
            "Spread",
            "End",
        ] {
            let fields = schema["$defs"][kind]["properties"].as_object();
            for field in fields.unwrap_or_else(|| panic!("the schema has no {kind}")).keys() {
                assert!(readme.contains(&format!("`{field}`")), "{kind}.{field} is not explained");
            }
        }
    }

    #[test]
    fn words_of_files_stay_as_they_are() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
        let text = serde_json::to_string(&Line::End(example::end(3, Outcome::Interrupted))).unwrap();
        assert_eq!(text, r#"{"type":"end","rows":3,"wall_s":12.5,"outcome":"interrupted"}"#);
        let skipped = example::skipped("gemm f32 m1 n1 k1 nn", "too slow");
        let text = serde_json::to_string(&Line::Row(Box::new(skipped))).unwrap();
        assert!(text.starts_with(
            r#"{"type":"row","case":"gemm f32 m1 n1 k1 nn","status":"skipped","reason":"too slow","flop":"#
        ));
    }
}
