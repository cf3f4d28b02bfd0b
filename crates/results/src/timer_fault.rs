//! How clocks of devices lie.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way in which the clock of a device is not to be trusted, or only with care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TimerFault {
    /// The self-test did not come to its end.
    Untested,
    /// The device offers no timestamps.
    NoTimestamps,
    /// Every time is zero or missing.
    AllZero,
    /// Stamps go backwards, or are zero or equal, in at least a tenth of the batches.
    Backwards,
    /// Stamps are unusable in fewer than a tenth of the batches. The clock is used; such batches are
    /// counted and left out.
    SometimesUnusable,
    /// Stamps have fewer valid bits than their difference: it is huge where they wrap.
    Wrapping,
    /// Device time exceeds the host time around it.
    AboveHost,
    /// Twice the work does not take twice the time.
    DoesNotScale,
    /// Device and host disagree on how long long work takes: the period of a tick is wrong.
    WrongPeriod,
    /// The clock ticks rarely. It is used with longer batches.
    CoarseTick,
}

impl TimerFault {
    /// Whether the host's clock has to be used instead.
    pub fn forfeits(self) -> bool {
        !matches!(self, TimerFault::SometimesUnusable | TimerFault::CoarseTick)
    }
}
