//! The lines of a result file: header, rows and end. Adding a field keeps the schema version; readers ignore
//! unknown fields.

use super::imported::Imported;
use super::provenance::{now, platform};
use super::run_option::RunOption;
use super::tag::Tag;
use crate::{CacheReport, SentinelTimes, Settled, Spent, TimerReport, Timing, Verification};
use crate::{Energy, Telemetry};
use portamark_inspect::Facts;
use portamark_model::device::Capabilities;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Distribution, key_of_older_row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Version of the file format. A file with a later version is rejected with an error that says so.
pub const SCHEMA_VERSION: u32 = 1;

/// Outcome of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// The result was verified and the case was timed.
    Ok,
    /// The device lacks a feature or a limit that the case needs.
    Unsupported,
    /// Not run because it would not fit in the time budget or in memory.
    Skipped,
    /// The result failed verification against the oracle, so there is no throughput.
    Wrong,
    /// The executor reported an error.
    Failed,
    /// A timeout expired and the executor was terminated.
    Timeout,
    /// The executor exited unexpectedly.
    Crashed,
    /// The device ran out of memory.
    OutOfMemory,
    /// Measured by another program: not verified, and never part of a verdict.
    Imported,
}

impl Status {
    /// All statuses, in the order of reports.
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

    /// Returns the word used in files and tables.
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

    /// Returns whether the status means that something is broken, rather than unsupported or too expensive.
    pub fn is_defect(self) -> bool {
        matches!(self, Status::Wrong | Status::Failed | Status::Timeout | Status::Crashed)
    }

    /// Returns whether a retry may end differently, because the executor failed and not the verification.
    pub fn may_be_retried(self) -> bool {
        matches!(self, Status::Failed) || self.ends_the_executor()
    }

    /// Returns whether the executor does not survive a case that ends with this status.
    pub fn ends_the_executor(self) -> bool {
        matches!(self, Status::Timeout | Status::Crashed | Status::OutOfMemory)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One line of a result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Record {
    /// First line of the file.
    Header(Box<Header>),
    /// Line of one case; there is one for each case, kernel variant and repeat, also for those that did not
    /// run.
    Row(Box<Row>),
    /// Last line; a file without it was interrupted.
    End(End),
}

/// First line of a result file: what all its rows have in common, namely one device, one suite and one
/// method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Header {
    /// Version of the file format that the writer used.
    pub schema: u32,
    /// Version of the measuring method; rows of different versions are not compared. 0 if all rows are
    /// imported, since each of them names its own method.
    pub method: u32,
    /// Version of the portamark that wrote the file.
    pub portamark: String,
    /// Random identifier of the run, shared by the files of all its devices.
    pub run: String,
    /// Start of the run, RFC 3339, UTC, to the second.
    pub started: String,
    /// Name of the suite, or of the program whose results were imported.
    pub suite: String,
    /// Seed of the inputs, of the choice of checked output elements, and of the order of cases.
    pub seed: u32,
    /// The device and its driver, as they describe themselves.
    #[serde(serialize_with = "without_slot")]
    pub device: Capabilities,
    /// Operating system and CPU architecture, e.g. `linux x86_64 (debian 12)`. Never a host name.
    pub platform: String,
    /// Name and version of the executor that ran the cases, e.g. `wgpu 30.0.1`.
    pub executor: String,
    /// Result of the timer self-test.
    pub timer: TimerReport,
    /// Last-level cache that buffers rotate over; absent if they do not rotate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache: Option<CacheReport>,
    /// Times of the sentinels (two fixed kernels) at the start of the run, in seconds; those in the rows are
    /// compared with them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sentinels: Option<SentinelTimes>,
    /// Result of waiting for a steady clock; absent if that was not requested.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settled: Option<Settled>,
    /// Source of clocks, power and temperature, e.g. `NVML` or `sysfs`, or `not available: ` and the reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sensors: Option<String>,
    /// Labels that the user gave the run, by name.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Options that affect the measurement, as text, by name.
    #[serde(default)]
    pub options: BTreeMap<RunOption, String>,
    /// Which of the two sides the file belongs to; only in files of `run --ab`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ab: Option<AbSide>,
}

/// One of two sides that were measured alternately, batch by batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct AbSide {
    /// `A` (the reference) or `B` (the side that is judged).
    pub side: String,
    /// How the user specified the side, e.g. `device 0`, without folder names.
    pub words: String,
}

impl Header {
    /// Returns the name of the distribution of the inputs. Files written before there was a choice have
    /// uniform inputs.
    pub fn distribution(&self) -> &str {
        self.options.get(&RunOption::Distribution).map_or(Distribution::Uniform.name(), String::as_str)
    }

    /// Creates the header of a run of `suite` by `method` that starts now on this machine. Fields that are
    /// not known yet stay empty.
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

/// Writes `device` without its PCI address, which no file contains.
fn without_slot<S: serde::Serializer>(device: &Capabilities, serializer: S) -> Result<S::Ok, S::Error> {
    device.clone().but(|it| it.pci_bus_id = None).serialize(serializer)
}

impl AbSide {
    /// Creates the side called `side`, as specified by `words`.
    pub fn new(side: impl Into<String>, words: impl Into<String>) -> Self {
        AbSide { side: side.into(), words: words.into() }
    }
}

/// Record of one case on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Row {
    /// Key of the case, i.e. the work with all its sizes, e.g. `gemm f32 m512 n512 k512 nn`. For an imported
    /// row that is no case of portamark, `<method>: <name>`.
    pub case: String,
    /// Number of the process that measured the case, or of the imported row among several of one case, from
    /// 1; 1 if absent.
    #[serde(skip_serializing_if = "is_first", default = "first")]
    pub repeat: u32,
    /// How the case ended.
    pub status: Status,
    /// Reason for the status, in words; present for every status but `ok`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Number of arithmetic operations (FLOP) of one execution; 0 if it has none or they are unknown.
    pub flop: u64,
    /// Number of bytes that one execution must move: each input read once, each output written once; 0 if
    /// unknown.
    pub bytes: u64,
    /// Routing of a case with experts, in words: its name, and how many experts have rows, whose weights count
    /// in `bytes`. Absent in other rows, and in those of an earlier time, when `uniform` was the name of what is
    /// `balanced` now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub routing: Option<String>,
    /// Start of the case, RFC 3339, UTC, to the second.
    pub started: String,
    /// Wall time of the case by phase, in seconds.
    pub spent: Spent,
    /// Kernel that ran, or would have run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kernel: Option<KernelUsed>,
    /// Result of comparing the output with the oracle; absent if it was not compared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verification: Option<Verification>,
    /// Samples and statistics; present only if the result was verified.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timing: Option<Timing>,
    /// Result of another program; present only in `imported` rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub imported: Option<Box<Imported>>,
    /// Summary of the sensor readings while the case ran; absent without sensors.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub telemetry: Option<Box<Telemetry>>,
    /// What the compiler of the driver made of each step of the variant that ran, without the text of the
    /// instructions; absent if the driver does not tell.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub compiled: Vec<Facts>,
    /// Time of one execution as predicted before it ran, in seconds; absent without a prediction.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predicted_s: Option<f64>,
    /// Remarks that qualify the numbers, e.g. `throttled`, `noisy`.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Number of earlier tries of the case; if above 0, the row replaces the earlier row in the file.
    #[serde(default)]
    pub retry: u32,
    /// Number of executors that the case has ended in this run, this try included: by a crash, a timeout or
    /// lack of memory.
    #[serde(default)]
    pub kills: u32,
}

/// Identity of a row: case key, kernel variant as text, and repeat.
pub type Identity = (String, String, u32);

fn first() -> u32 {
    1
}

fn is_first(repeat: &u32) -> bool {
    *repeat == 1
}

impl Row {
    /// Returns the row after `change` has modified it.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Creates a row of the case with the key `case` that starts now; one execution has `flop` operations
    /// (stored as unknown from 2⁶⁴ on, which nothing can run) and must move `bytes` bytes. The status is `ok`,
    /// and all else is unknown.
    pub fn new(case: impl Into<String>, flop: u128, bytes: u64) -> Self {
        let case = case.into();
        let routing = case.parse::<Case>().ok().and_then(|case| case.routing());
        Row {
            case,
            routing,
            repeat: 1,
            status: Status::Ok,
            reason: None,
            flop: u64::try_from(flop).unwrap_or(0),
            bytes,
            started: now(),
            spent: Spent::default(),
            kernel: None,
            verification: None,
            timing: None,
            imported: None,
            telemetry: None,
            compiled: Vec::new(),
            predicted_s: None,
            tags: Vec::new(),
            retry: 0,
            kills: 0,
        }
    }

    /// Gives a row of an earlier time the key that its work has now: a row that does not name its routing and is
    /// `uniform` had as even a routing as possible, which is `balanced`.
    pub(crate) fn use_todays_key(&mut self) {
        if self.routing.is_none() && self.case.contains("moe ") {
            self.case = key_of_older_row(&self.case);
            self.routing = self.case.parse::<Case>().ok().and_then(|case| case.routing());
        }
    }

    /// Returns the identity of the row: case key, kernel variant as text (empty without a kernel), and
    /// repeat. A file has one row for each identity.
    pub fn identity(&self) -> Identity {
        let variant = self.kernel.as_ref().map_or(String::new(), |kernel| kernel.variant.to_string());
        (self.case.clone(), variant, self.repeat)
    }

    /// Returns the median time of one execution in seconds; `None` unless the status is `ok`.
    pub fn seconds(&self) -> Option<f64> {
        if self.status != Status::Ok {
            return None;
        }
        self.timing.as_ref().map(|timing| timing.summary.median).filter(|s| s.is_finite() && *s > 0.0)
    }

    /// Returns the throughput at the median time, in FLOP/s; `None` without a time or operations.
    pub fn flop_rate(&self) -> Option<f64> {
        self.seconds().filter(|_| self.flop > 0).map(|s| self.flop as f64 / s)
    }

    /// Returns the bandwidth at the median time, in B/s; `None` without a time or bytes.
    pub fn byte_rate(&self) -> Option<f64> {
        self.seconds().filter(|_| self.bytes > 0).map(|s| self.bytes as f64 / s)
    }
}

/// Kernel that executed a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct KernelUsed {
    /// Name of the kernel, its path and its tuning parameters (knobs).
    pub variant: Variant,
    /// SHA-256 of the exact WGSL source and dispatch sizes; empty for a kernel of a library.
    pub sha256: String,
    /// Number of kernel launches (dispatches) in one execution.
    pub steps: u32,
    /// Size of all buffers of all buffer sets, in bytes.
    pub held_bytes: u64,
    /// Whether a tuning table chose the variant.
    #[serde(default)]
    pub tuned: bool,
}

impl KernelUsed {
    /// Creates the record of `variant` with `steps` dispatches and `held_bytes` bytes of buffers; `sha256` is
    /// the hash of the exact WGSL source and dispatch sizes.
    pub fn new(variant: Variant, sha256: String, steps: u32, held_bytes: u64) -> Self {
        KernelUsed { variant, sha256, steps, held_bytes, tuned: false }
    }

    /// Creates the record of a kernel that belongs to the executor's own library, by the name that the
    /// executor reports, e.g. `torch.matmul`.
    pub fn of_library(kernel: &str, held_bytes: u64) -> Self {
        let kernel: String = kernel.chars().filter(|c| !c.is_control()).take(120).collect();
        let variant = Variant::new(kernel.trim(), Path::Library);
        KernelUsed { variant, sha256: String::new(), steps: 1, held_bytes, tuned: false }
    }
}

/// Last line of a result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct End {
    /// Number of rows in the file.
    pub rows: u64,
    /// Wall time of the run in seconds; for a resumed run, the sum over all its parts.
    pub wall_s: f64,
    /// How the run ended: `done` or `interrupted`.
    pub outcome: RunOutcome,
    /// Energy that the device consumed from the first case to the last; absent without a sensor. For a
    /// resumed run, that of its last part.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub energy: Option<Energy>,
}

impl End {
    /// Creates the closing line of a file with `rows` rows, after `wall_s` seconds of the whole run.
    pub fn new(rows: u64, wall_s: f64, outcome: RunOutcome) -> Self {
        End { rows, wall_s, outcome, energy: None }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RunOutcome {
    /// Every case has a row.
    Done,
    /// The user stopped the run.
    Interrupted,
}

/// Returns the JSON schema of a line, as stored in `results/schema.json`.
pub fn json_schema() -> String {
    portamark_model::schema::json::<Record>()
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

    #[test]
    fn no_header_has_the_slot_of_a_card() {
        let mut header = example::header();
        let written = serde_json::to_string(&header).unwrap();
        header.device.pci_bus_id = Some("0000:65:00.0".into());
        assert_eq!(serde_json::to_string(&header).unwrap(), written);
    }

    #[test]
    fn an_older_row_that_is_uniform_was_as_even_as_possible() {
        // 4 tokens to 2 of 8 experts: 8 rows reach each expert once.
        let mut old = Row::new("moe f32 e8 k2 t4 n4 d4 uniform", 256, 704).but(|it| it.routing = None);
        old.use_todays_key();
        assert_eq!(old.case, "moe f32 e8 k2 t4 n4 d4 balanced");
        assert_eq!(old.routing.as_deref(), Some("balanced routing: 8 of 8 experts have rows, 1 each"));
        // 8·(1 − (3/4)⁴) = 5.47 experts.
        let new = Row::new("moe f32 e8 k2 t4 n4 d4 uniform", 256, 704);
        let words = new.routing.clone().unwrap();
        assert!(words.starts_with("uniform routing: 5 of 8 experts have rows (expected 5.5)"), "{words}");
        let mut read = new.clone();
        read.use_todays_key();
        assert_eq!(read, new);
    }

    /// Parses the README's JSON blocks as lines.
    fn documented() -> Vec<Record> {
        let readme = std::fs::read_to_string(results("README.md")).unwrap();
        let blocks = readme.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        blocks.map(|block| serde_json::from_str(block).unwrap_or_else(|e| panic!("{e}:\n{block}"))).collect()
    }

    #[test]
    fn the_examples_in_the_readme_are_lines() {
        let lines = documented();
        let [Record::Header(header), Record::Row(row), Record::Row(skipped), Record::End(end)] = &lines[..]
        else {
            panic!("a header, two rows and an end are documented, not {lines:?}");
        };
        assert_eq!(**header, example::header());
        assert!(row.case.parse::<portamark_model::workload::Case>().is_ok());
        assert_eq!((row.status, skipped.status, end.rows), (Status::Ok, Status::Skipped, 2));
        // An example that contradicts itself would mislead its readers.
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
            "Facts",
            "Resident",
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
        let text = serde_json::to_string(&Record::End(example::end(3, RunOutcome::Interrupted))).unwrap();
        assert_eq!(text, r#"{"type":"end","rows":3,"wall_s":12.5,"outcome":"interrupted"}"#);
        let skipped = example::skipped("gemm f32 m1 n1 k1 nn", "too slow");
        let text = serde_json::to_string(&Record::Row(Box::new(skipped))).unwrap();
        assert!(text.starts_with(
            r#"{"type":"row","case":"gemm f32 m1 n1 k1 nn","status":"skipped","reason":"too slow","flop":"#
        ));
    }
}
