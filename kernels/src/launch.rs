//! Kernels of the `launch` family.

use super::entry::Kernel;
use super::error::PlanError;
use super::plan::{Binding, Buffer, Plan, Step};
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Launch, Tile, Workload};
use serde_json::json;

/// The one way to launch.
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
    let (x, y) =
        (Binding { buffer: 0, writes: false, range: None }, Binding { buffer: 1, writes: true, range: None });
    let first = Step { wgsl: text(true)?, bindings: vec![x, y], workgroups: [1, 1, 1] };
    let other = Step { wgsl: text(false)?, bindings: vec![y], workgroups: [1, 1, 1] };
    let mut steps = vec![other; work.dispatches as usize];
    steps[0] = first;
    let buffers = Buffer::all(case);
    Ok(Plan { features: Plan::features(&steps), steps, buffers, variant: variant.clone(), tile: Tile::ONE })
}
