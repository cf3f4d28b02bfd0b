//! Register tiles without workgroup memory, for software drivers.

use super::packing;
use super::sizes::{ends_inside_a_word, gemm};
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Gemm, Tile, Workload};
use serde_json::json;

/// The `gemm` kernel for software drivers.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Gemm::FAMILY,
    name: "direct",
    summary: "register tiles without workgroup memory, for software drivers",
    variants: direct_variants,
    space: direct_space,
    plan: direct_plan,
}];

/// Invocations per workgroup: one subgroup, or 8 if the subgroup size is not fixed.
fn lanes(device: &Capabilities) -> u32 {
    device.fixed_subgroup().unwrap_or(8)
}

fn direct_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = gemm(case);
    // (rows per lane, vec4 columns per workgroup), and the operands to pack: on the one driver with four
    // lanes, conversions in the loop cost more than an extra pass over operands that are read often.
    let (shapes, wishes): (&[_], _) = if lanes(device) <= 4 {
        let pack = if work.m.min(work.n) >= 64 { packing::conversions(work) } else { 0 };
        (&[(8, 4), (8, 2), (4, 4), (4, 8)], vec![pack, 0])
    } else {
        (&[(4, 8), (8, 4), (4, 4), (2, 8)], vec![0])
    };
    of_shapes(case, device, shapes, &wishes)
}

/// Maximum number of vec4 sums per lane; with more, a driver takes many seconds to compile.
const MOST_SUMS: u32 = 64;

fn direct_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let shapes: Vec<(u32, u32)> = [4, 8, 2, 16, 1]
        .into_iter()
        .flat_map(|rows| [8, 16, 4, 2, 1].map(|cols| (rows, cols)))
        .filter(|(rows, cols)| rows * cols <= MOST_SUMS)
        .collect();
    of_shapes(case, device, &shapes, &packing::wishes(gemm(case)))
}

/// Variants of those `shapes`, (rows per lane, vec4 columns per workgroup), that serve `case`. For each of
/// `wishes`, the operands that it names are packed in addition to those that must be.
fn of_shapes(
    case: &Case,
    device: &Capabilities,
    shapes: &[(u32, u32)],
    wishes: &[u32],
) -> Result<Vec<Variant>, PlanError> {
    if !device.is_software() || ends_inside_a_word(case, device) {
        return Ok(Vec::new());
    }
    let work = gemm(case);
    let mut variants = Vec::new();
    for pack in wishes.iter().map(|&wish| packing::with(work, wish)) {
        let known = |variant: &Variant| variants.contains(variant);
        let found: Vec<Variant> = of_pack(work, device, shapes, pack).filter(|found| !known(found)).collect();
        variants.extend(found);
    }
    Ok(variants)
}

/// Variants of those `shapes` that can be used with the operands in `pack` packed.
fn of_pack<'a>(
    work: &'a Gemm,
    device: &'a Capabilities,
    shapes: &'a [(u32, u32)],
    pack: u32,
) -> impl Iterator<Item = Variant> + 'a {
    let threads = lanes(device);
    // If A is read along M, a lane takes its rows in groups of four, and B is read one row at a time.
    let along_m = packing::along_m(work, pack);
    let fit = move |&&(rows, _): &&(u32, u32)| {
        packing::fits(work, device, pack) && (!along_m || rows.is_multiple_of(4))
    };
    shapes.iter().filter(fit).flat_map(move |&(rows, cols)| {
        // Vectors of B that one iteration needs; to share them, the lanes must divide the loads evenly.
        let shared = if along_m { cols } else { 4 * cols };
        let share = device.fixed_subgroup().is_some() && shared.is_multiple_of(threads);
        let broadcasts: &[u32] = if share { &[1, 0] } else { &[0] };
        broadcasts.iter().map(move |&broadcast| {
            let variant = Variant::new("direct", if broadcast == 1 { Path::Subgroup } else { Path::Vector })
                .with("threads", threads)
                .with("rows", rows)
                .with("cols", cols)
                .with("broadcast", broadcast);
            if pack > 0 { variant.with("pack", pack) } else { variant }
        })
    })
}

fn direct_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = gemm(case);
    let (threads, rows, cols) = (variant.knob("threads"), variant.knob("rows"), variant.knob("cols"));
    let tile = Tile { rows: u64::from(threads * rows), columns: u64::from(4 * cols) };
    let (row_tiles, column_tiles) = (work.m.div_ceil(tile.rows), work.n.div_ceil(tile.columns));
    let more = json!({
        "broadcast": variant.knob("broadcast") == 1,
        "row_tiles": row_tiles,
        "column_tiles": column_tiles,
    });
    let pack = variant.knobs.get("pack").copied().unwrap_or(0);
    let values = packing::packed_values(case, device, variant, pack, more);
    let groups = work.batch * row_tiles * column_tiles;
    packing::plan(case, device, variant, source, ("gemm/direct.wgsl", values), (groups, tile), pack)
}
