//! The plain kernel of the `attention` family, for cases that no faster kernel serves.

use super::sizes::{attention, check_operands, rows, values};
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Attention, Case, Tile, Workload};
use serde_json::json;

/// The plain kernel, the last choice within the family.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Attention::FAMILY,
    name: "reference",
    summary: "four elements of the output per invocation; any formats, dimensions, window, pages, latent",
    variants: reference_variants,
    space: reference_variants,
    plan: reference_plan,
}];

fn reference_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    check_operands(attention(case))?;
    let threads = if device.is_software() { 8 } else { device.limits.threads(64) };
    Ok(vec![Variant::new("reference", Path::Vector).with("threads", threads)])
}

fn reference_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = attention(case);
    let d4 = work.dim / 4;
    let run = (1..=d4.min(36)).rev().find(|run| d4.is_multiple_of(*run));
    let more = json!({ "run": run });
    let wgsl = source.render("attention/reference.wgsl", values(case, device, variant, more))?;
    let threads = u64::from(variant.knob("threads"));
    let groups = (rows(work) * work.value_dim / 4).div_ceil(threads);
    Ok(Plan::single(case, device, variant, wgsl, groups, Tile { rows: 1, columns: 4 * threads }))
}
