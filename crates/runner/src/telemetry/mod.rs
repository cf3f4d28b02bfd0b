//! Clocks, power and temperature beside the measurement, from what can be read without root: NVML for
//! NVIDIA's cards, sysfs on Linux for others and for the processor. Nothing here is needed to
//! measure, and what cannot be read is said to be not available, with the reason.

#[cfg(feature = "nvml")]
mod nvml;
mod sampler;
mod sensors;
mod sysfs;

#[cfg(feature = "nvml")]
pub use nvml::{Card, Library, NvmlSensor};
pub use sampler::Sampler;
pub use sensors::{Sensor, sensor_of};
pub use sysfs::{Cpu, GpuFolder};
