//! What measuring needs of a device.

use super::result::TimerReport;
use super::sentinel::{SentinelTimes, Sentinels};
use crate::executor::Executor;
use crate::kernel::Capabilities;

/// An executor with a device whose timer was tested.
pub struct Session<'a> {
    /// The executor.
    pub executor: &'a mut dyn Executor,
    /// The device.
    pub device: &'a Capabilities,
    /// What its timer is worth.
    pub timer: &'a TimerReport,
    /// Fixed kernels that show whether the clocks hold.
    pub sentinels: Sentinels,
    /// Their times when the run began, once known.
    pub sentinel_start: Option<&'a SentinelTimes>,
}
