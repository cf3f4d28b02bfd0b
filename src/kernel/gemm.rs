//! Kernels of the `gemm` family.

use super::capabilities::{Capabilities, Feature};
use super::plan::{Binding, Buffer, Plan, Step, spread};
use super::registry::{Kernel, PlanError};
use super::source::KernelSource;
use super::variant::{Path, Variant};
use crate::workload::{Case, DType, Gemm, Role, Tile, Workload};
use serde_json::{Value, json};

/// Preferred first.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Gemm::FAMILY,
    name: "reference",
    summary: "one element of C per invocation, any format, layout and size",
    variants: reference_variants,
    plan: reference_plan,
}];

fn gemm(case: &Case) -> &Gemm {
    match case {
        Case::Gemm(gemm) => gemm,
        _ => unreachable!("kernels are chosen by family"),
    }
}

fn is_half(work: &Gemm) -> bool {
    work.precision.input == DType::F16 || work.precision.accumulate == DType::F16
}

/// What every template needs, with `more` on top.
fn values(work: &Gemm, more: Value) -> Value {
    let mut values = json!({
        "m": work.m,
        "n": work.n,
        "k": work.k,
        "element": work.precision.input.name(),
        "accumulate": work.precision.accumulate.name(),
        "half": is_half(work),
        "a_transposed": work.layout.a_transposed(),
        "b_transposed": work.layout.b_transposed(),
    });
    if let (Value::Object(values), Value::Object(more)) = (&mut values, more) {
        values.extend(more);
    }
    values
}

/// The plan of one dispatch with A, B and C bound in this order.
fn one_step(case: &Case, variant: &Variant, wgsl: String, workgroups: [u32; 3], tile: Tile) -> Plan {
    let tensors = case.tensors();
    Plan {
        buffers: tensors.iter().map(Buffer::of).collect(),
        steps: vec![Step {
            wgsl,
            bindings: (0..tensors.len())
                .map(|buffer| Binding { buffer, writes: tensors[buffer].role == Role::Output })
                .collect(),
            workgroups,
        }],
        features: if is_half(gemm(case)) { vec![Feature::ShaderF16] } else { Vec::new() },
        variant: variant.clone(),
        tile,
    }
}

fn reference_variants(_: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let threads = 64.min(device.limits.workgroup_size as u32);
    Ok(vec![Variant::new("reference", Path::Scalar).with("threads", threads)])
}

fn reference_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = gemm(case);
    let threads = variant.knob("threads");
    let wgsl = source.render("gemm/reference.wgsl", values(work, json!({ "threads": threads })))?;
    let workgroups = spread((work.m * work.n).div_ceil(u64::from(threads)), device.limits.dispatch);
    Ok(one_step(case, variant, wgsl, workgroups, Tile { rows: 1, columns: u64::from(threads) }))
}
