//! Memory limit of a case, and the check that a case fits.

use super::host::Host;
use portamark_model::device::{Capabilities, DeviceType};
use portamark_model::plan::Plan;
use portamark_model::units;
use portamark_model::workload::Case;

/// Fraction of a GPU's own memory that one case may use; the driver and the desktop use the rest.
const OF_DEVICE: f64 = 0.8;
/// Fraction of the host's memory that one case may use, on a device that works in it.
const OF_HOST: f64 = 0.5;
/// Fraction of the host's free memory that one case may use.
const OF_FREE: f64 = 0.8;
/// Memory limit in bytes if the memory size is unknown; every usable machine has this much.
const UNKNOWN: u64 = 4 << 30;

/// Returns the bytes that one case may hold on `device` by default: a fraction of the GPU's memory, and of
/// the host's for devices without memory of their own.
pub fn memory_limit(device: &Capabilities, host: &Host) -> u64 {
    let host = || host.memory.map(|memory| share(memory.total, OF_HOST).min(share(memory.free, OF_FREE)));
    let own = || device.limits.memory_bytes.map(|bytes| share(bytes, OF_DEVICE));
    match device.device_type {
        DeviceType::Software => host(),
        DeviceType::Integrated => [own(), host()].into_iter().flatten().min(),
        _ => own(),
    }
    .unwrap_or(UNKNOWN)
}

fn share(bytes: u64, part: f64) -> u64 {
    (bytes as f64 * part) as u64
}

/// Reason why a case does not fit in memory. Each variant holds a message with the sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TooLarge {
    /// A buffer or a binding is larger than the device allows.
    ForDevice(String),
    /// The case exceeds the memory limit for one case.
    ForLimit(String),
}

/// Returns the sum of sizes in bytes, which executors may report as large as they like.
pub(super) fn total(bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.fold(0, u64::saturating_add)
}

/// Checks that `case` fits in memory, before any buffer is created. Counts every buffer of one set: inputs,
/// outputs, partial results, and the buffers to read back through. `limit` is in bytes.
///
/// # Errors
/// Returns a message with the sizes if a buffer or binding exceeds the device's limits, or the total exceeds
/// `limit`.
pub fn fits(case: &Case, plan: Option<&Plan>, device: &Capabilities, limit: u64) -> Result<(), TooLarge> {
    let (buffers, extra): (Vec<(String, u64)>, u64) = match plan {
        Some(plan) => {
            (plan.buffers.iter().map(|b| (b.name.clone(), b.bytes())).collect(), plan.overhead_bytes(1))
        }
        None => (case.tensors().iter().map(|t| (t.name.clone(), t.bytes())).collect(), 0),
    };
    let total = total(buffers.iter().map(|(_, bytes)| *bytes)).saturating_add(extra);
    let Some((name, largest)) = buffers.iter().max_by_key(|(_, bytes)| *bytes) else { return Ok(()) };
    let (number, plural) = (buffers.len(), if buffers.len() == 1 { "" } else { "s" });
    let needs = format!(
        "needs {} in {number} buffer{plural}, the largest ({name}) {}",
        units::bytes(total),
        units::bytes(*largest)
    );
    let limits = &device.limits;
    if let Some(plan) = plan {
        let bound = plan.largest_binding().map_or(0, |(bytes, _)| bytes);
        let refused = [("buffer", *largest, limits.buffer_bytes), ("binding", bound, limits.binding_bytes)];
        if let Some((what, _, most)) = refused.iter().find(|(_, bytes, most)| bytes > most) {
            let most = units::bytes(*most);
            return Err(TooLarge::ForDevice(format!("{needs}; this device allows {most} per {what}")));
        }
    }
    if total > limit {
        let limit = units::bytes(limit);
        return Err(TooLarge::ForLimit(format!("{needs}; one case may hold {limit}, see --memory")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::host::HostMemory;
    use super::*;
    use portamark_kernels::{KernelSource, default_plan};

    fn asked(key: &str, device: &Capabilities, limit: u64) -> Result<(), TooLarge> {
        let case: Case = key.parse().unwrap();
        let plan = default_plan(&case, device, &KernelSource::embedded()).unwrap();
        fits(&case, Some(&plan), device, limit)
    }

    #[test]
    fn a_sum_of_sizes_ends_at_the_largest_number() {
        assert_eq!(total([3, 4].into_iter()), 7);
        assert_eq!(total([u64::MAX, 1].into_iter()), u64::MAX);
    }

    #[test]
    fn what_a_binding_or_the_limit_cannot_hold_is_refused_with_the_sizes() {
        // 128 MiB per binding, 256 MiB per buffer.
        let mut device = Capabilities::example();
        assert_eq!(asked("stream f32 copy n33554432", &device, 1 << 30), Ok(()));
        assert_eq!(asked("stream f32 add n33555456", &device, 1 << 30), Ok(()), "it is bound in ranges");
        let Err(TooLarge::ForDevice(words)) = asked("transpose f32 m8192 n4224", &device, 1 << 30) else {
            panic!()
        };
        // Twice 138 MB, and twice 64 MiB to read back through.
        assert!(words.starts_with("needs 411 MB in 2 buffers, the largest (y) 138 MB"), "{words}");
        assert!(words.ends_with("this device allows 134 MB per binding"), "{words}");
        device.limits.binding_bytes = 1 << 40;
        assert_eq!(asked("transpose f32 m8192 n4224", &device, 1 << 30), Ok(()));
        let Err(TooLarge::ForDevice(words)) = asked("stream f32 copy n67109888", &device, 1 << 30) else {
            panic!()
        };
        assert!(words.ends_with("this device allows 268 MB per buffer"), "{words}");
        let Err(TooLarge::ForLimit(words)) = asked("stream f32 copy n1048576", &device, 1 << 20) else {
            panic!()
        };
        assert!(words.contains("; one case may hold 1.05 MB, see --memory"), "{words}");
    }

    #[test]
    fn a_software_device_has_a_share_of_the_host_and_a_card_of_its_own_memory() {
        let host = |total, free| Host::new(Some(HostMemory { total, free }), None);
        let mut device = Capabilities::example();
        assert_eq!(memory_limit(&device, &host(10, 10)), UNKNOWN);
        device.limits.memory_bytes = Some(80_000_000_000);
        assert_eq!(memory_limit(&device, &Host::default()), 64_000_000_000);
        device.device_type = DeviceType::Software;
        assert_eq!(memory_limit(&device, &host(1000, 900)), 500);
        assert_eq!(memory_limit(&device, &host(1000, 100)), 80);
        assert_eq!(memory_limit(&device, &Host::default()), UNKNOWN);
        device.device_type = DeviceType::Integrated;
        assert_eq!(memory_limit(&device, &host(1000, 900)), 500);
    }
}
