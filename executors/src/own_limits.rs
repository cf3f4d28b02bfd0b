//! Limits that this process sets to itself.

/// Limits the address space of this process to `bytes`: what needs more is then refused, and the process aborts.
/// Only some systems keep to it; others have no such limit.
#[cfg(unix)]
pub fn limit_own_memory(bytes: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::As);
    limit.current = Some(limit.maximum.map_or(bytes, |most| most.min(bytes)));
    // Without the limit the work is done all the same.
    let _ = setrlimit(Resource::As, limit);
}

/// Does nothing: this system has no such limit.
#[cfg(windows)]
pub fn limit_own_memory(_bytes: u64) {}
