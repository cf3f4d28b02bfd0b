//! Memory and cache size of the host. Data only: the caller detects them, because a web page cannot.

/// The machine that runs a software device or that a GPU is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Host {
    /// Main memory; `None` if unknown.
    pub memory: Option<HostMemory>,
    /// Size of the CPU's last-level cache in bytes; `None` if unknown.
    pub cache_bytes: Option<u64>,
}

impl Host {
    /// Creates a host with this memory and a last-level cache of `cache_bytes`.
    pub fn new(memory: Option<HostMemory>, cache_bytes: Option<u64>) -> Self {
        Host { memory, cache_bytes }
    }
}

/// Memory of the host, or of the container that the program runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostMemory {
    /// Total memory in bytes.
    pub total: u64,
    /// Memory available now, in bytes.
    pub free: u64,
}
