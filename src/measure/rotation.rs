//! Buffer rotation: consecutive executions use other buffers until the caches have forgotten the
//! first ones.

use super::result::Cache;
use crate::kernel::Capabilities;

/// More sets than this cost more to fill than they tell.
const MOST_SETS: u64 = 64;

/// How many buffer sets of `set_bytes` outgrow twice the cache, and whether they do.
pub fn sets(set_bytes: u64, cache_bytes: u64, memory_limit: u64) -> (u32, Cache) {
    let wanted = (2 * cache_bytes).div_ceil(set_bytes.max(1)) + 1;
    let affordable = (memory_limit / set_bytes.max(1)).max(1);
    let sets = wanted.min(MOST_SETS).min(affordable);
    let cache = if sets >= wanted { Cache::Rotated } else { Cache::Warm };
    (sets as u32, cache)
}

/// Bytes of the last-level cache that a run on `device` has to outgrow.
///
/// A software device uses the host's cache, which Linux tells. Vulkan, Metal and DX12 do not tell
/// a GPU's: 64 MiB covers what most have (H100 50 MB, RTX 4090 72 MB of which half is reachable
/// from one side), until the bandwidth curve of the device is measured.
pub fn last_level_cache(device: &Capabilities) -> u64 {
    let host = || {
        let text = std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index3/size").ok()?;
        parse_size(text.trim())
    };
    let fallback = 64 << 20;
    if device.is_software() { host().unwrap_or(fallback) } else { fallback }
}

/// Reads `32768K` or `32M`.
fn parse_size(text: &str) -> Option<u64> {
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
    fn rotation_outgrows_twice_the_cache_or_says_warm() {
        // 2 x 32 over sets of 10: seven make 70 > 64, and one more so that the first is forgotten.
        assert_eq!(sets(10, 32, 1000), (8, Cache::Rotated));
        // One set is larger than the cache already: the second one evicts it.
        assert_eq!(sets(100, 32, 1000), (2, Cache::Rotated));
        // Memory for three sets only.
        assert_eq!(sets(10, 32, 35), (3, Cache::Warm));
        assert_eq!(sets(1, 1 << 20, 1 << 30), (64, Cache::Warm));
    }

    #[test]
    fn cache_sizes_are_read_as_linux_writes_them() {
        assert_eq!(parse_size("32768K"), Some(32 << 20));
        assert_eq!(parse_size("32M"), Some(32 << 20));
        assert_eq!(parse_size(""), None);
        assert_eq!(parse_size("x"), None);
    }
}
