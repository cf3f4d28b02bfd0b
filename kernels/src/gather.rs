//! Kernels of the `gather` family.

use super::elements::{self, Items};
use super::entry::Kernel;
use super::error::PlanError;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::Variant;
use portamark_model::workload::{Case, Gather, Workload};
use serde_json::json;

/// Kernels of the `gather` family, in order of preference.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Gather::FAMILY,
        name: "vector",
        summary: "four elements at a time",
        variants: |case, device| Ok(if whole(case) { elements::vector_variants(device) } else { Vec::new() }),
        space: |case, device| Ok(if whole(case) { elements::vector_space(device) } else { Vec::new() }),
        plan: gather_plan,
    },
    Kernel {
        family: Gather::FAMILY,
        name: "reference",
        summary: "one element per invocation, any format and size",
        variants: elements::reference_variants,
        space: elements::reference_variants,
        plan: gather_plan,
    },
];

fn gather(case: &Case) -> &Gather {
    match case {
        Case::Gather(gather) => gather,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// Whether a row consists of whole vectors of four elements.
fn whole(case: &Case) -> bool {
    gather(case).columns.is_multiple_of(4)
}

fn gather_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = gather(case);
    let items = Items { count: work.rows * work.columns / 4, columns: 4 };
    let more = json!({ "columns": work.columns });
    elements::plan(case, device, variant, (source, "gather/gather.wgsl"), &items, more)
}
