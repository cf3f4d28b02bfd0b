//! The KV cache as the decode kernels read it, and how they split its keys.

use super::sizes::{attention, check_operands, head_rows, values};
use crate::error::PlanError;
use portamark_model::device::Capabilities;
use portamark_model::variant::Variant;
use portamark_model::workload::{Attention, Case, DType};
use serde_json::{Value, json};

/// Maximum number of queries per sequence in a decode step: one, or a few in speculative decoding.
pub(super) const MOST_QUERIES: u64 = 4;

/// Whether the decode kernels serve this case: it has at most [`MOST_QUERIES`] queries per sequence.
pub(super) fn is_step(work: &Attention) -> bool {
    work.queries <= MOST_QUERIES
}

/// Fails if the decode kernels lack the formats of `work`: scores and sums are always kept in f32.
pub(super) fn check(work: &Attention) -> Result<(), PlanError> {
    check_operands(work)?;
    let floats = matches!(work.precision.input, DType::F32 | DType::F16 | DType::Bf16);
    if !floats || work.precision.accumulate != DType::F32 || work.precision.right.is_integer() {
        return Err(PlanError::Unsupported(format!("no kernel for the formats {}", work.precision)));
    }
    Ok(())
}

/// Number of vectors of 4 elements in a 16-byte load from the KV cache; 1 if the rows of K and V are not a
/// whole number of such loads.
pub(super) fn vectors(work: &Attention) -> u64 {
    let wide = 128 / work.precision.right.bits();
    let whole = work.dim.is_multiple_of(wide) && work.value_dim.is_multiple_of(wide);
    if whole { wide / 4 } else { 1 }
}

/// Number of loads, each of [`vectors`] vectors, in a row of K and in a row of V.
pub(super) fn units(work: &Attention) -> (u64, u64) {
    (work.dim / 4 / vectors(work), work.value_dim / 4 / vectors(work))
}

/// Maximum number of keys per loop iteration, a power of two up to `limit`. A page holds whole blocks of
/// that size, so that each iteration looks up one page.
pub(super) fn block(work: &Attention, limit: u64) -> u64 {
    let mut block = limit;
    while work.page.is_some_and(|page| !page.is_multiple_of(block)) {
        block /= 2;
    }
    block
}

/// Division of the keys of a case among workgroups.
pub(super) struct Split {
    /// Index of the first key of the first part; no row sees an earlier key.
    pub first: u64,
    /// Number of parts of the keys.
    pub parts: u64,
    /// Number of packs of query rows per KV head.
    pub packs: u64,
    /// Number of workgroups of the first step.
    pub groups: u64,
}

impl Split {
    /// Computes the split from the knobs `span`, `pack` and `block`.
    pub fn new(work: &Attention, variant: &Variant) -> Self {
        let knob = |name| u64::from(variant.knob(name));
        Split::of(work, knob("span"), knob("pack"), knob("block"))
    }

    /// Computes the split into parts of `span` keys and packs of `pack` rows; parts begin at multiples of `block`.
    pub fn of(work: &Attention, span: u64, pack: u64, block: u64) -> Self {
        let start = work.visible(0).start;
        let first = start - start % block;
        let parts = (work.keys - first).div_ceil(span);
        let packs = head_rows(work).div_ceil(pack);
        Split { first, parts, packs, groups: work.batch * work.kv_heads * packs * parts }
    }
}

/// Template values for `attention/cache.wgsl` and `attention/combine.wgsl`, with the knobs of `variant`.
pub(super) fn cache_values(case: &Case, device: &Capabilities, variant: &Variant, split: &Split) -> Value {
    let work = attention(case);
    let (k_units, v_units) = units(work);
    let vectors = vectors(work);
    let more = json!({
        "dim": work.dim,
        "value_dim": work.value_dim,
        "vectors": vectors,
        "wide": vectors * 4 * work.precision.right.bits() == 128,
        "k_units": k_units,
        "v_units": v_units,
        "first": split.first,
        "parts": split.parts,
        "packs": split.packs,
        "groups": split.groups,
    });
    let mut values = values(case, device, variant, more);
    // Partial results take the binding of the output, which is the last of a case.
    values["sums"] = values["o"]["binding"].clone();
    values
}
