//! Kernels of the `moe` family.

use super::elements::{self, Items};
use super::entry::Kernel;
use super::error::PlanError;
use super::gemm::coopmat::{Shape, Unit, units};
use super::operand::template_values;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Binding, Buffer, Plan};
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Gemm, Layout, Moe, Tile, Workload};
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
        name: "coopmat",
        summary: "matrix unit: tiles of one expert's rows in workgroup memory",
        variants: matrix_variants,
        space: matrix_space,
        plan: matrix_plan,
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
    more: Value,
) -> Result<Plan, PlanError> {
    let tiles = tiles(moe(case), tile.rows);
    let (row_tiles, column_tiles) = (tiles.len() as u64, moe(case).n.div_ceil(tile.columns));
    let mut values = template_values(case, device, variant, more);
    if let (Value::Object(values), Value::Object(sizes)) = (&mut values, sizes(case)) {
        values.extend(sizes);
    }
    values["row_tiles"] = json!(row_tiles);
    values["column_tiles"] = json!(column_tiles);
    let wgsl = source.render(template, values)?;
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
    tile_plan(case, device, variant, (source, "moe/direct.wgsl"), tile, json!({}))
}

/// The product of the rows of one expert. Their number is not known here: tiles end anywhere.
fn product(work: &Moe) -> Gemm {
    Gemm { precision: work.precision, batch: 1, m: 1, n: work.n, k: work.dim, layout: Layout::NT }
}

/// Variants of those `shapes` that fit, for every matrix unit of `device`: first the height with the least padding, then
/// the larger tile.
fn matrix_shapes(case: &Case, device: &Capabilities, shapes: &[Shape]) -> Vec<Variant> {
    let work = moe(case);
    if !whole(work) {
        return Vec::new();
    }
    let (product, rows) = (product(work), work.rows().max(1));
    let of_unit = |unit: Unit| {
        let mut fitting: Vec<Shape> =
            shapes.iter().filter(|shape| shape.fits(&product, device, unit)).copied().collect();
        let padded = |shape: &Shape| {
            let height = shape.tile(unit.edge).rows;
            tiles(work, height).len() as u64 * height
        };
        fitting.sort_by_key(|it| (padded(it).div_ceil(rows), u64::MAX - it.tile(unit.edge).rows));
        fitting.into_iter().map(move |shape| shape.variant(unit))
    };
    units(&product, device).into_iter().flat_map(of_unit).collect()
}

fn matrix_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let depth = if device.is_software() { 32 } else { 64 };
    let shapes = [
        Shape::staged(2, 4, 4, 2, 32),
        Shape::staged(2, 2, 2, 2, depth),
        Shape::staged(1, 4, 2, 1, depth),
        Shape::staged(1, 4, 1, 1, depth),
    ];
    let mut variants = matrix_shapes(case, device, &shapes);
    if device.is_software() {
        variants.truncate(1);
    }
    Ok(variants)
}

fn matrix_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if device.is_software() {
        return matrix_variants(case, device);
    }
    let grids = [
        (2, 4, 4, 2),
        (2, 2, 4, 4),
        (2, 2, 2, 2),
        (2, 4, 2, 2),
        (1, 4, 2, 2),
        (1, 4, 2, 1),
        (1, 4, 1, 1),
        (1, 2, 1, 2),
    ];
    let depths = [32, 64].into_iter();
    let shapes: Vec<Shape> = depths
        .flat_map(|bk| grids.map(|(sgm, sgn, gm, gn)| Shape::staged(sgm, sgn, gm, gn, bk)))
        .flat_map(|shape| [shape, shape.without_prefetch()])
        .collect();
    Ok(matrix_shapes(case, device, &shapes))
}

fn matrix_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let (work, shape) = (moe(case), Shape::of(variant));
    let product = product(work);
    let edge = variant.knob("edge");
    let unit = units(&product, device).into_iter().find(|unit| unit.edge == edge);
    let unit = unit.ok_or_else(|| PlanError::NoSuchVariant(format!("no matrices of edge {edge} here")))?;
    let tile = shape.tile(edge);
    let mut more = shape.values(&product, unit, device, false);
    let sizes = json!({
        "m": work.rows(),
        "k": work.dim,
        "a_transposed": false,
        "b_transposed": true,
        "a_vector": true,
        "b_vector": true,
        "c_vector": true,
        "whole_a": false,
        "whole_b": work.n.is_multiple_of(tile.columns) && work.dim.is_multiple_of(variant.knob("bk").into()),
    });
    if let (Value::Object(more), Value::Object(sizes)) = (&mut more, sizes) {
        more.extend(sizes);
    }
    tile_plan(case, device, variant, (source, "gemm/coopmat.wgsl"), tile, more)
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
    tile_plan(case, device, variant, (source, "moe/tiled.wgsl"), tile, json!({}))
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
