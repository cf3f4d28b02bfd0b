//! Kernels of a decode step: few query rows, split keys, and the combination of the parts.

use super::sizes::{attention, check, most_rows, rows, values};
use crate::kernel::capabilities::Capabilities;
use crate::kernel::entry::Kernel;
use crate::kernel::error::PlanError;
use crate::kernel::plan::{Binding, Buffer, Plan, Step, spread};
use crate::kernel::source::KernelSource;
use crate::kernel::variant::{Path, Variant};
use crate::workload::{Attention, Case, Tile, Workload};
use serde_json::json;

/// Preferred first. A decode step has a row for each query head and too few of them to fill a
/// device: its kernels split the keys and combine the parts.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Attention::FAMILY,
        name: "lanes",
        summary: "decode: every invocation owns a part of the keys, then the parts are combined",
        variants: lanes_variants,
        space: lanes_variants,
        plan: split_plan,
    },
    Kernel {
        family: Attention::FAMILY,
        name: "split",
        summary: "decode: every workgroup owns a part of the keys, then the parts are combined",
        variants: split_variants,
        space: split_variants,
        plan: split_plan,
    },
];

/// The largest power of two up to `limit` that divides `group`.
fn pack(group: u64, limit: u32) -> u32 {
    let mut pack = limit;
    while !group.is_multiple_of(u64::from(pack)) {
        pack /= 2;
    }
    pack
}

fn lanes_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    check(case, device)?;
    if !work.is_decode() || !device.is_software() {
        return Ok(Vec::new());
    }
    let threads = device.fixed_subgroup().unwrap_or(8);
    let most = most_rows(work).min(4);
    let mut variants = Vec::new();
    for (span, limit, block) in [(64, most, 1), (128, most, 1), (128, 1, 1)] {
        let pack = pack(work.group(), limit);
        let variant = Variant::new("lanes", Path::Vector)
            .with("threads", threads)
            .with("span", span)
            .with("pack", pack)
            .with("block", block);
        if !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    Ok(variants)
}

/// Bytes of workgroup memory of `split`.
fn split_memory(work: &Attention, threads: u32, span: u32, pack: u32) -> u64 {
    let (threads, span, pack) = (u64::from(threads), u64::from(span), u64::from(pack));
    pack * span * 36 + pack * 32 + threads / 8 * work.dim * 4
}

fn split_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    check(case, device)?;
    if !work.is_decode() || !work.dim.is_multiple_of(32) {
        return Ok(Vec::new());
    }
    let choices: &[(u32, u32, u32)] = if device.is_software() {
        &[(64, 128, 2)]
    } else {
        &[(128, 128, 4), (128, 64, 8), (128, 256, 4), (64, 64, 4), (256, 256, 2), (64, 64, 1)]
    };
    let mut variants = Vec::new();
    for &(threads, span, limit) in choices {
        let pack = pack(work.group(), limit);
        let variant = Variant::new("split", Path::Vector)
            .with("threads", threads)
            .with("span", span)
            .with("pack", pack);
        let fits = u64::from(threads) <= device.limits.workgroup_size
            && split_memory(work, threads, span, pack) <= device.limits.workgroup_memory;
        if fits && !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    Ok(variants)
}

/// Plan of `lanes` and of `split`: partial results over parts of the keys, then their combination.
fn split_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = attention(case);
    let (threads, span) = (u64::from(variant.knob("threads")), u64::from(variant.knob("span")));
    let packs = work.group() / u64::from(variant.knob("pack"));
    let heads = work.batch * work.kv_heads;
    let lanes = variant.kernel == "lanes";
    // A workgroup makes one part, or one for each invocation.
    let parts_each = if lanes { threads } else { 1 };
    let blocks = work.keys.div_ceil(span * parts_each);
    let parts = blocks * parts_each;
    let groups = heads * packs * blocks;
    let mut values = values(work, variant);
    values["parts"] = json!(parts);
    values["packs"] = json!(packs);
    values["groups"] = json!(groups);
    let template = if lanes { "attention/lanes.wgsl" } else { "attention/split.wgsl" };
    let first = Step {
        wgsl: source.render(template, &values)?,
        bindings: [0, 1, 2, 4, 5].iter().map(|&buffer| Binding { buffer, writes: buffer >= 4 }).collect(),
        workgroups: spread(groups, device.limits.dispatch),
    };
    values["threads"] = json!(if lanes { threads } else { (work.dim / 4).clamp(32, 64) });
    let second = Step {
        wgsl: source.render("attention/combine.wgsl", &values)?,
        bindings: [4, 5, 3].iter().map(|&buffer| Binding { buffer, writes: buffer == 3 }).collect(),
        workgroups: spread(rows(work), device.limits.dispatch),
    };
    let mut buffers = Buffer::all(case);
    buffers.push(Buffer::scratch("sums", rows(work) * parts * work.dim));
    buffers.push(Buffer::scratch("states", rows(work) * parts * 2));
    let steps = vec![first, second];
    Ok(Plan {
        buffers,
        features: Plan::features(&steps),
        steps,
        variant: variant.clone(),
        tile: Tile { rows: 1, columns: work.dim },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_divide_the_group() {
        assert_eq!([1, 3, 4, 6, 8].map(|group| pack(group, 4)), [1, 1, 4, 2, 4]);
    }
}
