//! Names of devices as drivers print them.

/// Words that drivers add to a name or leave out, and that no two parts differ by.
const NOISE: [&str; 11] = [
    "nvidia",
    "amd",
    "intel",
    "qualcomm",
    "microsoft",
    "huawei",
    "moore",
    "threads",
    "gpu",
    "graphics",
    "device",
];

/// `name` without case, trade marks and the words that name a vendor or say that it is a device.
pub(super) fn plain(name: &str) -> String {
    let mut text = name.to_lowercase();
    for mark in ["(r)", "(tm)", "®", "™"] {
        text = text.replace(mark, " ");
    }
    let words = text.split_whitespace().filter(|word| !NOISE.contains(word));
    words.collect::<Vec<_>>().join(" ")
}

/// What `adapter` may be called in the catalogue, the longest first: the whole name, the name inside a
/// layer's own (`Microsoft Direct3D12 (…)`), the name without what OpenGL adds after a slash and
/// without what a driver adds in parentheses.
pub(super) fn candidates(adapter: &str) -> Vec<String> {
    let mut found = vec![plain(adapter)];
    let mut add = |name: &str| {
        let name = plain(name);
        if !name.is_empty() && !found.contains(&name) {
            found.push(name);
        }
    };
    let unmarked = adapter.replace("(R)", "").replace("(TM)", "").replace("(tm)", "").replace("(r)", "");
    if let Some(inner) = unmarked.trim().strip_prefix("Microsoft Direct3D12 (") {
        add(inner.strip_suffix(')').unwrap_or(inner));
        return found;
    }
    let name = unmarked.split_once("/PCIe").map_or(unmarked.as_str(), |(name, _)| name);
    add(name);
    if let Some((name, _)) = name.split_once(" (") {
        add(name);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_trade_mark_and_case_do_not_count() {
        assert_eq!(plain("Intel(R) Arc(TM) A770 Graphics"), "arc a770");
        assert_eq!(plain("NVIDIA GeForce RTX 4090"), "geforce rtx 4090");
        assert_eq!(plain("  Moore Threads MTT  S80 "), "mtt s80");
    }

    #[test]
    fn what_drivers_add_is_taken_off_after_the_whole_name() {
        let radv = candidates("AMD Radeon RX 7900 XTX (RADV NAVI31)");
        assert_eq!(radv, ["radeon rx 7900 xtx (radv navi31)", "radeon rx 7900 xtx"]);
        let layered = candidates("Microsoft Direct3D12 (NVIDIA GeForce RTX 3090)");
        assert_eq!(layered, ["direct3d12 (nvidia geforce rtx 3090)", "geforce rtx 3090"]);
        assert_eq!(candidates("NVIDIA GeForce RTX 4090/PCIe/SSE2")[1], "geforce rtx 4090");
        assert_eq!(candidates(""), [""]);
    }
}
