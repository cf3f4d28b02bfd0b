//! Selection of the sensors of a device.

use super::sensor::Sensor;
use super::sysfs::{Cpu, GpuFolder};
use portamark_model::device::Capabilities;
use std::path::Path;

/// PCI vendor id of NVIDIA.
const NVIDIA: u32 = 0x10de;

/// Returns the sensors of `device`. `slot` is its PCI address, if known; `root` is the folder under which
/// `sys` is found.
///
/// # Errors
/// Returns the reason if there are no sensors, without anything that identifies the machine's owner.
pub fn sensor_of(device: &Capabilities, slot: Option<&str>, root: &Path) -> Result<Box<dyn Sensor>, String> {
    let mut sensor: Box<dyn Sensor> = if device.is_software() {
        Box::new(Cpu::at(root))
    } else if device.vendor_id == NVIDIA {
        nvml(device, slot)?
    } else if cfg!(target_os = "linux") || root != Path::new("/") {
        Box::new(GpuFolder::find(root, slot, device.vendor_id, device.device_id)?)
    } else {
        return Err("there is no source for this device on this system".into());
    };
    if sensor.read().is_empty() {
        return Err(format!("{} shows no clock, power or temperature here", sensor.source()));
    }
    Ok(sensor)
}

#[cfg(feature = "nvml")]
fn nvml(device: &Capabilities, slot: Option<&str>) -> Result<Box<dyn Sensor>, String> {
    use super::nvml::{Library, NvmlSensor};
    let library = nvml_wrapper::Nvml::init().map_err(|error| format!("NVML cannot be used: {error}"))?;
    Ok(Box::new(NvmlSensor::find(Library::Real(Box::new(library)), slot, &device.name)?))
}

#[cfg(not(feature = "nvml"))]
fn nvml(_: &Capabilities, _: Option<&str>) -> Result<Box<dyn Sensor>, String> {
    Err("this build does not include NVML support".into())
}
