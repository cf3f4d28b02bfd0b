//! Tiles in workgroup memory, for GPUs.

use super::sizes::{ends_inside_a_word, gemm, values};
use crate::kernel::capabilities::Capabilities;
use crate::kernel::entry::Kernel;
use crate::kernel::error::PlanError;
use crate::kernel::plan::Plan;
use crate::kernel::source::KernelSource;
use crate::kernel::variant::{Path, Variant};
use crate::workload::{Case, Gemm, Tile, Workload};
use serde_json::json;

/// Preferred first.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Gemm::FAMILY,
    name: "tiled",
    summary: "tiles in workgroup memory, register tiles of whole vec4s",
    variants: tiled_variants,
    space: tiled_variants,
    plan: tiled_plan,
}];

fn tiled_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if ends_inside_a_word(case, device) {
        return Ok(Vec::new());
    }
    let size = gemm(case).precision.accumulate.bytes(1);
    // (bm, bn, bk, tm, tn); a software driver keeps one small shape for comparison.
    let shapes: &[[u32; 5]] = if device.is_software() {
        &[[32, 32, 8, 4, 4]]
    } else {
        &[
            [128, 128, 16, 8, 8],
            [128, 128, 8, 8, 8],
            [64, 128, 16, 8, 8],
            [128, 64, 16, 8, 8],
            [64, 64, 16, 8, 8],
            [64, 64, 16, 4, 4],
            [32, 64, 16, 4, 4],
            [32, 32, 16, 4, 4],
        ]
    };
    let fits = |&&[bm, bn, bk, tm, tn]: &&[u32; 5]| {
        let memory = u64::from(bk * (bm + bn + 8)) * size;
        u64::from((bm / tm) * (bn / tn)) <= device.limits.workgroup_size
            && memory <= device.limits.workgroup_memory
    };
    Ok(shapes
        .iter()
        .filter(fits)
        .map(|&[bm, bn, bk, tm, tn]| {
            Variant::new("tiled", Path::Vector)
                .with("bm", bm)
                .with("bn", bn)
                .with("bk", bk)
                .with("tm", tm)
                .with("tn", tn)
        })
        .collect())
}

fn tiled_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = gemm(case);
    let tile = Tile { rows: variant.knob("bm").into(), columns: variant.knob("bn").into() };
    let (row_tiles, column_tiles) = (work.m.div_ceil(tile.rows), work.n.div_ceil(tile.columns));
    let more = json!({ "row_tiles": row_tiles, "column_tiles": column_tiles });
    let wgsl = source.render("gemm/tiled.wgsl", values(case, device, variant, more))?;
    let groups = work.batch * row_tiles * column_tiles;
    Ok(Plan::single(case, device, variant, wgsl, groups, tile))
}
