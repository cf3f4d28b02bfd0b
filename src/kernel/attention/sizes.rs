//! What all kernels of the `attention` family need to know of a case.

use crate::kernel::capabilities::Capabilities;
use crate::kernel::error::PlanError;
use crate::kernel::operand::{needs_f16, operands};
use crate::kernel::variant::Variant;
use crate::workload::{Attention, Case, DType};
use serde_json::{Value, json};

pub(super) fn attention(case: &Case) -> &Attention {
    match case {
        Case::Attention(attention) => attention,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// What the templates that read through `format.wgsl` ask of a case: heads are read as vectors of 4,
/// and weights are fractions, which integers cannot hold.
pub(super) fn check_operands(work: &Attention) -> Result<(), PlanError> {
    if !work.dim.is_multiple_of(4) || !work.value_dim.is_multiple_of(4) {
        return Err(PlanError::Unsupported("needs head dimensions that are multiples of 4".into()));
    }
    if work.precision.accumulate.is_integer() {
        return Err(PlanError::Unsupported("integers cannot hold the weights of a softmax".into()));
    }
    Ok(())
}

/// The sizes of `case` with its operands, as `format.wgsl` wants them, and the knobs of `variant`. A
/// latent case has no `v`: it is `k`.
pub(super) fn operand_values(case: &Case, device: &Capabilities, variant: &Variant) -> Value {
    let mut values = values(attention(case), variant);
    let Value::Object(map) = &mut values else { unreachable!("made as an object") };
    map.insert("v".into(), Value::Null);
    map.insert("pages".into(), Value::Null);
    map.extend(operands(case, device));
    map.insert("f16".into(), json!(needs_f16(case, device)));
    map.insert("stored".into(), json!(false));
    values
}

/// The sizes of `work` as every template knows them, joined with the knobs of `variant`.
pub(super) fn values(work: &Attention, variant: &Variant) -> Value {
    let mut values = json!({
        "queries": work.queries,
        "keys": work.keys,
        "heads": work.heads,
        "kv_heads": work.kv_heads,
        "group": work.group(),
        "rows": rows(work),
        "d4": work.dim / 4,
        "value_d4": work.value_dim / 4,
        "window": work.window,
        "page": work.page,
        "pages_each": work.page.map(|page| work.keys.div_ceil(page)),
        "latent": work.latent,
        "scale": work.softmax_scale() * std::f64::consts::LOG2_E,
        "causal": work.causal,
        "f16": work.precision.input == DType::F16,
        "stored": true,
    });
    for (knob, value) in &variant.knobs {
        values[knob] = json!(value);
    }
    values
}

/// Rows of the output.
pub(super) fn rows(work: &Attention) -> u64 {
    work.batch * work.heads * work.queries
}
