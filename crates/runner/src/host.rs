//! Memory and cache size of this machine.

use portamark_measure::{Host, HostMemory};
use std::fs::read_to_string;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Returns the memory and last-level cache of this machine as its system reports them; the cache on Linux only.
pub fn this_host() -> Host {
    let cache = read_to_string("/sys/devices/system/cpu/cpu0/cache/index3/size");
    Host::new(memory(), cache.ok().and_then(|text| cache_bytes(text.trim())))
}

/// Returns the memory of the machine or, inside a container, that of the container.
fn memory() -> Option<HostMemory> {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    let (total, free) = (system.total_memory(), system.available_memory());
    // What a container without a limit reports as free leaves out the page cache, which can be reclaimed.
    let limited = system.cgroup_limits().filter(|container| container.total_memory < total);
    let (total, free) =
        limited.map_or((total, free), |container| (container.total_memory, free.min(container.free_memory)));
    (total > 0).then_some(HostMemory { total, free })
}

/// Parses a size such as `32768K` or `32M` into bytes.
fn cache_bytes(text: &str) -> Option<u64> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1 << 10),
        b'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_sizes_are_read_as_linux_writes_them() {
        assert_eq!(cache_bytes("32768K"), Some(32 << 20));
        assert_eq!(cache_bytes("32M"), Some(32 << 20));
        assert_eq!(cache_bytes(""), None);
        assert_eq!(cache_bytes("x"), None);
        assert_eq!(cache_bytes("18446744073709551615K"), None);
    }
}
