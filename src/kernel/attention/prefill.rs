//! Kernels of passes with many query rows.

use super::sizes::{attention, check, most_rows, values};
use crate::kernel::capabilities::Capabilities;
use crate::kernel::entry::Kernel;
use crate::kernel::error::PlanError;
use crate::kernel::plan::Plan;
use crate::kernel::source::KernelSource;
use crate::kernel::variant::{Path, Variant};
use crate::workload::{Attention, Case, Tile, Workload};
use serde_json::json;

/// Preferred first; all split the query rows.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Attention::FAMILY,
        name: "flash_direct",
        summary: "every invocation owns query rows and all share each load of a key; no barriers",
        variants: direct_variants,
        space: direct_variants,
        plan: flash_plan,
    },
    Kernel {
        family: Attention::FAMILY,
        name: "flash",
        summary: "a workgroup owns a tile of query rows and stages keys and values in its memory",
        variants: flash_variants,
        space: flash_variants,
        plan: flash_plan,
    },
];

/// Query rows that share a kv head.
fn head_rows(work: &Attention) -> u64 {
    work.group() * work.queries
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
