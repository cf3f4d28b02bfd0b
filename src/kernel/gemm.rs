//! Kernels of the `gemm` family.

use super::capabilities::Capabilities;
use super::entry::Kernel;
use super::error::PlanError;
use super::operand::{is_packed, needs_f16, operands};
use super::plan::Plan;
use super::source::KernelSource;
use super::variant::{Path, Variant};
use crate::workload::{Case, Gemm, Layout, Tile, Workload};
use serde_json::{Value, json};

/// Preferred first.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Gemm::FAMILY,
        name: "direct",
        summary: "register tiles without workgroup memory, for software drivers",
        variants: direct_variants,
        plan: direct_plan,
    },
    Kernel {
        family: Gemm::FAMILY,
        name: "tiled",
        summary: "tiles in workgroup memory, register tiles of whole vec4s",
        variants: tiled_variants,
        plan: tiled_plan,
    },
    Kernel {
        family: Gemm::FAMILY,
        name: "reference",
        summary: "one element of C per invocation, any format, layout and size",
        variants: reference_variants,
        plan: reference_plan,
    },
];

fn gemm(case: &Case) -> &Gemm {
    match case {
        Case::Gemm(gemm) => gemm,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// Extents that lie contiguously in A and in B.
fn runs(work: &Gemm) -> (u64, u64) {
    let a = if work.layout.a_transposed() { work.m } else { work.k };
    let b = if work.layout.b_transposed() { work.k } else { work.n };
    (a, b)
}

/// What every template needs, the knobs of `variant`, and `more` on top.
fn values(case: &Case, device: &Capabilities, variant: &Variant, more: Value) -> Value {
    let work = gemm(case);
    let (a_run, b_run) = runs(work);
    let mut values = json!({
        "m": work.m,
        "n": work.n,
        "k": work.k,
        "batch": work.batch,
        "value": work.precision.accumulate.name(),
        "enable_f16": needs_f16(case, device),
        "a_transposed": work.layout.a_transposed(),
        "b_transposed": work.layout.b_transposed(),
        "a_vector": a_run.is_multiple_of(4),
        "b_vector": b_run.is_multiple_of(4),
        "c_vector": work.n.is_multiple_of(4),
    });
    let Value::Object(map) = &mut values else { unreachable!("made as an object") };
    map.extend(operands(case, device));
    map.extend(variant.knobs.iter().map(|(knob, value)| (knob.clone(), json!(value))));
    if let Value::Object(more) = more {
        map.extend(more);
    }
    values
}

/// Whether a row of C ends inside a word, which only the reference kernel can write.
fn ends_inside_a_word(case: &Case, device: &Capabilities) -> bool {
    is_packed(&case.output(), device) && !gemm(case).n.is_multiple_of(4)
}

fn direct_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = gemm(case);
    let (a_run, b_run) = runs(work);
    let whole = a_run.is_multiple_of(4) && b_run.is_multiple_of(4);
    // Both operands have to be read along K, or B along N.
    let mixed = work.layout == Layout::TT;
    if !device.is_software() || !whole || mixed || ends_inside_a_word(case, device) {
        return Ok(Vec::new());
    }
    let subgroup = device.fixed_subgroup();
    let threads = subgroup.unwrap_or(8);
    // (rows of a lane, vec4 columns of a workgroup)
    let shapes: &[(u32, u32)] = if threads <= 4 {
        &[(8, 4), (8, 2), (4, 4), (4, 8)]
    } else {
        &[(4, 8), (8, 4), (4, 4), (2, 8), (2, 4)]
    };
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

fn tiled_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if ends_inside_a_word(case, device) {
        return Ok(Vec::new());
    }
    let size = gemm(case).precision.accumulate.bytes(1);
    // (bm, bn, bk, tm, tn); a software driver keeps one small shape for comparison.
    let shapes: &[[u32; 5]] = if device.is_software() {
        &[[32, 32, 16, 8, 8]]
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

fn reference_variants(_: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let threads = 64.min(device.limits.workgroup_size as u32);
    Ok(vec![Variant::new("reference", Path::Scalar).with("threads", threads)])
}

fn reference_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = gemm(case);
    // Where two elements share a word, an invocation writes both.
    let per = if is_packed(&case.output(), device) { 2 } else { 1 };
    let columns = u64::from(variant.knob("threads")) * per;
    let wgsl = source.render("gemm/reference.wgsl", values(case, device, variant, json!({ "per": per })))?;
    let groups = (work.batch * work.m * work.n).div_ceil(columns);
    Ok(Plan::single(case, device, variant, wgsl, groups, Tile { rows: 1, columns }))
}
