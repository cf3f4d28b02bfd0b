//! Clocks, power and temperature during the measurement, from sources that need no root: NVML for NVIDIA
//! GPUs, sysfs on Linux for other GPUs and the CPU. Measuring does not depend on them; a device without
//! sensors is reported as not available, with the reason.

#[cfg(feature = "nvml")]
mod nvml;
mod sampler;
mod sensor;
mod sensors;
mod sysfs;

#[cfg(feature = "nvml")]
pub use nvml::{Card, Library, NvmlSensor};
pub use sampler::Sampler;
pub use sensor::Sensor;
pub use sensors::sensor_of;
pub use sysfs::{Cpu, GpuFolder};
