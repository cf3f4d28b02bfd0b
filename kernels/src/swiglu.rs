//! Kernels of the `swiglu` family.

use super::elements::{self, Items};
use super::entry::Kernel;
use super::error::PlanError;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::Variant;
use portamark_model::workload::{Case, Swiglu, Workload};
use serde_json::json;

/// Kernels of the `swiglu` family, in order of preference.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Swiglu::FAMILY,
        name: "vector",
        summary: "four elements at a time",
        variants: |case, device| Ok(if whole(case) { elements::vector_variants(device) } else { Vec::new() }),
        space: |case, device| Ok(if whole(case) { elements::vector_space(device) } else { Vec::new() }),
        plan: swiglu_plan,
    },
    Kernel {
        family: Swiglu::FAMILY,
        name: "reference",
        summary: "one element per invocation, any format and size",
        variants: elements::reference_variants,
        space: elements::reference_variants,
        plan: swiglu_plan,
    },
];

fn swiglu(case: &Case) -> &Swiglu {
    match case {
        Case::Swiglu(swiglu) => swiglu,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// Whether each tensor consists of whole vectors of four elements.
fn whole(case: &Case) -> bool {
    swiglu(case).matrix.elements().is_multiple_of(4)
}

fn swiglu_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = swiglu(case);
    let items = Items { count: work.matrix.elements() / 4, columns: 4 };
    let more = json!({});
    elements::plan(case, device, variant, (source, "swiglu/swiglu.wgsl"), &items, more)
}
