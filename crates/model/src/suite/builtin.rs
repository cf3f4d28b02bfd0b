//! Built-in suites. Each contains the one before it.

use crate::workload::Case;

/// Built-in suite: its name, a one-sentence summary, and a function that makes its cases.
pub(super) struct Builtin {
    pub name: &'static str,
    pub summary: &'static str,
    pub cases: fn() -> Vec<Case>,
}

/// All built-in suites, smallest first.
pub(super) const SUITES: &[Builtin] = &[
    Builtin {
        name: "quick",
        summary: "about fifty cases of every family: a first look, in minutes on a GPU",
        cases: || parsed(quick()),
    },
    Builtin {
        name: "standard",
        summary: "quick, the layers of an 8B model, and attention with its usual head counts",
        cases: || parsed([quick(), standard()].concat()),
    },
    Builtin {
        name: "full",
        summary: "standard, bandwidth over the working set, and the grid of formats, layouts and sizes",
        cases: || parsed([quick(), standard(), full()].concat()),
    },
];

fn parsed(keys: Vec<String>) -> Vec<Case> {
    keys.iter().map(|key| key.parse().expect("built-in keys are tested")).collect()
}

const STREAM: [&str; 6] = ["copy", "scale", "add", "triad", "read", "write"];

fn stream(op: &str, n: u64) -> String {
    format!("stream f32 {op} n{n}")
}

fn square(format: &str, size: u64, layout: &str) -> String {
    format!("gemm {format} m{size} n{size} k{size} {layout}")
}

/// Returns the key of a linear layer with `k` inputs and `n` outputs for `m` tokens.
fn gemv(format: &str, m: u64, n: u64, k: u64) -> String {
    format!("gemv {format} m{m} n{n} k{k}")
}

/// Linear layers of Llama 3 8B as (outputs, inputs): query and output projections, key and value
/// projections, gate and up, down.
const LLAMA: [(u64, u64); 4] = [(4096, 4096), (1024, 4096), (14_336, 4096), (4096, 14_336)];

/// Formats of weights and activations in which decode is measured.
const GEMV_FORMATS: [&str; 5] = ["f16.f32", "bf16.f32", "f16xq8_0.f32", "f16xq4_0.f32", "f16xint4g128.f32"];

/// Returns the key of self-attention over `length` positions, causal as in prefill.
fn prefill(heads: u64, kv_heads: u64, length: u64, dim: u64) -> String {
    format!("attention f16.f32 b1 hq{heads} hkv{kv_heads} q{length} kv{length} d{dim} causal")
}

/// Returns the key of a decode step: one new position over a KV cache of `length` positions.
fn decode(batch: u64, heads: u64, kv_heads: u64, length: u64, dim: u64) -> String {
    format!("attention f16.f32 b{batch} hq{heads} hkv{kv_heads} q1 kv{length} d{dim}")
}

/// Returns the key of dependent loads from `lines` lines of 64 bytes.
fn latency(lines: u64) -> String {
    format!("latency i32 n{lines} s{}", lines.max(1 << 16))
}

/// Returns the key of the experts of Qwen3-30B-A3B: 8 of 128, 768 x 2048 each.
fn experts(format: &str, tokens: u64, routing: &str) -> String {
    format!("moe {format} e128 k8 t{tokens} n768 d2048 {routing}")
}

fn quick() -> Vec<String> {
    let mut keys = vec![stream("copy", 1 << 20)];
    // Arrays of 64 MiB, then of 128 MiB, which is the largest binding of some software drivers.
    keys.extend(STREAM.map(|op| stream(op, 1 << 24)));
    keys.extend(["copy", "read"].map(|op| stream(op, 1 << 25)));
    for chains in [1u64 << 14, 1 << 18, 1 << 22] {
        keys.push(format!("peak f32 fma c{chains} s4096"));
        keys.push(format!("peak f16 fma c{chains} s1024"));
    }
    for edge in [8, 16] {
        keys.extend([1024, 16_384].map(|tiles| format!("peak f16.f32 matrix e{edge} t{tiles} s256")));
    }
    keys.extend([1 << 8, 1 << 20].map(latency));
    keys.push("launch i32 d64".into());
    keys.extend([256, 512, 1024, 2048, 4096, 8192].map(|size| square("f32", size, "nn")));
    keys.extend([square("f32", 1024, "nt"), square("f32", 1024, "tn")]);
    keys.push("gemm f32 m1000 n1001 k1003 nn".into());
    keys.extend([512, 1024, 2048, 4096, 8192].map(|size| square("f16.f32", size, "nt")));
    keys.push(experts("f16xq4_0.f32", 64, "uniform"));
    keys.extend(["f32", "f16.f32", "f16xq8_0.f32", "f16xq4_0.f32"].map(|f| gemv(f, 1, 4096, 4096)));
    keys.push("attention f32 b1 hq8 hkv8 q512 kv512 d64".into());
    keys.push("attention f32 b1 hq8 hkv8 q512 kv512 d64 causal".into());
    keys.extend([512, 2048, 8192].map(|length| prefill(32, 8, length, 128)));
    keys.extend([1, 8].map(|batch| format!("attention f32 b{batch} hq8 hkv1 q1 kv8192 d128")));
    keys.push(decode(1, 32, 8, 8192, 128));
    keys.push(latent(1, 16));
    keys.push(PAGED.into());
    // Operations between the products of a layer, for 4096 tokens of an 8B model.
    for key in [
        "softmax f32 r4096 c4096",
        "rmsnorm f16.f32 r4096 c4096",
        "rope f16.f32 t4096 h32 d128",
        "swiglu f16.f32 r4096 c14336",
        "gather f16 r4096 c4096 v16384",
        "transpose f32 m4096 n4096",
    ] {
        keys.push(key.into());
    }
    keys
}

/// Returns the key of a decode step of DeepSeek-V3's attention: one latent of 512 and 64 rotated elements
/// for all heads.
fn latent(batch: u64, heads: u64) -> String {
    format!("attention f16.f32 b{batch} hq{heads} hkv1 q1 kv4096 d576 dv512 latent")
}

/// Key of a decode step over a KV cache in pages of 16 positions.
const PAGED: &str = "attention f16.f32 b1 hq32 hkv8 q1 kv8192 d128 page16";

/// Returns the keys of decode steps over special KV caches: latent (DeepSeek-V2 and V3), one wide head for
/// all (multi-matrix factorisation, Step-3), quantised, paged, and with a sliding window.
fn caches() -> Vec<String> {
    let mut keys = Vec::new();
    for heads in [16, 128] {
        keys.extend([1, 8].map(|batch| latent(batch, heads)));
    }
    let more = [
        "f16.f32 b1 hq64 hkv1 q1 kv4096 d256",
        "f16xq8_0.f32 b1 hq32 hkv8 q1 kv8192 d128",
        "f16.f32 b1 hq32 hkv8 q1 kv8192 d128 page64",
        "f16.f32 b1 hq32 hkv8 q1 kv8192 d128 w1024",
    ];
    keys.extend(more.map(|step| format!("attention {step}")));
    let quick = quick();
    keys.retain(|key| !quick.contains(key));
    keys
}

fn standard() -> Vec<String> {
    // Where the caches end: arrays of 64 KiB to 32 MiB; the quick suite goes on to 128 MiB.
    let mut keys: Vec<String> = [14, 16, 18, 20, 22, 23].map(|power| stream("read", 1 << power)).to_vec();
    keys.extend([10, 12, 14, 16, 18].map(|power| latency(1 << power)));
    keys.extend([1, 8].map(|dispatches| format!("launch i32 d{dispatches}")));
    for routing in ["uniform", "skewed"] {
        keys.extend([1, 8, 512].map(|tokens| experts("f16.f32", tokens, routing)));
    }
    keys.push(experts("f16xq4_0.f32", 64, "skewed"));
    for (n, k) in LLAMA {
        keys.extend([1, 16, 512, 2048].map(|m| format!("gemm f16.f32 m{m} n{n} k{k} nt")));
    }
    for format in GEMV_FORMATS {
        for (n, k) in LLAMA {
            // One token and eight tokens; for some formats, one token is already in the quick suite.
            let quick = quick();
            keys.extend([1, 8].map(|m| gemv(format, m, n, k)).into_iter().filter(|key| !quick.contains(key)));
        }
    }
    for dim in [64, 128] {
        // One KV head per query head, one per four query heads, and one for all.
        for kv_heads in [32, 8, 1] {
            keys.extend([512, 2048].map(|length| prefill(32, kv_heads, length, dim)));
            keys.extend([1, 8].map(|batch| decode(batch, 32, kv_heads, 4096, dim)));
        }
    }
    keys.extend(caches());
    // Operations between products for one token and for a batch of 64, and the logits of a batch.
    for tokens in [1, 64] {
        keys.push(format!("rmsnorm f16.f32 r{tokens} c4096"));
        keys.push(format!("rope f16.f32 t{tokens} h32 d128"));
        keys.push(format!("swiglu f16.f32 r{tokens} c14336"));
    }
    keys.push("softmax f32 r64 c128256".into());
    keys.push("softmax f16.f32 r4096 c4096".into());
    keys.push("gather f16 r4096 c4096 v128256".into());
    keys.push("transpose f16 m4096 n4096".into());
    keys
}

fn full() -> Vec<String> {
    let mut keys = Vec::new();
    // From well inside the caches to well outside.
    for n in (14..=25).map(|power| 1u64 << power) {
        keys.extend(["read", "write"].map(|op| stream(op, n)));
    }
    keys.extend([20, 22].iter().flat_map(|power| STREAM.map(|op| stream(op, 1 << power))));
    for chains in [1u64 << 12, 1 << 16, 1 << 20] {
        keys.push(format!("peak f32 fma c{chains} s4096"));
        keys.push(format!("peak f16 fma c{chains} s1024"));
    }
    for edge in [8, 16] {
        keys.extend([64, 256, 4096].map(|tiles| format!("peak f16.f32 matrix e{edge} t{tiles} s256")));
    }
    for format in ["f32", "f16.f32"] {
        for layout in ["nn", "nt", "tn"] {
            keys.extend((6..=13).map(|power| square(format, 1 << power, layout)));
        }
        // One below and one above a multiple of the usual tiles, and a prime.
        keys.extend([511, 1021, 2049].map(|size| square(format, size, "nn")));
        // The same work in other shapes: deep, tall and wide.
        for (m, n, k) in [(256, 256, 65_536), (65_536, 256, 256), (256, 65_536, 256), (64, 64, 262_144)] {
            keys.push(format!("gemm {format} m{m} n{n} k{k} nn"));
        }
    }
    keys.extend([16, 64, 128, 256].map(|m| format!("gemm f16.f32 m{m} n4096 k4096 nt")));
    keys.push(square("f16.f32", 16_384, "nt"));
    for (n, k) in LLAMA {
        keys.extend([1, 8].map(|m| gemv("e4m3.f32", m, n, k)));
    }
    // Speculative decoding, and the output layer over the vocabulary.
    keys.extend([2, 4].iter().flat_map(|m| GEMV_FORMATS.map(|format| gemv(format, *m, 4096, 4096))));
    keys.extend(GEMV_FORMATS.map(|format| gemv(format, 1, 128_256, 4096)));
    for format in ["f32", "f16.f32"] {
        for (causal, dim) in [("", 64), (" causal", 64), ("", 128), (" causal", 128)] {
            keys.extend(
                [128, 1024, 4096]
                    .map(|q| format!("attention {format} b1 hq8 hkv8 q{q} kv{q} d{dim}{causal}")),
            );
        }
    }
    // Speculative decoding, and a chunk of a prefill, over a KV cache.
    keys.extend([4, 512].map(|q| format!("attention f16.f32 b1 hq32 hkv8 q{q} kv8192 d128 causal")));
    keys.extend([1024, 2048, 16_384, 32_768].map(|length| decode(1, 32, 8, length, 128)));
    keys.extend([8, 32].map(|batch| decode(batch, 32, 8, 8192, 128)));
    // Rows that fit registers, a workgroup's caches, and neither, with the same number of elements.
    for columns in [1024, 8192, 65_536, 524_288] {
        keys.push(format!("softmax f32 r{} c{columns}", (1 << 24) / columns));
        keys.push(format!("rmsnorm f32 r{} c{columns}", (1 << 24) / columns));
    }
    keys.extend([9, 11, 13, 15, 17, 19].map(|power| latency(1 << power)));
    for routing in ["uniform", "skewed"] {
        keys.extend([4, 32, 128, 256].map(|tokens| experts("f16.f32", tokens, routing)));
    }
    // The experts of Mixtral 8x7B.
    keys.extend([16, 512].map(|tokens| format!("moe f16xq4_0.f32 e8 k2 t{tokens} n14336 d4096 uniform")));
    keys.extend([1024, 2048, 8192].map(|size| format!("transpose f32 m{size} n{size}")));
    keys.push("transpose f32 m4099 n4093".into());
    keys
}

#[cfg(test)]
mod tests {
    use super::super::cases::{Suite, cost};
    use super::*;
    use crate::workload::{DType, Precision};
    use std::collections::{BTreeMap, BTreeSet};

    fn all() -> impl Iterator<Item = Suite> {
        SUITES.iter().map(|suite| Suite::builtin(suite.name).unwrap())
    }

    #[test]
    fn every_key_reads_back_and_can_exist() {
        for suite in all() {
            for case in &suite.cases {
                assert_eq!(case.key().parse::<Case>().unwrap(), *case);
                assert_eq!(case.too_large(), None, "{case}");
            }
        }
    }

    #[test]
    fn keys_are_written_in_full_and_once_within_each_part() {
        for keys in [quick(), standard(), full()] {
            let parsed: Vec<String> = parsed(keys.clone()).iter().map(Case::key).collect();
            assert_eq!(parsed, keys);
        }
        for keys in [quick(), standard()] {
            assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        }
    }

    #[test]
    fn each_suite_holds_the_one_before_it() {
        let keys = |suite: &Suite| suite.cases.iter().map(Case::key).collect::<BTreeSet<_>>();
        let suites: Vec<Suite> = all().collect();
        for pair in suites.windows(2) {
            assert!(keys(&pair[0]).is_subset(&keys(&pair[1])), "{} in {}", pair[0].name, pair[1].name);
            assert!(pair[0].cases.len() < pair[1].cases.len());
        }
        assert!((30..=60).contains(&suites[0].cases.len()), "{}", suites[0].cases.len());
        for suite in &suites {
            assert_eq!(keys(suite).len(), suite.cases.len(), "no case twice");
        }
    }

    #[test]
    fn families_stay_together_and_work_grows_within_each_class() {
        // The class of a case is its key without sizes: cases that differ only in sizes are comparable.
        let class = |case: &Case| -> String {
            let sized = |word: &&str| word.ends_with(|c: char| c.is_ascii_digit()) && !word.starts_with('f');
            case.key().split(' ').filter(|word| !sized(word)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(class(&"gemm f16.f32 m1 n2 k3 nt".parse().unwrap()), "gemm f16.f32 nt");
        for suite in all() {
            let mut families: Vec<&str> = suite.cases.iter().map(Case::family).collect();
            families.dedup();
            // Layers occur only in suites of models, on request.
            let rest = crate::workload::FAMILIES.iter().filter(|family| **family != "layer");
            assert!(families.iter().eq(rest), "{families:?}");
            let mut last = BTreeMap::new();
            for case in &suite.cases {
                let before = last.insert(class(case), cost(case)).unwrap_or(0);
                assert!(before <= cost(case), "{}: {case} comes too late", suite.name);
            }
        }
    }

    #[test]
    fn products_and_attention_keep_to_the_precisions_that_kernels_exist_for() {
        for case in Suite::builtin("full").unwrap().cases {
            if ["gemm", "attention"].contains(&case.family()) {
                let Precision { input, right, accumulate } = case.precision();
                assert!([DType::F32, DType::F16].contains(&input) && accumulate == DType::F32, "{case}");
                assert!(right == input || right.group().is_some(), "{case}");
            }
        }
    }

    #[test]
    fn the_quick_suite_fits_the_smallest_binding_of_software_drivers() {
        for case in Suite::builtin("quick").unwrap().cases {
            for tensor in case.tensors() {
                let limit = if case.family() == "gemm" { 256 << 20 } else { 128 << 20 };
                assert!(tensor.bytes() <= limit, "{case}: {}", tensor.name);
            }
        }
    }
}
