//! Kernels of the `rmsnorm` family.

use super::capabilities::Capabilities;
use super::elements;
use super::entry::Kernel;
use super::error::PlanError;
use super::plan::Plan;
use super::rows::{reference_row_plan, row_plan, row_space, row_variants};
use super::source::KernelSource;
use super::variant::Variant;
use crate::workload::{Case, RMSNORM_EPSILON, RmsNorm, Workload};
use serde_json::{Value, json};

/// Preferred first.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: RmsNorm::FAMILY,
        name: "rows",
        summary: "one workgroup a row, in registers where it fits",
        variants: |case, device| row_variants(rmsnorm(case).columns, device),
        space: |case, device| row_space(rmsnorm(case).columns, device),
        plan: rows_plan,
    },
    Kernel {
        family: RmsNorm::FAMILY,
        name: "reference",
        summary: "one row per invocation, any format and size",
        variants: elements::reference_variants,
        space: elements::reference_variants,
        plan: reference_plan,
    },
];

fn rmsnorm(case: &Case) -> &RmsNorm {
    match case {
        Case::RmsNorm(rmsnorm) => rmsnorm,
        _ => unreachable!("kernels are chosen by family"),
    }
}

fn more(work: &RmsNorm) -> Value {
    json!({ "columns": work.columns, "epsilon": RMSNORM_EPSILON })
}

fn rows_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = rmsnorm(case);
    let shape = (work.rows, work.columns);
    row_plan(case, device, variant, (source, "rmsnorm/rows.wgsl"), shape, more(work))
}

fn reference_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = rmsnorm(case);
    let shape = (work.rows, work.columns);
    reference_row_plan(case, device, variant, (source, "rmsnorm/reference.wgsl"), shape, more(work))
}
