//! FLOP and byte counts of a case under the conventions of other programs.
//!
//! Rates of two programs are comparable only if both divide the same count by the time. Each rule names the
//! program whose source or report defines it. If a program has no rule for a case, there is no count.

use super::attention::Attention;
use super::case::Case;
use super::family::Workload;
use super::gemm::Gemm;
use serde::{Serialize, Serializer};

/// Convention for counting FLOP and bytes, named after the program that uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// Convention of portamark, used in every result row; see docs/method.md.
    Portamark,
    /// Profiler of CUTLASS, which also counts its epilogue.
    Cutlass,
    /// Convention of DeepGEMM, for products and for grouped products over real rows.
    DeepGemm,
    /// Benchmarks of FlashAttention 2 and 3.
    FlashAttention,
    /// Convention of FlashInfer, which counts keys and values separately even if they are one latent.
    FlashInfer,
    /// Convention of FlashMLA, for latent attention only.
    FlashMla,
    /// Tool `test-backend-ops` of llama.cpp.
    LlamaCpp,
    /// Script `fa_benchmark.py` of pto-isa, which also counts scaling and softmax.
    PtoIsa,
    /// Class `FlopCounter` of PyTorch; nanoGPT, llm-foundry and torchtitan count the same way.
    Pytorch,
    /// Report of Step-3, arXiv 2507.19427.
    Step3,
}

/// FLOP and bytes of one execution under one convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Convention that was used.
    pub convention: Convention,
    /// Number of floating-point operations.
    pub flop: u128,
    /// Formula of the FLOP count.
    pub flop_rule: &'static str,
    /// Number of bytes; `None` if the convention has no rule for bytes.
    pub bytes: Option<u64>,
}

impl Serialize for Convention {
    /// Writes the name that the command line takes.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Convention {
    /// All conventions: that of portamark first, then by name.
    pub const ALL: [Convention; 10] = [
        Convention::Portamark,
        Convention::Cutlass,
        Convention::DeepGemm,
        Convention::FlashAttention,
        Convention::FlashInfer,
        Convention::FlashMla,
        Convention::LlamaCpp,
        Convention::PtoIsa,
        Convention::Pytorch,
        Convention::Step3,
    ];

    /// Returns the name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Convention::Portamark => "portamark",
            Convention::Cutlass => "cutlass",
            Convention::DeepGemm => "deepgemm",
            Convention::FlashAttention => "flash-attention",
            Convention::FlashInfer => "flashinfer",
            Convention::FlashMla => "flashmla",
            Convention::LlamaCpp => "llama.cpp",
            Convention::PtoIsa => "pto-isa",
            Convention::Pytorch => "pytorch",
            Convention::Step3 => "step-3",
        }
    }

    /// Returns the counts of `case`; `None` if this convention has no rule for it.
    pub fn count(self, case: &Case) -> Option<Counted> {
        let (flop, flop_rule, bytes) = match (self, case) {
            (Convention::Portamark, _) => (case.flop(), own_rule(case), Some(case.bytes())),
            (_, Case::Gemm(product)) => self.product(product)?,
            (_, Case::Gemv(few)) => self.product(&few.product)?,
            (Convention::DeepGemm, Case::Moe(_)) => (case.flop(), "2 sum(M) N K over real rows", None),
            (_, Case::Attention(attention)) => self.attention(attention)?,
            _ => return None,
        };
        Some(Counted { convention: self, flop, flop_rule, bytes })
    }

    fn product(self, product: &Gemm) -> Option<(u128, &'static str, Option<u64>)> {
        // Each operand read once and the output written once: the accumulator is not read at beta = 0.
        let bytes = Some(product.bytes());
        match self {
            Convention::Cutlass => {
                let outputs = [product.batch, product.m, product.n].map(u128::from);
                let epilogue = 2 * outputs.iter().product::<u128>();
                Some((product.flop() + epilogue, "2 M N K + 2 M N", bytes))
            }
            Convention::DeepGemm | Convention::LlamaCpp => Some((product.flop(), "2 M N K", bytes)),
            Convention::Pytorch => Some((product.flop(), "2 M N K", None)),
            _ => None,
        }
    }

    /// Returns the count of attention; `None` if the convention has no rule for it. None of them has one
    /// for windows or pages.
    fn attention(self, attention: &Attention) -> Option<(u128, &'static str, Option<u64>)> {
        let Attention { batch, heads, queries, keys, dim, value_dim, causal, latent, .. } = *attention;
        if attention.window.is_some() || attention.page.is_some() {
            return None;
        }
        let widths = u128::from(dim + value_dim);
        let all_heads = u128::from(batch) * u128::from(heads);
        let [q, k] = [queries, keys].map(u128::from);
        let full = 2 * all_heads * q * k * widths;
        // 2 · avg · Sq with avg = (max(0, Sk − Sq) + Sk)/2, the mean number of keys of a query.
        let half = all_heads * q * (k.saturating_sub(q) + k) * widths;
        Some(match self {
            Convention::FlashAttention if causal => {
                (half, "2 B H Sq avg (dqk + dv), avg = (max(0, Sk - Sq) + Sk)/2", None)
            }
            Convention::FlashAttention => (full, "2 B H Sq Sk (dqk + dv)", None),
            Convention::FlashInfer => {
                let flop = if causal { half } else { full };
                let rule = if causal { "(2 Sk - Sq) Sq H (dqk + dv)" } else { "2 Sq Sk H (dqk + dv)" };
                // Keys and values count separately, even if they are one latent.
                let rows = batch * attention.kv_heads * keys;
                let cache = attention.precision.right;
                let apart = cache.bytes(rows * dim) + cache.bytes(rows * value_dim);
                let [q, o] = [dim, value_dim].map(|width| batch * heads * queries * width);
                let ends = attention.precision.input.bytes(q) + attention.precision.output().bytes(o);
                (flop, rule, Some(apart + ends))
            }
            Convention::FlashMla if latent => {
                (full, "2 h Sq Sk (dqk + dv), no causal discount", Some(attention.bytes()))
            }
            Convention::LlamaCpp => (full, "2 nh nb (hsk + hsv) kv, no causal discount", None),
            Convention::Pytorch => (full, "2 B H Sq Sk (dqk + dv), no causal discount", None),
            Convention::PtoIsa if !causal => {
                (full + 6 * all_heads * q * k, "4 S S d + S S scale + 5 S S softmax", None)
            }
            Convention::Step3 if latent => {
                (4 * all_heads * q * k * u128::from(dim), "4 q dqk a context token", None)
            }
            _ => return None,
        })
    }
}

/// Returns the formula by which portamark counts the FLOP of a case.
fn own_rule(case: &Case) -> &'static str {
    match case {
        Case::Gemm(_) | Case::Gemv(_) => "2 M N K",
        Case::Moe(_) => "2 M N K over the rows of each expert",
        Case::Attention(_) => "2 (dqk + dv) a visible pair and head",
        _ => "as its family counts",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(convention: Convention, key: &str) -> Option<Counted> {
        convention.count(&key.parse().unwrap())
    }

    fn flop(convention: Convention, key: &str) -> u128 {
        counted(convention, key).unwrap().flop
    }

    /// 10¹² per second with one decimal, as the sources print.
    fn tera(flop: u128, seconds: f64) -> String {
        format!("{:.1}", flop as f64 / seconds * 1e-12)
    }

    #[test]
    fn deepgemm_takes_674_7_microseconds_at_1426_teraflops() {
        let key = "gemm f16.f32 m4096 n7168 k16384 nt";
        let flop = flop(Convention::DeepGemm, key);
        assert_eq!(format!("{:.1}", flop as f64 / 1426e12 * 1e6), "674.7");
        // A, B and D: (4096·16384 + 7168·16384 + 4096·7168)·2 B.
        assert_eq!(counted(Convention::DeepGemm, key).unwrap().bytes, Some(427_819_008));
    }

    #[test]
    fn flashmla_reaches_122_8_teraflops_in_2_379_milliseconds() {
        // A step of two tokens is causal; FlashMLA counts all 4096 keys for both, the exact count is one
        // less.
        let key = "attention f16.f32 b128 hq128 hkv1 q2 kv4096 d576 dv512 causal latent";
        let flashmla = flop(Convention::FlashMla, key);
        assert_eq!(tera(flashmla, 2.379e-3), "122.8");
        assert_eq!(flashmla - flop(Convention::Portamark, key), 128 * 128 * 2 * (576 + 512));
        // 4·q·576 per context token: 1152/1088 of FlashMLA's count, 5.9 % more.
        assert_eq!(flop(Convention::Step3, key) * 1088, flashmla * 1152);
    }

    #[test]
    fn flashattention_reaches_107_7_teraflops_in_0_319_milliseconds() {
        // Hidden 2048 is 16 heads of 128.
        let key = "attention f16.f32 b2 hq16 q2048 d128 causal";
        let flash = flop(Convention::FlashAttention, key);
        assert_eq!(flash, 4 * 2 * 16 * 2048 * 2048 * 128 / 2);
        assert_eq!(tera(flash, 0.319e-3), "107.7");
        // Exactly S(S+1)/2 pairs are visible: S²/2 falls short of them by 1 in 2049.
        assert_eq!(flop(Convention::Portamark, key) * 2048, flash * 2049);
        assert_eq!(flop(Convention::Pytorch, key), 2 * flash);
        assert_eq!(flop(Convention::FlashInfer, key), flash);
    }

    #[test]
    fn cutlass_counts_its_epilogue() {
        let key = "gemm f16.f32 m3456 n4096 k4096 nn";
        assert_eq!(flop(Convention::Cutlass, key), 115_992_428_544);
        assert_eq!(flop(Convention::Portamark, key), 115_964_116_992);
    }

    #[test]
    fn a_shared_latent_is_counted_twice_where_keys_and_values_are_taken_apart() {
        let key = "attention f16.f32 b1 hq16 hkv1 q1 kv1000 d576 dv512 latent";
        let bytes = |convention| counted(convention, key).unwrap().bytes.unwrap();
        assert_eq!(bytes(Convention::FlashInfer) - bytes(Convention::FlashMla), 2 * 1000 * 512);
    }

    #[test]
    fn softmax_counts_where_a_convention_says_so() {
        let key = "attention f16.f32 b1 hq1 q10 d64";
        assert_eq!(flop(Convention::PtoIsa, key), 4 * 100 * 64 + 6 * 100);
    }

    #[test]
    fn where_a_convention_has_no_rule_there_is_no_count() {
        for (convention, key) in [
            (Convention::FlashAttention, "gemm f32 m4 n4 k4 nn"),
            (Convention::Cutlass, "attention f32 b1 hq1 q8 d8"),
            (Convention::FlashMla, "attention f32 b1 hq1 q8 d8"),
            (Convention::Pytorch, "attention f32 b1 hq1 q8 d8 causal w4"),
            (Convention::Pytorch, "stream f32 copy n1024"),
        ] {
            assert_eq!(counted(convention, key), None, "{} {key}", convention.name());
        }
        let named: Vec<&str> = Convention::ALL.map(Convention::name).into();
        assert!(named[1..].is_sorted(), "{named:?}");
    }
}
