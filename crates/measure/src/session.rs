//! What measuring needs of a device.

use super::sentinel::Sentinels;
use portamark_executors::Executor;
use portamark_model::device::Capabilities;
use portamark_results::{SentinelTimes, TimerReport};

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

impl<'a> Session<'a> {
    /// Without sentinels.
    pub fn new(executor: &'a mut dyn Executor, device: &'a Capabilities, timer: &'a TimerReport) -> Self {
        Session { executor, device, timer, sentinels: Sentinels::default(), sentinel_start: None }
    }
}
