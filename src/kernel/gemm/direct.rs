//! Register tiles without workgroup memory, for drivers that compute on a processor.

use super::sizes::{ends_inside_a_word, gemm, runs, values};
use crate::kernel::capabilities::Capabilities;
use crate::kernel::entry::Kernel;
use crate::kernel::error::PlanError;
use crate::kernel::plan::Plan;
use crate::kernel::source::KernelSource;
use crate::kernel::variant::{Path, Variant};
use crate::workload::{Case, Gemm, Layout, Tile, Workload};
use serde_json::json;

/// Preferred first.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Gemm::FAMILY,
    name: "direct",
    summary: "register tiles without workgroup memory, for software drivers",
    variants: direct_variants,
    space: direct_space,
    plan: direct_plan,
}];

/// The lanes of a workgroup: one subgroup.
fn lanes(device: &Capabilities) -> u32 {
    device.fixed_subgroup().unwrap_or(8)
}

fn direct_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    // (rows of a lane, vec4 columns of a workgroup)
    let shapes: &[(u32, u32)] = if lanes(device) <= 4 {
        &[(8, 4), (8, 2), (4, 4), (4, 8)]
    } else {
        &[(4, 8), (8, 4), (4, 4), (2, 8)]
    };
    of_shapes(case, device, shapes)
}

/// vec4 sums of one lane beyond which a driver compiles for many seconds.
const MOST_SUMS: u32 = 64;

fn direct_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let shapes: Vec<(u32, u32)> = [4, 8, 2, 16, 1]
        .into_iter()
        .flat_map(|rows| [8, 16, 4, 2, 1].map(|cols| (rows, cols)))
        .filter(|(rows, cols)| rows * cols <= MOST_SUMS)
        .collect();
    of_shapes(case, device, &shapes)
}

/// The variants of `shapes`, (rows of a lane, vec4 columns of a workgroup), that serve `case`.
fn of_shapes(case: &Case, device: &Capabilities, shapes: &[(u32, u32)]) -> Result<Vec<Variant>, PlanError> {
    let work = gemm(case);
    let (a_run, b_run) = runs(work);
    let whole = a_run.is_multiple_of(4) && b_run.is_multiple_of(4);
    // Both operands have to be read along K, or B along N.
    let mixed = work.layout == Layout::TT;
    if !device.is_software() || !whole || mixed || ends_inside_a_word(case, device) {
        return Ok(Vec::new());
    }
    let subgroup = device.fixed_subgroup();
    let threads = lanes(device);
    let mut variants = Vec::new();
    for &(rows, cols) in shapes {
        if work.layout.a_transposed() && !rows.is_multiple_of(4) {
            continue;
        }
        let variant = |broadcast: u32| {
            Variant::new("direct", if broadcast == 1 { Path::Subgroup } else { Path::Vector })
                .with("threads", threads)
                .with("rows", rows)
                .with("cols", cols)
                .with("broadcast", broadcast)
        };
        // Vectors of B that one turn of the loop needs: the lanes share their loads evenly.
        let shared = if work.layout.a_transposed() { cols } else { 4 * cols };
        if subgroup.is_some() && shared.is_multiple_of(threads) {
            variants.push(variant(1));
        }
        variants.push(variant(0));
    }
    Ok(variants)
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
    let wgsl = source.render("gemm/direct.wgsl", values(case, device, variant, more))?;
    let groups = work.batch * row_tiles * column_tiles;
    Ok(Plan::single(case, device, variant, wgsl, groups, tile))
}
