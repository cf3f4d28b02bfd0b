//! Buffer rotation: consecutive executions use different buffer sets, so that a set has left the caches
//! before it is used again.

use super::host::Host;
use portamark_model::device::Capabilities;
use portamark_results::{Cache, CacheSource};

/// Maximum number of buffer sets; more would not be worth the time to fill them.
pub const MOST_SETS: u64 = 256;

/// Returns the number of buffer sets of `set_bytes` that exceed twice the cache, and the resulting cache
/// state.
///
/// There is always one set; more of them never exceed `memory_limit`. The state is the one achieved, not the
/// one intended: `warm` if all sets together fit in the cache or there is only one, `partly` if they exceed
/// it, but not twice.
pub fn sets(set_bytes: u64, cache_bytes: u64, memory_limit: u64) -> (u32, Cache) {
    let set_bytes = set_bytes.max(1);
    let wanted = cache_bytes.saturating_mul(2).div_ceil(set_bytes).saturating_add(1);
    let affordable = (memory_limit / set_bytes).max(1);
    let sets = wanted.min(MOST_SETS).min(affordable);
    let cache = if sets >= wanted {
        Cache::Rotated
    } else if sets > 1 && sets * set_bytes > cache_bytes {
        Cache::Partly
    } else {
        Cache::Warm
    };
    (sets as u32, cache)
}

/// Returns the assumed size in bytes of `device`'s last-level cache before its bandwidth curve is measured,
/// and the source of that size.
///
/// A software device uses the cache of `host`. Vulkan, Metal and DX12 do not report that of a GPU: 64 MiB
/// covers most GPUs (H100 50 MB; RTX 4090 72 MB, half of which is reachable from one side).
pub fn told_cache(device: &Capabilities, host: &Host) -> (u64, CacheSource) {
    match host.cache_bytes.filter(|_| device.is_software()) {
        Some(bytes) => (bytes, CacheSource::Host),
        None => (64 << 20, CacheSource::Assumed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_outgrows_twice_the_cache_or_says_what_it_is() {
        // 2 x 32 over sets of 10: seven make 70 > 64, and one more so that the first is evicted.
        assert_eq!(sets(10, 32, 1000), (8, Cache::Rotated));
        // One set is larger than the cache already: the second one evicts it.
        assert_eq!(sets(100, 32, 1000), (2, Cache::Rotated));
        // Memory for three sets: 30 fit in the cache. For five: 50 exceed it, but not twice.
        assert_eq!(sets(10, 32, 35), (3, Cache::Warm));
        assert_eq!(sets(10, 32, 50), (5, Cache::Partly));
        // A single large set is read again while part of it is still in the cache.
        assert_eq!(sets(100, 32, 100), (1, Cache::Warm));
        assert_eq!(sets(1, 1 << 20, 1 << 30), (256, Cache::Warm));
        // A cache as no machine has it, as in a file that somebody else wrote.
        assert_eq!(sets(1, u64::MAX, 1 << 30), (256, Cache::Warm));
    }
}
