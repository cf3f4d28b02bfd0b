//! Interface of all sources of clocks, power and temperature.

use portamark_results::Reading;

/// Sensors of one device.
pub trait Sensor: Send {
    /// Returns the name of the source, e.g. `NVML`.
    fn source(&self) -> &'static str;

    /// Reads the sensors. Never fails: values that cannot be read are `None`.
    fn read(&mut self) -> Reading;
}
