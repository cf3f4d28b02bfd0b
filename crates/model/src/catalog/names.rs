//! Normalisation and matching of device names as drivers report them.

use crate::device::without_marks;

/// Words that drivers add to a name or omit, and by which no two products differ.
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

/// Returns `name` in lower case, without trademark signs, vendor names and generic words such as `device`.
pub(super) fn plain(name: &str) -> String {
    let text = without_marks(name).to_lowercase();
    let words = text.split_whitespace().filter(|word| !NOISE.contains(word));
    words.collect::<Vec<_>>().join(" ")
}

/// Returns the names under which `adapter` may be in the catalogue, longest first: the whole name; the name
/// inside that of a translation layer (`Microsoft Direct3D12 (…)`); and the name without what OpenGL adds
/// after a slash and without what a driver adds in parentheses.
pub(super) fn candidates(adapter: &str) -> Vec<String> {
    let mut found = vec![plain(adapter)];
    let mut add = |name: &str| {
        let name = plain(name);
        if !found.contains(&name) {
            found.push(name);
        }
    };
    let unmarked = without_marks(adapter);
    if let Some(inner) = unmarked.strip_prefix("Microsoft Direct3D12 (") {
        add(inner.strip_suffix(')').unwrap_or(inner));
        return found;
    }
    let name = unmarked.split_once("/PCIe").map_or(unmarked.as_str(), |(name, _)| name);
    add(name);
    if let Some((name, _)) = name.split_once(" (").or_else(|| name.split_once(" [0x")) {
        add(name);
    }
    found
}

/// Returns the PCI device id in a name that Intel's runtimes give a device they do not know, in lower case:
/// `e211` in `Intel(R) Graphics [0xe211]`.
pub(super) fn id_in(adapter: &str) -> Option<String> {
    let (before, id) = adapter.trim().strip_suffix(']')?.split_once("[0x")?;
    let is_id = id.len() == 4 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (before.contains("Intel") && is_id).then(|| id.to_lowercase())
}

/// Whether `adapter` is generic: apart from the vendor, it contains only words that fit any device.
pub(super) fn says_nothing(adapter: &str) -> bool {
    let names = candidates(adapter);
    let shortest = names.last().map_or("", String::as_str);
    shortest.split_whitespace().all(|word| ["radeon", "unknown"].contains(&word))
}

/// Number of characters of a wanted name that are compared.
const LONGEST_WANTED: usize = 100;

/// Returns the three items of `all` whose names are most similar to `wanted`: first those with a name that
/// contains it, then those with the smallest edit distance.
pub(super) fn nearest<'a, T, N: IntoIterator<Item = String>>(
    wanted: &str,
    all: &'a [T],
    names: impl Fn(&'a T) -> N,
) -> impl Iterator<Item = &'a T> {
    // What is longer than every name is compared by its start: the effort grows with its length.
    let wanted = wanted.char_indices().nth(LONGEST_WANTED).map_or(wanted, |(end, _)| &wanted[..end]);
    let distance = |item: &'a T| {
        let of =
            |name: String| (!wanted.is_empty() && !name.contains(wanted), strsim::levenshtein(wanted, &name));
        names(item).into_iter().map(of).min().unwrap_or((true, usize::MAX))
    };
    let mut found: Vec<(_, &T)> = all.iter().map(|item| (distance(item), item)).collect();
    found.sort_by_key(|(distance, _)| *distance);
    found.into_iter().take(3).map(|(_, item)| item)
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

    #[test]
    fn a_name_that_is_only_a_vendor_says_nothing() {
        for name in ["", "NVIDIA Graphics Device", "AMD Radeon Graphics (RADV NAVI31)", "Intel(R) Graphics"] {
            assert!(says_nothing(name), "{name}");
        }
        for name in ["NVIDIA H20", "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "Microsoft Direct3D12 (Apple M1)"] {
            assert!(!says_nothing(name), "{name}");
        }
    }

    #[test]
    fn what_contains_the_word_is_nearer_than_what_resembles_it() {
        let all = ["h100", "h20", "rtx 4090 d", "rtx 5090"];
        let found: Vec<_> = nearest("4090", &all, |name| [name.to_string()]).collect();
        assert_eq!(found[0], &"rtx 4090 d");
    }
}
