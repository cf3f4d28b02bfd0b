//! The plain kernel of the `gemm` family, which serves every case.

use super::sizes::{gemm, values};
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::operand::is_packed;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Gemm, Tile, Workload};
use serde_json::json;

/// The plain kernel, the last choice within the family.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Gemm::FAMILY,
    name: "reference",
    summary: "one element of C per invocation, any format, layout and size",
    variants: reference_variants,
    space: reference_variants,
    plan: reference_plan,
}];

pub(crate) fn reference_variants(_: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let threads = device.limits.threads(64);
    Ok(vec![Variant::new("reference", Path::Scalar).with("threads", threads)])
}

pub(crate) fn reference_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = gemm(case);
    // If two elements share a word, one invocation writes both.
    let per = if is_packed(&case.output(), device) { 2 } else { 1 };
    let columns = u64::from(variant.knob("threads")) * per;
    let wgsl = source.render("gemm/reference.wgsl", values(case, device, variant, json!({ "per": per })))?;
    let groups = (work.batch * work.m * work.n).div_ceil(columns);
    Ok(Plan::single(case, device, variant, wgsl, groups, Tile { rows: 1, columns }))
}
