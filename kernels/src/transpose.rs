//! Kernels of the `transpose` family.

use super::elements::{self, Items};
use super::entry::Kernel;
use super::error::PlanError;
use super::operand::template_values;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Tile, Transpose, Workload};
use serde_json::json;

/// Kernels of the `transpose` family, in order of preference.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Transpose::FAMILY,
        name: "direct",
        summary: "blocks of four by four in registers, for software drivers",
        variants: |case, device| direct_shapes(case, device, &[(8, 16), (8, 4), (16, 16)], &[4, 1]),
        space: |case, device| {
            direct_shapes(case, device, &[(4, 16), (8, 1), (8, 4), (8, 16), (8, 64), (16, 16)], &[1, 2, 4, 8])
        },
        plan: direct_plan,
    },
    Kernel {
        family: Transpose::FAMILY,
        name: "tiled",
        summary: "tiles in workgroup memory, for GPUs",
        variants: |case, device| tiled_shapes(case, device, &[(64, 256), (32, 256), (32, 64)]),
        space: |case, device| {
            tiled_shapes(
                case,
                device,
                &[(64, 512), (64, 256), (64, 128), (32, 256), (32, 128), (32, 64), (16, 64)],
            )
        },
        plan: tiled_plan,
    },
    Kernel {
        family: Transpose::FAMILY,
        name: "reference",
        summary: "one element per invocation, any format and size",
        variants: elements::reference_variants,
        space: elements::reference_variants,
        plan: direct_plan,
    },
];

fn transpose(case: &Case) -> &Transpose {
    match case {
        Case::Transpose(transpose) => transpose,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// Whether rows of both matrices consist of whole vectors of four elements.
fn whole(case: &Case) -> bool {
    let work = transpose(case);
    work.m.is_multiple_of(4) && work.n.is_multiple_of(4)
}

/// Variants for `shapes` of (threads, items per invocation) and for each number of 4 x 4 blocks per item.
fn direct_shapes(
    case: &Case,
    device: &Capabilities,
    shapes: &[(u32, u32)],
    quads: &[u32],
) -> Result<Vec<Variant>, PlanError> {
    if !device.is_software() || !whole(case) {
        return Ok(Vec::new());
    }
    let variant = |(threads, per), quads| {
        let variant = Variant::new("direct", Path::Vector).with("threads", threads).with("per", per);
        variant.with("quads", quads)
    };
    Ok(quads.iter().flat_map(|&quads| shapes.iter().map(move |&shape| variant(shape, quads))).collect())
}

fn direct_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = transpose(case);
    // The plain variant has no such blocks.
    let quads = if variant.path == Path::Scalar { 1 } else { variant.knob("quads") };
    let items = Items { count: (work.m / 4).div_ceil(u64::from(quads)) * (work.n / 4), columns: 4 };
    let more = json!({ "m": work.m, "n": work.n, "quads": quads });
    elements::plan(case, device, variant, (source, "transpose/direct.wgsl"), &items, more)
}

/// Variants for those `shapes` of (edge of the tile, threads) that fit the limits of the device.
fn tiled_shapes(
    case: &Case,
    device: &Capabilities,
    shapes: &[(u32, u32)],
) -> Result<Vec<Variant>, PlanError> {
    if !whole(case) {
        return Ok(Vec::new());
    }
    // Software drivers get a single shape, for comparison.
    let shapes = if device.is_software() { &shapes[shapes.len() - 1..] } else { shapes };
    let fits = |&&(edge, threads): &&(u32, u32)| {
        u64::from(threads) <= device.limits.workgroup_size
            && 4 * u64::from(edge * (edge + 1)) <= device.limits.workgroup_memory
    };
    let variant = |&(edge, threads): &(u32, u32)| {
        Variant::new("tiled", Path::Vector).with("threads", threads).with("edge", edge)
    };
    Ok(shapes.iter().filter(fits).map(variant).collect())
}

fn tiled_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = transpose(case);
    let edge = u64::from(variant.knob("edge"));
    let (row_tiles, column_tiles) = (work.m.div_ceil(edge), work.n.div_ceil(edge));
    let more = json!({ "m": work.m, "n": work.n, "column_tiles": column_tiles });
    let values = template_values(case, device, variant, more);
    let wgsl = source.render("transpose/tiled.wgsl", values)?;
    Ok(Plan::single(
        case,
        device,
        variant,
        wgsl,
        row_tiles * column_tiles,
        Tile { rows: edge, columns: edge },
    ))
}
