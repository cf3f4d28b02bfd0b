//! Products of 8-bit integers by packed dot products, if both operands are contiguous along K.

use super::sizes::{gemm, values};
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, DType, Gemm, Layout, Tile, Workload};
use serde_json::json;

/// The kernel for GPUs, most of which have an instruction for packed dot products.
pub const TILED: &[Kernel] = &[Kernel {
    family: Gemm::FAMILY,
    name: "dot4-tiled",
    summary: "packed dot products of i8 from tiles in workgroup memory",
    variants: tiled_variants,
    space: tiled_variants,
    plan: dot4_plan,
}];

/// The kernel for software drivers; it comes after `direct`, because lavapipe splits the words into bytes.
pub const DIRECT: &[Kernel] = &[Kernel {
    family: Gemm::FAMILY,
    name: "dot4-direct",
    summary: "packed dot products of i8 in registers, for software drivers",
    variants: direct_variants,
    space: direct_variants,
    plan: dot4_plan,
}];

/// Words per load; `None` unless A is i8, the layout is nt and rows are whole words of four elements.
fn words(case: &Case) -> Option<u32> {
    let work = gemm(case);
    let packed = work.precision.input == DType::I8 && work.layout == Layout::NT && work.k.is_multiple_of(4);
    packed.then_some(if work.k.is_multiple_of(16) { 4 } else { 1 })
}

fn direct_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let Some(words) = words(case).filter(|_| device.is_software()) else { return Ok(Vec::new()) };
    let subgroup = device.fixed_subgroup();
    let threads = subgroup.unwrap_or(8);
    let mut variants = Vec::new();
    // (rows per lane, columns per workgroup)
    for (rows, cols) in [(4, 8), (2, 16), (8, 8)] {
        for broadcast in [1, 0] {
            if broadcast == 1 && (subgroup.is_none() || cols % threads != 0) {
                continue;
            }
            variants.push(
                Variant::new("dot4-direct", Path::Dot4)
                    .with("threads", threads)
                    .with("rows", rows)
                    .with("cols", cols)
                    .with("words", words)
                    .with("broadcast", broadcast),
            );
        }
    }
    Ok(variants)
}

fn tiled_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let Some(words) = words(case).filter(|_| !device.is_software()) else { return Ok(Vec::new()) };
    // (bm, bn, bk in words, tm, tn)
    let shapes: [[u32; 5]; 5] =
        [[128, 128, 8, 8, 8], [128, 64, 8, 8, 8], [64, 64, 8, 8, 4], [64, 64, 8, 4, 4], [32, 32, 8, 4, 4]];
    let fits = |&[bm, bn, bk, tm, tn]: &[u32; 5]| {
        u64::from((bm / tm) * (bn / tn)) <= device.limits.workgroup_size
            && u64::from(4 * bk * (bm + bn + 8)) <= device.limits.workgroup_memory
    };
    let variant = |[bm, bn, bk, tm, tn]: [u32; 5]| {
        Variant::new("dot4-tiled", Path::Dot4)
            .with("bm", bm)
            .with("bn", bn)
            .with("bk", bk)
            .with("tm", tm)
            .with("tn", tn)
            .with("words", words)
    };
    Ok(shapes.into_iter().filter(fits).map(variant).collect())
}

fn dot4_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = gemm(case);
    let knob = |name| u64::from(variant.knob(name));
    let (template, tile) = if variant.kernel == "dot4-tiled" {
        ("gemm/dot4_tiled.wgsl", Tile { rows: knob("bm"), columns: knob("bn") })
    } else {
        ("gemm/dot4_direct.wgsl", Tile { rows: knob("threads") * knob("rows"), columns: knob("cols") })
    };
    let (row_tiles, column_tiles) = (work.m.div_ceil(tile.rows), work.n.div_ceil(tile.columns));
    let mut more = json!({ "row_tiles": row_tiles, "column_tiles": column_tiles });
    if variant.kernel != "dot4-tiled" {
        more["broadcast"] = json!(variant.knob("broadcast") == 1);
    }
    let wgsl = source.render(template, values(case, device, variant, more))?;
    Ok(Plan::single(case, device, variant, wgsl, work.batch * row_tiles * column_tiles, tile))
}
