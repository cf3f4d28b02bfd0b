//! Kernels of the `launch` family.

use super::entry::Kernel;
use super::error::PlanError;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Binding, Buffer, Plan, Step};
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Launch, Tile, Workload};
use serde_json::json;

/// The only kernel of the `launch` family.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Launch::FAMILY,
    name: "chain",
    summary: "one invocation a dispatch, each adding 1 to what the last one wrote",
    variants: |_, _| Ok(vec![Variant::new("chain", Path::Scalar)]),
    space: |_, _| Ok(vec![Variant::new("chain", Path::Scalar)]),
    plan: chain_plan,
}];

fn chain_plan(
    case: &Case,
    _: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let Case::Launch(work) = case else { unreachable!("kernels are chosen by family") };
    let text = |first: bool| source.render("launch/launch.wgsl", json!({ "first": first }));
    let (x, y) = (Binding::read(0), Binding::write(1));
    let first = Step::new(text(true)?, vec![x, y], [1, 1, 1]);
    let other = Step::new(text(false)?, vec![y], [1, 1, 1]);
    let mut steps = vec![other; work.dispatches as usize];
    steps[0] = first;
    Ok(Plan::new(Buffer::all(case), steps, variant, Tile::ONE))
}
