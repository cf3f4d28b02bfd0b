//! Kernels of the `attention` family.

use super::capabilities::{Capabilities, Feature};
use super::plan::{Binding, Buffer, Plan, Step, spread};
use super::registry::{Kernel, PlanError};
use super::source::KernelSource;
use super::variant::{Path, Variant};
use crate::workload::{Attention, Case, DType, Tile, Workload};
use serde_json::json;

/// Preferred first.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Attention::FAMILY,
    name: "reference",
    summary: "one query per invocation, online softmax over the keys",
    variants: reference_variants,
    plan: reference_plan,
}];

fn attention(case: &Case) -> &Attention {
    match case {
        Case::Attention(attention) => attention,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// The heads are read as vectors of 4 and unrolled, and accumulated in f32.
fn check(work: &Attention) -> Result<(), PlanError> {
    if !work.dim.is_multiple_of(4) || work.dim > 256 {
        return Err(PlanError::Unsupported(
            "needs a head dimension that is a multiple of 4 up to 256".into(),
        ));
    }
    let formats = (work.precision.input, work.precision.accumulate);
    if !matches!(formats, (DType::F32 | DType::F16, DType::F32)) {
        return Err(PlanError::Unsupported(format!("no kernel for the formats {}", work.precision)));
    }
    Ok(())
}

/// The sizes of `work` as every template knows them, joined with the knobs of `variant`.
fn values(work: &Attention, variant: &Variant) -> serde_json::Value {
    let mut values = json!({
        "queries": work.queries,
        "keys": work.keys,
        "heads": work.heads,
        "kv_heads": work.kv_heads,
        "group": work.group(),
        "rows": rows(work),
        "d4": work.dim / 4,
        "scale": work.softmax_scale() * std::f64::consts::LOG2_E,
        "causal": work.causal,
        "f16": work.precision.input == DType::F16,
    });
    for (knob, value) in &variant.knobs {
        values[knob] = json!(value);
    }
    values
}

/// Rows of the output.
fn rows(work: &Attention) -> u64 {
    work.batch * work.heads * work.queries
}

/// Q, K and V read, O written.
fn bindings() -> Vec<Binding> {
    (0..4).map(|buffer| Binding { buffer, writes: buffer == 3 }).collect()
}

fn reference_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    check(attention(case))?;
    let threads = if device.is_software() { 8 } else { 64.min(device.limits.workgroup_size as u32) };
    Ok(vec![Variant::new("reference", Path::Vector).with("threads", threads)])
}

fn reference_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = attention(case);
    let threads = u64::from(variant.knob("threads"));
    Ok(Plan {
        buffers: case.tensors().iter().map(Buffer::of).collect(),
        steps: vec![Step {
            wgsl: source.render("attention/reference.wgsl", values(work, variant))?,
            bindings: bindings(),
            workgroups: spread(rows(work).div_ceil(threads), device.limits.dispatch),
        }],
        features: features(work),
        variant: variant.clone(),
        tile: Tile { rows: threads, columns: work.dim },
    })
}

/// What every kernel of this case needs.
fn features(work: &Attention) -> Vec<Feature> {
    if work.precision.input == DType::F16 { vec![Feature::ShaderF16] } else { Vec::new() }
}
