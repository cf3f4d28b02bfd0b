//! Kernels on the matrix unit, through cooperative matrices.

use super::sizes::{ends_inside_a_word, gemm, values};
use crate::kernel::capabilities::{Capabilities, Feature, MatrixShape};
use crate::kernel::entry::Kernel;
use crate::kernel::error::PlanError;
use crate::kernel::operand::fits_f16;
use crate::kernel::plan::Plan;
use crate::kernel::source::KernelSource;
use crate::kernel::variant::{Path, Variant};
use crate::workload::{Case, DType, Gemm, Tile, Workload};
use serde_json::json;

/// Preferred first.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Gemm::FAMILY,
        name: "coopmat",
        summary: "matrix unit: tiles in workgroup memory, a grid of matrices in each subgroup",
        variants: staged_variants,
        space: staged_space,
        plan: coopmat_plan,
    },
    Kernel {
        family: Gemm::FAMILY,
        name: "coopmat_straight",
        summary: "matrix unit: every subgroup reads its matrices from storage, without workgroup memory",
        variants: straight_variants,
        space: straight_space,
        plan: coopmat_plan,
    },
];

/// What the unit is given and how it sums.
#[derive(Clone, Copy)]
struct Unit {
    edge: u32,
    element: DType,
    subgroup: u32,
}

/// The knobs of one variant.
#[derive(Clone, Copy)]
struct Shape {
    /// Subgroups of a workgroup along m and n.
    sgm: u32,
    sgn: u32,
    /// Matrices of a subgroup along m and n.
    gm: u32,
    gn: u32,
    /// Part of k in workgroup memory; 0 when matrices come from storage.
    bk: u32,
    prefetch: u32,
    order: u32,
}

/// The matrices that compute `work` on `device`, largest first; none where operands would lose
/// digits, or where the size of a subgroup is unknown before the kernel runs.
fn units(work: &Gemm, device: &Capabilities) -> Vec<Unit> {
    let Some(subgroup) = device.fixed_subgroup() else { return Vec::new() };
    if !device.has(Feature::CooperativeMatrix) {
        return Vec::new();
    }
    let half = fits_f16(work.precision.input) && fits_f16(work.precision.right);
    let element = if half { DType::F16 } else { DType::F32 };
    let accumulate = work.precision.accumulate;
    let offered =
        |edge: &u32| device.matrix_shapes.contains(&MatrixShape { edge: *edge, input: element, accumulate });
    let edges = [16, 8].into_iter().filter(offered);
    edges.map(|edge| Unit { edge, element, subgroup }).collect()
}

impl Shape {
    const fn staged(sgm: u32, sgn: u32, gm: u32, gn: u32, bk: u32) -> Self {
        Shape { sgm, sgn, gm, gn, bk, prefetch: 1, order: 4 }
    }

    const fn straight(gm: u32, gn: u32) -> Self {
        Shape { sgm: 1, sgn: 1, gm, gn, bk: 0, prefetch: 0, order: 4 }
    }

    fn is_staged(&self) -> bool {
        self.bk > 0
    }

    fn tile(&self, edge: u32) -> Tile {
        Tile { rows: u64::from(self.sgm * self.gm * edge), columns: u64::from(self.sgn * self.gn * edge) }
    }

    /// Whether accumulators may go to C as they are.
    fn stores_matrices(&self, work: &Gemm, edge: u32) -> bool {
        let output = work.precision.output();
        let Tile { rows, columns } = self.tile(edge);
        // A row of a matrix in storage lies on 16 bytes.
        let aligned = output.bytes(work.n).is_multiple_of(16);
        let whole = !self.is_staged() || work.m.is_multiple_of(rows) && work.n.is_multiple_of(columns);
        output == work.precision.accumulate && aligned && whole
    }

    /// Matrices side by side that go to C together where they cannot be stored as they are.
    fn hop(&self) -> u32 {
        if self.gn.is_multiple_of(2) { 2 } else { 1 }
    }

    /// Bytes of workgroup memory.
    fn memory(&self, work: &Gemm, unit: Unit) -> u64 {
        let padded = |elements: u64, dtype: DType| dtype.bytes(elements) + 16;
        let Tile { rows, columns } = self.tile(unit.edge);
        let bk = u64::from(self.bk);
        let tile = |transposed: bool, extent: u64| match (self.is_staged(), transposed) {
            (false, _) => 0,
            (true, true) => bk * padded(extent, unit.element),
            (true, false) => extent * padded(bk, unit.element),
        };
        let strips = if self.stores_matrices(work, unit.edge) {
            0
        } else {
            let row = padded(u64::from(self.hop() * unit.edge), work.precision.accumulate);
            u64::from(self.sgm * self.sgn * unit.edge) * row
        };
        tile(work.layout.a_transposed(), rows) + tile(!work.layout.b_transposed(), columns) + strips
    }

    /// Whether `device` can run it and `work` has enough rows and columns for it.
    fn fits(&self, work: &Gemm, device: &Capabilities, unit: Unit) -> bool {
        let edge = u64::from(unit.edge);
        let threads = u64::from(self.sgm * self.sgn * unit.subgroup);
        // 32-bit registers of a lane that hold accumulators: more would be spilled.
        let sums = work.precision.accumulate.bytes(u64::from(self.gm * self.gn) * edge * edge) / 4;
        let registers = sums / u64::from(unit.subgroup);
        let straight = || {
            let rows_lie_well = (!work.layout.a_transposed() || work.m.is_multiple_of(8))
                && (work.layout.b_transposed() || work.n.is_multiple_of(8));
            let formats = [work.precision.input, work.precision.right];
            formats == [unit.element; 2]
                && work.k.is_multiple_of(edge)
                && work.m >= u64::from(self.gm) * edge
                && work.n >= u64::from(self.gn) * edge
                && rows_lie_well
        };
        threads <= device.limits.workgroup_size
            && self.memory(work, unit) <= device.limits.workgroup_memory
            && registers <= 128
            && (self.is_staged() && self.bk.is_multiple_of(unit.edge) || !self.is_staged() && straight())
    }

    fn variant(&self, unit: Unit) -> Variant {
        let name = if self.is_staged() { "coopmat" } else { "coopmat_straight" };
        let variant = Variant::new(name, Path::Coopmat)
            .with("edge", unit.edge)
            .with("sgm", self.sgm)
            .with("sgn", self.sgn)
            .with("gm", self.gm)
            .with("gn", self.gn)
            .with("threads", self.sgm * self.sgn * unit.subgroup)
            .with("order", self.order);
        if self.is_staged() { variant.with("bk", self.bk).with("prefetch", self.prefetch) } else { variant }
    }

    fn of(variant: &Variant) -> Self {
        let knob = |name: &str| variant.knobs.get(name).copied().unwrap_or(0);
        Shape {
            sgm: knob("sgm"),
            sgn: knob("sgn"),
            gm: knob("gm"),
            gn: knob("gn"),
            bk: knob("bk"),
            prefetch: knob("prefetch"),
            order: knob("order"),
        }
    }
}

/// The variants of `shapes` that fit, for every matrix that `device` offers.
fn fitting(case: &Case, device: &Capabilities, shapes: &[Shape]) -> Vec<Variant> {
    let work = gemm(case);
    if ends_inside_a_word(case, device) {
        return Vec::new();
    }
    let of_unit = |unit: Unit| {
        let fit = shapes.iter().filter(move |shape| shape.fits(work, device, unit));
        fit.map(move |shape| shape.variant(unit))
    };
    units(work, device).into_iter().flat_map(of_unit).collect()
}

fn staged_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = gemm(case);
    let large = [Shape::staged(2, 2, 4, 4, 32), Shape::staged(2, 4, 4, 2, 32)];
    let medium = Shape::staged(2, 2, 2, 2, 32);
    let small = Shape::staged(1, 2, 2, 1, 32);
    let narrow = work.m.min(work.n);
    // Few tiles leave a GPU idle: smaller ones then come first.
    let shapes = if narrow <= 32 {
        vec![small, medium, large[0]]
    } else if narrow <= 64 || work.batch * work.m * work.n < 1 << 20 {
        vec![medium, small, large[0], large[1]]
    } else {
        vec![large[0], large[1], medium, small]
    };
    let mut variants = fitting(case, device, &shapes);
    variants.truncate(4);
    Ok(variants)
}

fn staged_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let grids: &[(u32, u32)] = if device.is_software() {
        &[(1, 1), (2, 2)]
    } else {
        &[(2, 2), (2, 4), (4, 2), (1, 2), (2, 1), (1, 4), (4, 1)]
    };
    let matrices = [(4, 4), (4, 2), (2, 4), (2, 2), (2, 1), (1, 2), (1, 1)];
    let mut shapes = Vec::new();
    for &(sgm, sgn) in grids {
        for (gm, gn) in matrices {
            for bk in [16, 32, 64] {
                for prefetch in [1, 0] {
                    for order in [4, 1, 8] {
                        shapes.push(Shape { sgm, sgn, gm, gn, bk, prefetch, order });
                    }
                }
            }
        }
    }
    let work = gemm(case);
    // Most of a tile lies within C, and the order matters where there are several rows of tiles.
    let useful = |variant: &Variant| {
        let shape = Shape::of(variant);
        let Tile { rows, columns } = shape.tile(variant.knob("edge"));
        let enough = |tile: u64, extent: u64| tile <= 32 || 2 * extent > tile;
        enough(rows, work.m)
            && enough(columns, work.n)
            && (shape.order == 4 || work.m.div_ceil(rows) > 4 && work.n.div_ceil(columns) > 4)
            && (shape.bk <= 32 || u64::from(shape.bk) <= work.k)
    };
    let mut variants = fitting(case, device, &shapes);
    variants.retain(useful);
    Ok(variants)
}

fn straight_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let shapes = [Shape::straight(4, 4), Shape::straight(2, 2)];
    Ok(fitting(case, device, &shapes))
}

fn straight_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let mut shapes = Vec::new();
    for (sgm, sgn) in [(1, 1), (2, 2)] {
        for (gm, gn) in [(4, 4), (4, 2), (2, 4), (2, 2), (1, 1)] {
            for order in [4, 1, 8] {
                shapes.push(Shape { sgm, sgn, gm, gn, order, ..Shape::straight(gm, gn) });
            }
        }
    }
    Ok(fitting(case, device, &shapes))
}

fn coopmat_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = gemm(case);
    let shape = Shape::of(variant);
    let edge = variant.knob("edge");
    let unit = units(work, device).into_iter().find(|unit| unit.edge == edge);
    let unit = unit.ok_or_else(|| PlanError::NoSuchVariant(format!("no matrices of edge {edge} here")))?;
    let tile = shape.tile(edge);
    let (row_tiles, column_tiles) = (work.m.div_ceil(tile.rows), work.n.div_ceil(tile.columns));
    let groups = work.batch * row_tiles * column_tiles;
    let bk = u64::from(shape.bk);
    let whole = |extent: u64, by: u64| by > 0 && extent.is_multiple_of(by);
    let more = json!({
        "staged": shape.is_staged(),
        "bk": shape.bk,
        "prefetch": shape.prefetch == 1,
        "element": unit.element.name(),
        "element_bytes": unit.element.bytes(1),
        "accumulate": work.precision.accumulate.name(),
        "accumulate_bytes": work.precision.accumulate.bytes(1),
        "enable_f16": unit.element == DType::F16 || work.precision.uses(DType::F16),
        "stores_matrices": shape.stores_matrices(work, edge),
        "hop": shape.hop(),
        "whole_a": whole(work.m, tile.rows) && whole(work.k, bk),
        "whole_b": whole(work.n, tile.columns) && whole(work.k, bk),
        "row_tiles": row_tiles,
        "column_tiles": column_tiles,
        "groups": groups,
    });
    let wgsl = source.render("gemm/coopmat.wgsl", values(case, device, variant, more))?;
    Ok(Plan::single(case, device, variant, wgsl, groups, tile))
}
