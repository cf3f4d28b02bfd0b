//! Kernels of a decode step: few query rows, keys split into parts, and a step that combines the parts.

use super::cache::{Split, cache_values};
use super::sizes::{attention, rows};
use super::{lanes, split};
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Binding, Buffer, Content, Plan, Step, spread};
use portamark_model::variant::Variant;
use portamark_model::workload::{Attention, Case, Tile, Workload};
use serde_json::{Value, json};

/// Kernels of a decode step, in order of preference. A decode step has one row per query head, too few to
/// fill a device, so its kernels split the keys and combine the parts.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Attention::FAMILY,
        name: "lanes",
        summary: "decode: a subgroup owns a part of the keys, then the parts are combined",
        variants: lanes::variants,
        space: lanes::space,
        plan: lanes_plan,
    },
    Kernel {
        family: Attention::FAMILY,
        name: "split",
        summary: "decode: a workgroup owns a part of the keys, then the parts are combined",
        variants: split::variants,
        space: split::space,
        plan: split_plan,
    },
];

fn lanes_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    plan(case, device, variant, source, "attention/lanes.wgsl")
}

fn split_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    plan(case, device, variant, source, "attention/split.wgsl")
}

fn plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
    template: &str,
) -> Result<Plan, PlanError> {
    let split = Split::new(attention(case), variant);
    let mut values = cache_values(case, device, variant, &split);
    // Strides of the steps in which invocations add up their sums.
    let masks = |lanes: u32| -> Vec<u32> { (0..lanes.ilog2()).rev().map(|bit| 1 << bit).collect() };
    values["masks"] = json!(masks(variant.knob("threads")));
    values["lane_masks"] = json!(masks(variant.knobs.get("lanes").copied().unwrap_or(1)));
    in_parts(case, device, variant, source, &split, template, values)
}

/// Plan with one step for partial results over parts of the keys and one that combines them; if there is only
/// one part, it has a single step. `values` are those of `template`, with `value_dim` and `parts` for the second step.
pub(super) fn in_parts(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
    split: &Split,
    template: &str,
    mut values: Value,
) -> Result<Plan, PlanError> {
    let work = attention(case);
    let mut buffers = Buffer::all(case);
    let output = buffers.len() - 1;
    let bind = |buffers: &[usize], writes: &[usize]| -> Vec<Binding> {
        buffers
            .iter()
            .map(
                |&buffer| {
                    if writes.contains(&buffer) { Binding::write(buffer) } else { Binding::read(buffer) }
                },
            )
            .collect()
    };
    let inputs: Vec<usize> = (0..output).collect();
    let results = if split.parts > 1 { vec![output + 1, output + 2] } else { vec![output] };
    let mut steps = vec![Step::new(
        source.render(template, &values)?,
        bind(&[inputs, results.clone()].concat(), &results),
        spread(split.groups, device.limits.dispatch),
    )];
    if split.parts > 1 {
        // One workgroup combines one row; more invocations than this would find no vector of it to process.
        let most = if device.is_software() { variant.knob("threads") } else { device.limits.threads(64) };
        values["threads"] = json!(most);
        values["o"]["binding"] = json!(2);
        steps.push(Step::new(
            source.render("attention/combine.wgsl", &values)?,
            bind(&[output + 1, output + 2, output], &[output]),
            spread(rows(work), device.limits.dispatch),
        ));
        buffers.push(Buffer::scratch("sums", rows(work) * split.parts * work.value_dim));
        buffers.push(Buffer::scratch("states", rows(work) * split.parts * 2));
    }
    debug_assert!(buffers[output].content == Content::Output);
    Ok(Plan::new(buffers, steps, variant, Tile { rows: 1, columns: work.value_dim }))
}
