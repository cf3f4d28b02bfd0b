//! An executor together with its device and tested timer.

use super::sentinel::Sentinels;
use portamark_executors::Executor;
use portamark_model::device::Capabilities;
use portamark_results::{SentinelTimes, TimerReport};

/// An executor and one of its devices, whose timer has been tested.
pub struct Session<'a> {
    /// Executor that runs the kernels.
    pub executor: &'a mut dyn Executor,
    /// Capabilities of the device.
    pub device: &'a Capabilities,
    /// Result of the timer's self-test, including the clock to use.
    pub timer: &'a TimerReport,
    /// Fixed kernels, run between samples, whose times show whether the device's clocks have dropped.
    pub sentinels: Sentinels,
    /// Sentinel times at the start of the run; `None` if they were not measured.
    pub sentinel_start: Option<&'a SentinelTimes>,
}

impl<'a> Session<'a> {
    /// Creates a session without sentinels.
    pub fn new(executor: &'a mut dyn Executor, device: &'a Capabilities, timer: &'a TimerReport) -> Self {
        Session { executor, device, timer, sentinels: Sentinels::default(), sentinel_start: None }
    }
}
