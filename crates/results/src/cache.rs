//! Last-level cache of a device, as measured or reported.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Source of the size of the last-level cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CacheSource {
    /// The last knee of the measured bandwidth curve.
    Measured,
    /// Reported by the operating system for the host CPU, on which the device computes.
    Host,
    /// Neither measured nor reported: 64 MiB is assumed.
    Assumed,
}

/// One point of the curve of read bandwidth over working-set size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct CurvePoint {
    /// Size of the working set that was read repeatedly, in bytes.
    pub bytes: u64,
    /// Read bandwidth, in B/s.
    pub rate: f64,
}

/// Last-level cache of a device. Rotated buffers take up at least twice its size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct CacheReport {
    /// Upper bound of the cache size in bytes; if measured, the smallest working set that was served from
    /// memory.
    pub bytes: u64,
    /// Source of `bytes`.
    pub source: CacheSource,
    /// Explanation of how `bytes` was found, in words.
    pub finding: String,
    /// Curve of read bandwidth over working-set size; empty if it was not measured.
    #[serde(default)]
    pub curve: Vec<CurvePoint>,
}

impl CurvePoint {
    /// Creates the point of `rate` B/s at a working set of `bytes` bytes.
    pub fn new(bytes: u64, rate: f64) -> Self {
        CurvePoint { bytes, rate }
    }
}

impl CacheReport {
    /// Creates the report of a cache of `bytes` bytes according to `source`, explained by `finding`, with the
    /// bandwidth curve `curve`.
    pub fn new(bytes: u64, source: CacheSource, finding: impl Into<String>, curve: Vec<CurvePoint>) -> Self {
        CacheReport { bytes, source, finding: finding.into(), curve }
    }
}
