//! Sizes and template values that all kernels of the `attention` family use.

use crate::error::PlanError;
use crate::operand::template_values;
use portamark_model::device::Capabilities;
use portamark_model::variant::Variant;
use portamark_model::workload::{Attention, Case};
use serde_json::{Value, json};

pub(super) fn attention(case: &Case) -> &Attention {
    match case {
        Case::Attention(attention) => attention,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// Fails unless the templates that read through `format.wgsl` can serve `work`: they read heads as vectors
/// of 4, and weights are fractions, which integers cannot hold.
pub(super) fn check_operands(work: &Attention) -> Result<(), PlanError> {
    if !work.dim.is_multiple_of(4) || !work.value_dim.is_multiple_of(4) {
        return Err(PlanError::Unsupported("needs head dimensions that are multiples of 4".into()));
    }
    if work.precision.accumulate.is_integer() {
        return Err(PlanError::Unsupported("integers cannot hold the weights of a softmax".into()));
    }
    Ok(())
}

/// Values that every template gets: sizes, operands, the knobs of `variant`, and `more`. A latent case has
/// no `v` of its own, since it reads values from `k`.
pub(super) fn values(case: &Case, device: &Capabilities, variant: &Variant, more: Value) -> Value {
    let work = attention(case);
    let mut sizes = json!({
        "queries": work.queries,
        "keys": work.keys,
        "heads": work.heads,
        "kv_heads": work.kv_heads,
        "group": work.group(),
        "rows": rows(work),
        "head_rows": head_rows(work),
        "d4": work.dim / 4,
        "value_d4": work.value_dim / 4,
        "window": work.window,
        "page": work.page,
        "pages_each": work.page.map(|page| work.keys.div_ceil(page)),
        "latent": work.latent,
        "scale": work.softmax_scale() * std::f64::consts::LOG2_E,
        "causal": work.causal,
    });
    if work.latent {
        sizes["v"] = Value::Null;
    }
    if let (Value::Object(sizes), Value::Object(more)) = (&mut sizes, more) {
        sizes.extend(more);
    }
    template_values(case, device, variant, sizes)
}

/// Number of query rows that share a KV head.
pub(super) fn head_rows(work: &Attention) -> u64 {
    work.group() * work.queries
}

/// Number of rows of the output.
pub(super) fn rows(work: &Attention) -> u64 {
    work.batch * work.heads * work.queries
}
