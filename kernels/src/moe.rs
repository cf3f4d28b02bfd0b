//! Kernels of the `moe` family.

use super::elements::{self, Items};
use super::entry::Kernel;
use super::error::PlanError;
use super::operand::template_values;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Binding, Buffer, Plan};
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Moe, Tile, Workload};
use serde_json::{Value, json};

/// Kernels of the `moe` family, in order of preference.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Moe::FAMILY,
        name: "direct",
        summary: "register tiles without workgroup memory, for software drivers",
        variants: |case, device| direct_variants(case, device, &[4, 8, 2]),
        space: |case, device| direct_variants(case, device, &[1, 2, 4, 6, 8, 12]),
        plan: direct_plan,
    },
    Kernel {
        family: Moe::FAMILY,
        name: "tiled",
        summary: "tiles of one expert's rows in workgroup memory",
        variants: |case, device| {
            tiled_variants(case, device, &[[64, 64, 32], [32, 64, 32], [16, 64, 32], [8, 128, 32]])
        },
        space: |case, device| {
            let edges =
                [[64, 64], [32, 128], [32, 64], [32, 32], [16, 128], [16, 64], [8, 128], [8, 64], [4, 128]];
            let shapes = |[bm, bn]: [u32; 2]| [16, 32, 64].map(|bk| [bm, bn, bk]);
            tiled_variants(case, device, &edges.into_iter().flat_map(shapes).collect::<Vec<_>>())
        },
        plan: tiled_plan,
    },
    Kernel {
        family: Moe::FAMILY,
        name: "reference",
        summary: "one element per invocation, any format and size",
        variants: elements::reference_variants,
        space: elements::reference_variants,
        plan: reference_plan,
    },
];

fn moe(case: &Case) -> &Moe {
    match case {
        Case::Moe(moe) => moe,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// Whether rows of all three tensors consist of whole vectors of four elements.
fn whole(work: &Moe) -> bool {
    work.n.is_multiple_of(4) && work.dim.is_multiple_of(4)
}

/// Splits the rows of each expert into tiles of up to `height` rows; no tile holds rows of two experts.
/// Each tile is given as expert, first row, and end of its rows (exclusive).
fn tiles(work: &Moe, height: u64) -> Vec<[u32; 3]> {
    let mut tiles = Vec::new();
    let mut first = 0;
    for (expert, rows) in work.rows_of().iter().enumerate() {
        let end = first + rows;
        while first < end {
            let next = end.min(first + height);
            tiles.push([expert, first as usize, next as usize].map(|word| word as u32));
            first = next;
        }
    }
    tiles
}

/// Returns `plan` with a table as an additional buffer, bound last in every step.
fn with_table(mut plan: Plan, name: &str, words: Vec<u32>) -> Plan {
    let buffer = plan.buffers.len();
    plan.buffers.push(Buffer::table(name, words));
    for step in &mut plan.steps {
        step.bindings.push(Binding::read(buffer));
    }
    plan
}

/// Sizes for the templates, and the binding of the table, which follows the buffers of the case.
fn sizes(case: &Case) -> Value {
    let work = moe(case);
    json!({ "n": work.n, "dim": work.dim, "table": Buffer::all(case).len() })
}

/// Plan of a kernel each of whose tiles holds rows of one expert only.
fn tile_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    (source, template): (&KernelSource, &str),
    tile: Tile,
) -> Result<Plan, PlanError> {
    let tiles = tiles(moe(case), tile.rows);
    let (row_tiles, column_tiles) = (tiles.len() as u64, moe(case).n.div_ceil(tile.columns));
    let mut more = sizes(case);
    more["row_tiles"] = json!(row_tiles);
    more["column_tiles"] = json!(column_tiles);
    let wgsl = source.render(template, template_values(case, device, variant, more))?;
    let plan = Plan::single(case, device, variant, wgsl, row_tiles * column_tiles, tile);
    Ok(with_table(plan, "tiles", tiles.concat()))
}

fn direct_variants(case: &Case, device: &Capabilities, heights: &[u32]) -> Result<Vec<Variant>, PlanError> {
    if !device.is_software() || !whole(moe(case)) {
        return Ok(Vec::new());
    }
    let threads = device.fixed_subgroup().unwrap_or(8);
    let variant =
        |&rows: &u32| Variant::new("direct", Path::Vector).with("threads", threads).with("rows", rows);
    // Tiles with more rows than the largest expert would only multiply rows twice.
    let most = moe(case).rows_of().iter().copied().max().unwrap_or(1);
    let least = heights.iter().copied().min();
    Ok(heights.iter().filter(|h| u64::from(**h) <= most || Some(**h) == least).map(variant).collect())
}

fn direct_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let tile = Tile { rows: variant.knob("rows").into(), columns: 4 * u64::from(variant.knob("threads")) };
    tile_plan(case, device, variant, (source, "moe/direct.wgsl"), tile)
}

fn tiled_variants(
    case: &Case,
    device: &Capabilities,
    shapes: &[[u32; 3]],
) -> Result<Vec<Variant>, PlanError> {
    let work = moe(case);
    if !whole(work) {
        return Ok(Vec::new());
    }
    // Software drivers get a single shape, for comparison.
    let shapes = if device.is_software() { &shapes[shapes.len() - 1..] } else { shapes };
    let size = work.precision.accumulate.bytes(1);
    let fits = |&&[bm, bn, bk]: &&[u32; 3]| {
        u64::from(bm * bn / 16) <= device.limits.workgroup_size
            && u64::from((bm + bn) * (bk + 4)) * size <= device.limits.workgroup_memory
    };
    let mut shapes: Vec<[u32; 3]> = shapes.iter().filter(fits).copied().collect();
    // The height with the least padding comes first; among equals the larger, which reads weights less often.
    let padded = |bm: u32| tiles(work, bm.into()).len() as u64 * u64::from(bm);
    shapes.sort_by_key(|[bm, ..]| (padded(*bm).div_ceil(work.rows().max(1)), u32::MAX - bm));
    let variant = |[bm, bn, bk]: [u32; 3]| {
        Variant::new("tiled", Path::Vector).with("bm", bm).with("bn", bn).with("bk", bk)
    };
    Ok(shapes.into_iter().map(variant).collect())
}

fn tiled_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let tile = Tile { rows: variant.knob("bm").into(), columns: variant.knob("bn").into() };
    tile_plan(case, device, variant, (source, "moe/tiled.wgsl"), tile)
}

fn reference_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = moe(case);
    let items = Items { count: work.rows() * work.n, columns: 1 };
    let plan = elements::plan(case, device, variant, (source, "moe/reference.wgsl"), &items, sizes(case))?;
    let rows = work.rows_of();
    let experts = rows.iter().zip(0..);
    let experts = experts.flat_map(|(rows, expert)| std::iter::repeat_n(expert, *rows as usize)).collect();
    Ok(with_table(plan, "experts", experts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tile_has_rows_of_two_experts() {
        // Experts with 6, 3, 2 and 1 rows, in tiles of 4.
        let work = Moe::parse("f32 e4 k1 t12 n1 d1 skewed").unwrap();
        assert_eq!(tiles(&work, 4), [[0, 0, 4], [0, 4, 6], [1, 6, 9], [2, 9, 11], [3, 11, 12]]);
    }

    #[test]
    fn experts_without_rows_have_no_tile() {
        let work = Moe::parse("f32 e8 k1 t2 n1 d1 balanced").unwrap();
        assert_eq!(tiles(&work, 16).len(), 2);
    }
}
