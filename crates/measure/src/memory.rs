//! What a case may take of memory, and why it may not.

use super::host::Host;
use portamark_model::device::{Capabilities, DeviceType};
use portamark_model::plan::Plan;
use portamark_model::units;
use portamark_model::workload::Case;

/// Of a card's own memory, so much for one case: the rest is the driver's and the desktop's.
const OF_DEVICE: f64 = 0.8;
/// Of the host's memory, so much for one case of a device that computes in it.
const OF_HOST: f64 = 0.5;
/// Of what the host has free now.
const OF_FREE: f64 = 0.8;
/// Where neither tells: what any machine that computes has.
const UNKNOWN: u64 = 4 << 30;

/// Bytes that one case may hold on `device`, unless the user says otherwise: a share of the card's
/// memory, and of the host's for devices that have none of their own.
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

/// Why a case cannot be held, and whether by the device or by the user's wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TooLarge {
    /// No buffer of the device, or no binding, is so large.
    ForDevice(String),
    /// It exceeds the limit for one case.
    ForLimit(String),
}

/// Counts every buffer of one set before one is made: inputs, outputs, partial results, and what
/// reading back takes. `limit` is in bytes.
///
/// # Errors
/// With the sizes in words, when they are too large.
pub fn fits(case: &Case, plan: Option<&Plan>, device: &Capabilities, limit: u64) -> Result<(), TooLarge> {
    let (buffers, extra): (Vec<(String, u64)>, u64) = match plan {
        Some(plan) => {
            (plan.buffers.iter().map(|b| (b.name.clone(), b.bytes())).collect(), plan.overhead_bytes(1))
        }
        None => (case.tensors().iter().map(|t| (t.name.clone(), t.bytes())).collect(), 0),
    };
    let total: u64 = buffers.iter().map(|(_, bytes)| bytes).sum::<u64>() + extra;
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
    fn what_a_binding_or_the_limit_cannot_hold_is_refused_with_the_sizes() {
        // 128 MiB a binding, 256 MiB a buffer.
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
