//! Kernels of the `attention` family.

use super::capabilities::Capabilities;
use super::entry::Kernel;
use super::error::PlanError;
use super::plan::{Binding, Buffer, Plan, Step, spread};
use super::source::KernelSource;
use super::variant::{Path, Variant};
use crate::workload::{Attention, Case, DType, Tile, Workload};
use serde_json::json;

/// Preferred first. A decode step has a row for each query head and too few of them to fill a
/// device: its kernels split the keys and combine the parts. Other passes split the rows.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Attention::FAMILY,
        name: "lanes",
        summary: "decode: every invocation owns a part of the keys, then the parts are combined",
        variants: lanes_variants,
        plan: split_plan,
    },
    Kernel {
        family: Attention::FAMILY,
        name: "split",
        summary: "decode: every workgroup owns a part of the keys, then the parts are combined",
        variants: split_variants,
        plan: split_plan,
    },
    Kernel {
        family: Attention::FAMILY,
        name: "flash_direct",
        summary: "every invocation owns query rows and all share each load of a key; no barriers",
        variants: direct_variants,
        plan: flash_plan,
    },
    Kernel {
        family: Attention::FAMILY,
        name: "flash",
        summary: "a workgroup owns a tile of query rows and stages keys and values in its memory",
        variants: flash_variants,
        plan: flash_plan,
    },
    Kernel {
        family: Attention::FAMILY,
        name: "reference",
        summary: "one query per invocation, online softmax over the keys",
        variants: reference_variants,
        plan: reference_plan,
    },
];

fn attention(case: &Case) -> &Attention {
    match case {
        Case::Attention(attention) => attention,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// The heads are read as vectors of 4 and unrolled, and accumulated in f32.
fn check(work: &Attention) -> Result<(), PlanError> {
    if !work.dim.is_multiple_of(4) || work.dim > 256 {
        return Err(PlanError::Unsupported(
            "needs a head dimension that is a multiple of 4 up to 256".into(),
        ));
    }
    let formats = (work.precision.input, work.precision.accumulate);
    if !matches!(formats, (DType::F32 | DType::F16, DType::F32)) {
        return Err(PlanError::Unsupported(format!("no kernel for the formats {}", work.precision)));
    }
    Ok(())
}

/// The sizes of `work` as every template knows them, joined with the knobs of `variant`.
fn values(work: &Attention, variant: &Variant) -> serde_json::Value {
    let mut values = json!({
        "queries": work.queries,
        "keys": work.keys,
        "heads": work.heads,
        "kv_heads": work.kv_heads,
        "group": work.group(),
        "rows": rows(work),
        "d4": work.dim / 4,
        "scale": work.softmax_scale() * std::f64::consts::LOG2_E,
        "causal": work.causal,
        "f16": work.precision.input == DType::F16,
    });
    for (knob, value) in &variant.knobs {
        values[knob] = json!(value);
    }
    values
}

/// Rows of the output.
fn rows(work: &Attention) -> u64 {
    work.batch * work.heads * work.queries
}

fn reference_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    check(attention(case))?;
    let threads = if device.is_software() { 8 } else { 64.min(device.limits.workgroup_size as u32) };
    Ok(vec![Variant::new("reference", Path::Vector).with("threads", threads)])
}

fn reference_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = attention(case);
    let threads = u64::from(variant.knob("threads"));
    let wgsl = source.render("attention/reference.wgsl", values(work, variant))?;
    let groups = rows(work).div_ceil(threads);
    Ok(Plan::single(case, device, variant, wgsl, groups, Tile { rows: threads, columns: work.dim }))
}

/// Query rows that share a kv head.
fn head_rows(work: &Attention) -> u64 {
    work.group() * work.queries
}

/// The largest power of two up to `limit` that divides `group`.
fn pack(group: u64, limit: u32) -> u32 {
    let mut pack = limit;
    while !group.is_multiple_of(u64::from(pack)) {
        pack /= 2;
    }
    pack
}

/// Query rows that one invocation of a software driver may own.
///
/// A row keeps its query and its accumulator, one head dimension each, in registers. Such drivers
/// compile with LLVM, whose time explodes with the number of live values: on Mesa 25.0 a row count
/// of 4 takes a fifth of a second at 64 dimensions and more than a minute at 128.
fn most_rows(work: &Attention) -> u32 {
    (256 / work.dim.max(1)).clamp(1, 8) as u32
}

fn lanes_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    check(work)?;
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
    check(work)?;
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

fn direct_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    check(work)?;
    if work.is_decode() || !device.is_software() {
        return Ok(Vec::new());
    }
    let threads = device.fixed_subgroup().unwrap_or(8);
    let choices = [(4, 2), (4, 1), (2, 2), (2, 1), (1, 2)];
    Ok(choices
        .iter()
        .filter(|(per, _)| *per <= most_rows(work))
        .take(3)
        .map(|&(per, block)| {
            Variant::new("flash_direct", Path::Vector)
                .with("threads", threads)
                .with("per", per)
                .with("block", block)
        })
        .collect())
}

/// Bytes of workgroup memory of `flash`.
fn flash_memory(work: &Attention, tile: u64) -> u64 {
    let row = (work.dim + 4) * work.precision.input.bytes(1);
    (tile + 32) * row + tile * (9 * 16 + 8 * 4)
}

fn flash_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    check(work)?;
    if work.is_decode() || !work.dim.is_multiple_of(32) {
        return Ok(Vec::new());
    }
    let tiles: &[u32] = if device.is_software() { &[32, 16] } else { &[64, 32, 128, 16] };
    let mut variants: Vec<Variant> = tiles
        .iter()
        .filter(|&&tile| {
            u64::from(2 * tile) <= device.limits.workgroup_size
                && flash_memory(work, u64::from(tile)) <= device.limits.workgroup_memory
        })
        .map(|&tile| Variant::new("flash", Path::Vector).with("threads", 2 * tile).with("tile", tile))
        .collect();
    if device.is_software() {
        variants.truncate(1);
    }
    Ok(variants)
}

/// Plan of `flash_direct` and of `flash`: each workgroup takes rows of one kv head.
fn flash_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = attention(case);
    let direct = variant.kernel == "flash_direct";
    let tile = if direct { variant.knob("threads") * variant.knob("per") } else { variant.knob("tile") };
    let tiles = head_rows(work).div_ceil(u64::from(tile));
    let groups = work.batch * work.kv_heads * tiles;
    let mut values = values(work, variant);
    values["head_rows"] = json!(head_rows(work));
    values["tiles"] = json!(tiles);
    values["groups"] = json!(groups);
    let template = if direct { "attention/direct.wgsl" } else { "attention/flash.wgsl" };
    let wgsl = source.render(template, values)?;
    let tile = Tile { rows: u64::from(tile), columns: work.dim };
    Ok(Plan::single(case, device, variant, wgsl, groups, tile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_divide_the_group() {
        assert_eq!([1, 3, 4, 6, 8].map(|group| pack(group, 4)), [1, 1, 4, 2, 4]);
    }
}
