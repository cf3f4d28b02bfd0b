//! Kernels of the `rope` family.

use super::elements::{self, Items};
use super::entry::Kernel;
use super::error::PlanError;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::Variant;
use portamark_model::workload::{Case, Rope, Workload};
use serde_json::json;

/// Kernels of the `rope` family, in order of preference.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Rope::FAMILY,
        name: "vector",
        summary: "four pairs at a time",
        variants: |case, device| Ok(if whole(case) { elements::vector_variants(device) } else { Vec::new() }),
        space: |case, device| Ok(if whole(case) { elements::vector_space(device) } else { Vec::new() }),
        plan: rope_plan,
    },
    Kernel {
        family: Rope::FAMILY,
        name: "reference",
        summary: "one element per invocation, any format and size",
        variants: elements::reference_variants,
        space: elements::reference_variants,
        plan: rope_plan,
    },
];

fn rope(case: &Case) -> &Rope {
    match case {
        Case::Rope(rope) => rope,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// Whether half a head consists of whole vectors of four elements.
fn whole(case: &Case) -> bool {
    rope(case).dim.is_multiple_of(8)
}

fn rope_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = rope(case);
    let items = Items { count: work.tokens * work.heads * work.dim / 8, columns: 4 };
    let more = json!({ "heads": work.heads, "dim": work.dim });
    elements::plan(case, device, variant, (source, "rope/rope.wgsl"), &items, more)
}
