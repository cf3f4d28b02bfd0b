//! The CPU as a device, and the thread pool that computes on it.

use portamark_model::device::{Capabilities, DeviceType};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::LazyLock;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// Information of the operating system about CPU and memory.
static SYSTEM: LazyLock<System> = LazyLock::new(|| {
    System::new_with_specifics(
        RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram()),
    )
});

/// Returns the default number of threads: as many as the system makes available to this process.
pub fn usual_threads() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}

/// Describes the CPU as a device that computes with `threads` threads.
pub fn describe(threads: u32) -> Capabilities {
    let brand = SYSTEM.cpus().first().map(|cpu| cpu.brand().trim().to_string()).unwrap_or_default();
    let brand: String =
        brand.chars().filter(|c| !c.is_control()).map(|c| if c == '/' { '-' } else { c }).collect();
    let name = if brand.trim().is_empty() {
        format!("{} processor", std::env::consts::ARCH)
    } else {
        brand.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let plural = if threads == 1 { "" } else { "s" };
    let version = format!("{threads} thread{plural}");
    let memory = SYSTEM.cgroup_limits().map_or(SYSTEM.total_memory(), |limits| limits.total_memory);
    let id = format!("host/{name}/{version}");
    let mut device = Capabilities::without_plans(id, name, "host", DeviceType::Software);
    device.driver = "portamark".into();
    device.driver_version = version;
    device.limits.binding_bytes = memory;
    device.limits.buffer_bytes = memory;
    device.limits.memory_bytes = Some(memory);
    device
}

/// Starts a pool of `threads` threads. Each is pinned to a core of its own if there are enough, because a
/// thread that moves to another core loses its cached data.
///
/// # Errors
/// Returns a message if the threads cannot be started.
pub fn pool(threads: u32) -> Result<ThreadPool, String> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let pinned = cores.len() >= threads as usize;
    ThreadPoolBuilder::new()
        .num_threads(threads as usize)
        .thread_name(|number| format!("host {number}"))
        .start_handler(move |number| {
            if pinned {
                core_affinity::set_for_current(cores[number]);
            }
        })
        .build()
        .map_err(|error| format!("{threads} threads cannot be started: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_a_name_and_memory_and_its_threads_are_in_its_id() {
        let device = describe(3);
        assert!(device.id.starts_with("host/") && device.id.ends_with("/3 threads"), "{}", device.id);
        assert_eq!(device.id.matches('/').count(), 2);
        assert!(device.limits.memory_bytes.is_some_and(|bytes| bytes > 1 << 26));
        assert!(describe(1).id.ends_with("/1 thread"));
        assert_eq!(pool(2).unwrap().current_num_threads(), 2);
    }
}
