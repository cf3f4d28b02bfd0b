//! Kernels of the `softmax` family.

use super::capabilities::Capabilities;
use super::elements;
use super::entry::Kernel;
use super::error::PlanError;
use super::plan::Plan;
use super::rows::{reference_row_plan, row_plan, row_space, row_variants};
use super::source::KernelSource;
use super::variant::Variant;
use crate::workload::{Case, Softmax, Workload};
use serde_json::{Value, json};

/// Preferred first.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Softmax::FAMILY,
        name: "rows",
        summary: "one workgroup a row, in registers where it fits",
        variants: |case, device| row_variants(softmax(case).columns, device),
        space: |case, device| row_space(softmax(case).columns, device),
        plan: rows_plan,
    },
    Kernel {
        family: Softmax::FAMILY,
        name: "reference",
        summary: "one row per invocation, any format and size",
        variants: elements::reference_variants,
        space: elements::reference_variants,
        plan: reference_plan,
    },
];

fn softmax(case: &Case) -> &Softmax {
    match case {
        Case::Softmax(softmax) => softmax,
        _ => unreachable!("kernels are chosen by family"),
    }
}

fn more(work: &Softmax) -> Value {
    json!({ "columns": work.columns })
}

fn rows_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = softmax(case);
    let shape = (work.rows, work.columns);
    row_plan(case, device, variant, (source, "softmax/rows.wgsl"), shape, more(work))
}

fn reference_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = softmax(case);
    let shape = (work.rows, work.columns);
    reference_row_plan(case, device, variant, (source, "softmax/reference.wgsl"), shape, more(work))
}
