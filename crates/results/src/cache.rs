//! The last-level cache of a device, as a run found it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the size of the last-level cache is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CacheSource {
    /// The last knee of the bandwidth curve.
    Measured,
    /// The operating system says so of the host's processor, on which the device computes.
    Host,
    /// Neither: 64 MiB.
    Assumed,
}

/// One point of the bandwidth curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct CurvePoint {
    /// Bytes that were read again and again.
    pub bytes: u64,
    /// B/s.
    pub rate: f64,
}

/// The last-level cache of a device, which rotated buffers outgrow twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct CacheReport {
    /// Bytes that the cache holds at most: the smallest working set that memory was seen to serve.
    pub bytes: u64,
    /// Where that is from.
    pub source: CacheSource,
    /// What was found, in words.
    pub finding: String,
    /// Read bandwidth over the working set; empty where it was not measured.
    #[serde(default)]
    pub curve: Vec<CurvePoint>,
}

impl CurvePoint {
    /// `rate` B/s over `bytes`.
    pub fn new(bytes: u64, rate: f64) -> Self {
        CurvePoint { bytes, rate }
    }
}

impl CacheReport {
    /// `bytes` by `source`, in the words of `finding`, after `curve`.
    pub fn new(bytes: u64, source: CacheSource, finding: impl Into<String>, curve: Vec<CurvePoint>) -> Self {
        CacheReport { bytes, source, finding: finding.into(), curve }
    }
}
