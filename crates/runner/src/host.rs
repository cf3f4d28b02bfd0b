//! Memory and cache size of this machine.

use portamark_measure::{Host, HostMemory};
use std::fs::read_to_string;

/// Returns the memory and last-level cache of this machine as reported by Linux; elsewhere both are unknown.
pub fn this_host() -> Host {
    let cache = read_to_string("/sys/devices/system/cpu/cpu0/cache/index3/size");
    Host::new(memory(), cache.ok().and_then(|text| cache_bytes(text.trim())))
}

/// Returns the memory of the machine or, inside a container, that of the container.
fn memory() -> Option<HostMemory> {
    let HostMemory { total, free } = meminfo(&read_to_string("/proc/meminfo").ok()?)?;
    let number = |path: &str| read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let most = number("/sys/fs/cgroup/memory.max").unwrap_or(u64::MAX);
    let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
    Some(HostMemory { total: total.min(most), free: free.min(most.saturating_sub(used)) })
}

/// Reads `MemTotal` and `MemAvailable` from the text of `meminfo`.
fn meminfo(text: &str) -> Option<HostMemory> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
    };
    Some(HostMemory { total: field("MemTotal:")?, free: field("MemAvailable:")? })
}

/// Parses a size such as `32768K` or `32M` into bytes.
fn cache_bytes(text: &str) -> Option<u64> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1 << 10),
        b'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok().map(|size| size * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_read_as_linux_writes_it() {
        let text = "MemTotal:       24689764 kB\nMemFree:         1000 kB\nMemAvailable:   23000000 kB\n";
        assert_eq!(meminfo(text), Some(HostMemory { total: 24_689_764 << 10, free: 23_000_000 << 10 }));
        assert_eq!(meminfo("MemTotal: x\n"), None);
    }

    #[test]
    fn cache_sizes_are_read_as_linux_writes_them() {
        assert_eq!(cache_bytes("32768K"), Some(32 << 20));
        assert_eq!(cache_bytes("32M"), Some(32 << 20));
        assert_eq!(cache_bytes(""), None);
        assert_eq!(cache_bytes("x"), None);
    }
}
