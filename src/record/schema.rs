//! The lines of a result file. Additive changes keep the version; unknown fields are ignored.

use crate::kernel::{Capabilities, Variant};
use crate::measure::{Spent, TimerReport, Timing, Verification};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Version of the file format. A file of a later version is refused in words.
pub const SCHEMA_VERSION: u32 = 1;

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
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
}

impl Status {
    /// All, in the order of reports.
    pub const ALL: [Status; 8] = [
        Status::Ok,
        Status::Wrong,
        Status::Failed,
        Status::Crashed,
        Status::Timeout,
        Status::OutOfMemory,
        Status::Unsupported,
        Status::Skipped,
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
        }
    }

    /// Whether the status means that something is broken, as against not offered or not affordable.
    pub fn is_defect(self) -> bool {
        matches!(self, Status::Wrong | Status::Failed | Status::Timeout | Status::Crashed)
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
pub struct Header {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema: u32,
    /// Version of the measuring method; rows of different versions are not compared.
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
    /// The user's own words about this run.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Options that shape the measurement, as text.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// The record of one case on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Key of the case, e.g. `gemm f32 m512 n512 k512 nn`.
    pub case: String,
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
    /// The kernel that ran.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kernel: Option<KernelUsed>,
    /// Proof.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verification: Option<Verification>,
    /// Samples and statistics; only when verified.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timing: Option<Timing>,
    /// Predicted time for one execution before it ran, in seconds, if one was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predicted_s: Option<f64>,
    /// Remarks that qualify the numbers, e.g. `throttled`, `noisy`.
    #[serde(default)]
    pub tags: Vec<String>,
}

impl Row {
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
pub struct KernelUsed {
    /// Kernel and knobs.
    pub variant: Variant,
    /// SHA-256 of the exact WGSL and dispatch sizes.
    pub sha256: String,
    /// Dispatches of one execution.
    pub steps: u32,
    /// Bytes of all buffers of all sets.
    pub held_bytes: u64,
    /// Whether the variant came from a tuning table.
    #[serde(default)]
    pub tuned: bool,
}

/// The closing line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Rows in the file.
    pub rows: u64,
    /// Wall time of the run in seconds, all its parts together when it was resumed.
    pub wall_s: f64,
    /// `done` or `interrupted`.
    pub outcome: Outcome,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every case has a row.
    Done,
    /// Stopped by the user.
    Interrupted,
}
