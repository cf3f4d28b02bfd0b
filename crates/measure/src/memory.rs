//! What a case may take of memory, and why it may not.

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
pub fn memory_limit(device: &Capabilities) -> u64 {
    let host = || host_memory().map(|(total, free)| share(total, OF_HOST).min(share(free, OF_FREE)));
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

/// Bytes of the host's memory, all and free; within a container those of the container.
fn host_memory() -> Option<(u64, u64)> {
    let (total, free) = meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let most = number("/sys/fs/cgroup/memory.max").unwrap_or(u64::MAX);
    let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
    Some((total.min(most), free.min(most.saturating_sub(used))))
}

/// `MemTotal` and `MemAvailable` in bytes.
fn meminfo(text: &str) -> Option<(u64, u64)> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
    };
    Some((field("MemTotal:")?, field("MemAvailable:")?))
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
        let mut device = Capabilities::example();
        assert_eq!(memory_limit(&device), UNKNOWN);
        device.limits.memory_bytes = Some(80_000_000_000);
        assert_eq!(memory_limit(&device), 64_000_000_000);
        device.device_type = DeviceType::Software;
        if let Some((total, _)) = host_memory() {
            assert!(memory_limit(&device) <= total / 2);
        }
    }

    #[test]
    fn the_host_s_memory_is_read_as_linux_writes_it() {
        let text = "MemTotal:       24689764 kB\nMemFree:         1000 kB\nMemAvailable:   23000000 kB\n";
        assert_eq!(meminfo(text), Some((24_689_764 << 10, 23_000_000 << 10)));
        assert_eq!(meminfo("MemTotal: x\n"), None);
    }
}
