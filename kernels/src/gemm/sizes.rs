//! Sizes and template values that all kernels of matrix products use, including those of `gemv`.

use crate::operand::{is_packed, template_values};
use portamark_model::device::Capabilities;
use portamark_model::variant::Variant;
use portamark_model::workload::{Case, Gemm};
use serde_json::{Value, json};

pub(crate) fn gemm(case: &Case) -> &Gemm {
    match case {
        Case::Gemm(gemm) => gemm,
        Case::Gemv(gemv) => &gemv.product,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// Length of a contiguous run in A and in B, in elements.
pub(super) fn runs(work: &Gemm) -> (u64, u64) {
    let a = if work.layout.a_transposed() { work.m } else { work.k };
    let b = if work.layout.b_transposed() { work.k } else { work.n };
    (a, b)
}

/// Values that every template gets: sizes, operands, the knobs of `variant`, and `more`.
pub(crate) fn values(case: &Case, device: &Capabilities, variant: &Variant, more: Value) -> Value {
    let work = gemm(case);
    let (a_run, b_run) = runs(work);
    let mut sizes = json!({
        "m": work.m,
        "n": work.n,
        "k": work.k,
        "batch": work.batch,
        "a_transposed": work.layout.a_transposed(),
        "b_transposed": work.layout.b_transposed(),
        "a_vector": a_run.is_multiple_of(4),
        "b_vector": b_run.is_multiple_of(4),
        "c_vector": work.n.is_multiple_of(4),
        "a_len": work.m * work.k,
        "b_len": work.k * work.n,
    });
    if let (Value::Object(sizes), Value::Object(more)) = (&mut sizes, more) {
        sizes.extend(more);
    }
    template_values(case, device, variant, sizes)
}

/// Whether C is packed and its rows are not whole vec4s, which only the reference kernel can write.
pub(super) fn ends_inside_a_word(case: &Case, device: &Capabilities) -> bool {
    is_packed(&case.output(), device) && !gemm(case).n.is_multiple_of(4)
}
