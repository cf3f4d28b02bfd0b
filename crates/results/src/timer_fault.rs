//! Faults of the clocks of devices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Reason why the clock of a device cannot be trusted, or only with care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TimerFault {
    /// The self-test did not finish.
    Untested,
    /// The device offers no timestamps.
    NoTimestamps,
    /// Every device time is zero or missing.
    AllZero,
    /// Timestamps go backwards, or are zero or equal, in at least a tenth of the batches.
    Backwards,
    /// Timestamps are unusable in fewer than a tenth of the batches. The clock is used; such batches are
    /// counted and left out.
    SometimesUnusable,
    /// Timestamps have too few valid bits: when they wrap around, a time is huge.
    Wrapping,
    /// Device time exceeds the host time that encloses it.
    AboveHost,
    /// Twice the work does not take twice the time.
    DoesNotScale,
    /// Device and host disagree about the duration of long work: the timestamp period is wrong.
    WrongPeriod,
    /// The clock has a coarse resolution. It is used with longer batches.
    CoarseTick,
}

impl TimerFault {
    /// Returns whether the host's clock has to be used instead.
    pub fn forfeits(self) -> bool {
        !matches!(self, TimerFault::SometimesUnusable | TimerFault::CoarseTick)
    }
}
