//! What measuring needs of a device.

use super::result::TimerReport;
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
    /// A preparation of a fixed kernel that shows whether the clock holds.
    pub sentinel: Option<u32>,
    /// Seconds that the sentinel took when the run began, once known.
    pub sentinel_start_s: Option<f64>,
}
