//! What the machine says of itself. Data only: who runs the method reads it, since a page cannot.

/// The machine that a device computes on or hangs at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Host {
    /// Its memory, where it tells.
    pub memory: Option<HostMemory>,
    /// Bytes of its processor's last-level cache, where it tells.
    pub cache_bytes: Option<u64>,
}

impl Host {
    /// A machine with this memory and a last-level cache of `cache_bytes`.
    pub fn new(memory: Option<HostMemory>, cache_bytes: Option<u64>) -> Self {
        Host { memory, cache_bytes }
    }
}

/// The memory of a machine, or of the container that the program runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostMemory {
    /// Bytes in all.
    pub total: u64,
    /// Bytes that are free now.
    pub free: u64,
}
