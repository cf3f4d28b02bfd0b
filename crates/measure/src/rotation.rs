//! Buffer rotation: consecutive executions use other buffers until the caches have forgotten the
//! first ones.

use super::host::Host;
use portamark_model::device::Capabilities;
use portamark_results::{Cache, CacheSource};

/// More sets than this cost more to fill than they tell.
pub const MOST_SETS: u64 = 256;

/// How many buffer sets of `set_bytes` outgrow twice the cache, and in which state that leaves it.
///
/// Never more than `memory_limit` holds. The state is what is true and not what was wanted: `warm`
/// when all sets together fit the cache, `partly` when they outgrow it, but not twice.
pub fn sets(set_bytes: u64, cache_bytes: u64, memory_limit: u64) -> (u32, Cache) {
    let set_bytes = set_bytes.max(1);
    let wanted = (2 * cache_bytes).div_ceil(set_bytes) + 1;
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

/// Bytes of the last-level cache that `device` is taken to have before its bandwidth curve is
/// known, and who says so.
///
/// A software device uses the cache of `host`. Vulkan, Metal and DX12 do not tell
/// a GPU's: 64 MiB covers what most have (H100 50 MB, RTX 4090 72 MB of which half is reachable
/// from one side).
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
        // 2 x 32 over sets of 10: seven make 70 > 64, and one more so that the first is forgotten.
        assert_eq!(sets(10, 32, 1000), (8, Cache::Rotated));
        // One set is larger than the cache already: the second one evicts it.
        assert_eq!(sets(100, 32, 1000), (2, Cache::Rotated));
        // Memory for three sets only: 30 fit the cache. For five: 50 do not, but once only.
        assert_eq!(sets(10, 32, 35), (3, Cache::Warm));
        assert_eq!(sets(10, 32, 50), (5, Cache::Partly));
        // One large set is read again from its beginning: what is left of it in the cache counts.
        assert_eq!(sets(100, 32, 100), (1, Cache::Warm));
        assert_eq!(sets(1, 1 << 20, 1 << 30), (256, Cache::Warm));
    }
}
