//! Matrix products on the matrix unit, using cooperative matrices.

use super::sizes::{ends_inside_a_word, gemm, runs};
use super::space::{self, Estimate};
use super::split;
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::operand::{fits_f16, operands};
use crate::source::KernelSource;
use portamark_model::device::{Capabilities, Feature, MatrixShape};
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::vendor::Vendor;
use portamark_model::workload::{Case, DType, Gemm, Tile, Workload};
use serde_json::{Value, json};

/// Kernels of the `gemm` family that use the matrix unit, in order of preference.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Gemm::FAMILY,
        name: "coopmat",
        summary: "matrix unit: tiles in workgroup memory, a grid of matrices in each subgroup, split-K \
                  split where tiles are few",
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

/// The matrix unit as a kernel uses it: edge of its square matrices, element format and subgroup size.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) edge: u32,
    element: DType,
    subgroup: u32,
}

/// The knobs of one variant.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Subgroups per workgroup along m and n.
    sgm: u32,
    sgn: u32,
    /// Matrices per subgroup along m and n.
    gm: u32,
    gn: u32,
    /// Elements of k in workgroup memory; 0 if matrices are read from storage directly.
    bk: u32,
    prefetch: u32,
    /// Whether tiles lie along k in workgroup memory, whichever way they lie in storage.
    turn: bool,
    order: u32,
    /// Number of parts that k is split into.
    split: u32,
}

/// Matrix units that can compute `work` on `device`, largest matrices first. Empty if operands would lose
/// digits or if the subgroup size is unknown before the kernel runs.
pub(crate) fn units(work: &Gemm, device: &Capabilities) -> Vec<Unit> {
    let Some(subgroup) = device.fixed_subgroup() else { return Vec::new() };
    let half = fits_f16(work.precision.input) && fits_f16(work.precision.right);
    if !device.has(Feature::CooperativeMatrix) || half && !device.has(Feature::ShaderF16) {
        return Vec::new();
    }
    let element = if half { DType::F16 } else { DType::F32 };
    let accumulate = work.precision.accumulate;
    let offered = |edge: &u32| device.matrix_shapes.contains(&MatrixShape::new(*edge, element, accumulate));
    let edges = [16, 8].into_iter().filter(offered);
    edges.map(|edge| Unit { edge, element, subgroup }).collect()
}

impl Shape {
    pub(crate) const fn staged(sgm: u32, sgn: u32, gm: u32, gn: u32, bk: u32) -> Self {
        Shape { sgm, sgn, gm, gn, bk, prefetch: 1, turn: false, order: 4, split: 1 }
    }

    pub(crate) const fn without_prefetch(self) -> Self {
        Shape { prefetch: 0, ..self }
    }

    const fn straight(gm: u32, gn: u32) -> Self {
        Shape { sgm: 1, sgn: 1, gm, gn, bk: 0, prefetch: 0, turn: false, order: 4, split: 1 }
    }

    fn is_staged(&self) -> bool {
        self.bk > 0
    }

    pub(crate) fn tile(&self, edge: u32) -> Tile {
        Tile { rows: u64::from(self.sgm * self.gm * edge), columns: u64::from(self.sgn * self.gn * edge) }
    }

    /// Whether accumulator matrices can be stored to C directly.
    fn stores_matrices(&self, work: &Gemm, edge: u32) -> bool {
        let output = if self.split > 1 { split::partial(work) } else { work.precision.output() };
        let Tile { rows, columns } = self.tile(edge);
        // Rows of a matrix in storage must be aligned to 16 bytes.
        let aligned = output.bytes(work.n).is_multiple_of(16);
        let whole = !self.is_staged() || work.m.is_multiple_of(rows) && work.n.is_multiple_of(columns);
        output == work.precision.accumulate && aligned && whole
    }

    /// Number of adjacent matrices that are copied to C together if they cannot be stored directly. Where many subgroups
    /// or long tiles fill the memory, it is one.
    fn hop(&self) -> u32 {
        let roomy = self.sgm * self.sgn < 8 && self.bk < 64;
        if self.gn.is_multiple_of(2) && roomy { 2 } else { 1 }
    }

    /// Ways in which tiles of A and B are loaded, of `gemm/stage.wgsl`.
    fn runs(&self, work: &Gemm, unit: Unit) -> [Value; 2] {
        let (a_run, b_run) = runs(work);
        let along_k = [!work.layout.a_transposed(), work.layout.b_transposed()];
        let tensors = [(work.precision.input, a_run), (work.precision.right, b_run)];
        [0, 1].map(|side| {
            let (dtype, run) = tensors[side];
            let halves = dtype == DType::F16 && unit.element == DType::F16 && run.is_multiple_of(8);
            match (self.turn && !along_k[side], halves) {
                (true, _) => json!("turned"),
                (false, true) if self.is_staged() => json!("wide"),
                _ => json!(2),
            }
        })
    }

    /// What the template gets of this shape. `stores_matrices`: accumulators are stored to C directly.
    pub(crate) fn values(
        &self,
        work: &Gemm,
        unit: Unit,
        device: &Capabilities,
        stores_matrices: bool,
    ) -> Value {
        let [a_run, b_run] = self.runs(work, unit);
        json!({
            "staged": self.is_staged(),
            "a_run": a_run,
            "b_run": b_run,
            // Metal loads matrices through pointers to elements.
            "flat": device.api == "metal",
            "bk": self.bk,
            "prefetch": self.prefetch == 1,
            "element": unit.element.name(),
            "element_bytes": unit.element.bytes(1),
            "accumulate": work.precision.accumulate.name(),
            "accumulate_bytes": work.precision.accumulate.bytes(1),
            "enable_f16": unit.element == DType::F16 || work.precision.uses(DType::F16),
            "stores_matrices": stores_matrices,
            "hop": self.hop(),
            // Binding of the table of tiles, of products whose rows belong to experts.
            "table": Value::Null,
        })
    }

    /// Workgroup memory in bytes.
    fn memory(&self, work: &Gemm, unit: Unit) -> u64 {
        let padded = |elements: u64, dtype: DType| dtype.bytes(elements) + 16;
        let Tile { rows, columns } = self.tile(unit.edge);
        let bk = u64::from(self.bk);
        let tile = |transposed: bool, extent: u64| match (self.is_staged(), transposed && !self.turn) {
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

    /// Whether `device` can run this shape and `work` has enough rows and columns for it.
    pub(crate) fn fits(&self, work: &Gemm, device: &Capabilities, unit: Unit) -> bool {
        let edge = u64::from(unit.edge);
        let threads = u64::from(self.sgm * self.sgn * unit.subgroup);
        // 32-bit registers per lane that hold accumulators: more than 128 would be spilled.
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
        space::fits(device, threads, self.memory(work, unit))
            && registers <= 128
            && (self.is_staged() && self.bk.is_multiple_of(unit.edge) || !self.is_staged() && straight())
    }

    pub(crate) fn variant(&self, unit: Unit) -> Variant {
        let name = if self.is_staged() { "coopmat" } else { "coopmat_straight" };
        let variant = Variant::new(name, Path::Coopmat)
            .with("edge", unit.edge)
            .with("sgm", self.sgm)
            .with("sgn", self.sgn)
            .with("gm", self.gm)
            .with("gn", self.gn)
            .with("threads", self.sgm * self.sgn * unit.subgroup)
            .with("order", self.order);
        if !self.is_staged() {
            return variant;
        }
        let variant = variant.with("bk", self.bk).with("prefetch", self.prefetch).with("split", self.split);
        if self.turn { variant.with("turn", 1) } else { variant }
    }

    pub(crate) fn of(variant: &Variant) -> Self {
        let knob = |name: &str| variant.knobs.get(name).copied().unwrap_or(0);
        Shape {
            sgm: knob("sgm"),
            sgn: knob("sgn"),
            gm: knob("gm"),
            gn: knob("gn"),
            bk: knob("bk"),
            prefetch: knob("prefetch"),
            turn: knob("turn") == 1,
            order: knob("order"),
            split: knob("split").max(1),
        }
    }

    /// This shape with the default split of k for GPUs; unchanged on software drivers, which don't profit.
    fn split_as_usual(self, work: &Gemm, device: &Capabilities, unit: Unit) -> Self {
        let split = space::usual_split(work, self.tile(unit.edge), self.bk);
        if device.is_software() { self } else { Shape { split, ..self } }
    }

    /// Whether tuning should try this shape.
    fn is_worth_trying(&self, work: &Gemm, device: &Capabilities, unit: Unit) -> bool {
        let edge = unit.edge;
        let tile = self.tile(edge);
        let threads = self.sgm * self.sgn * unit.subgroup;
        let even = |extent: u64| space::shares_evenly(extent as u32, self.bk, threads, 8);
        self.fits(work, device, unit)
            // Drivers that emulate the matrix unit take a minute to compile deeper tiles.
            && (self.bk <= 32 || !device.is_software() && u64::from(self.bk) <= work.k)
            && even(tile.rows)
            && even(tile.columns)
            // A unit with 16 x 16 matrices multiplies faster and so needs larger tiles.
            && space::worth(work, tile, edge.into(), f64::from(4 * edge))
    }

    fn speed(&self, work: &Gemm, unit: Unit) -> f64 {
        let reuse = f64::from(self.gm * self.gn) / f64::from(self.gm + self.gn);
        let threads = (self.sgm * self.sgn * unit.subgroup).into();
        Estimate { tile: self.tile(unit.edge), threads, split: self.split, reuse }.speed(work)
    }

    /// Shapes worth trying that have the same tile and differ in one other knob.
    fn variations(&self, work: &Gemm, device: &Capabilities, unit: Unit) -> Vec<Self> {
        let tile = self.tile(unit.edge);
        let mut shapes = vec![Shape { prefetch: 1 - self.prefetch, ..*self }];
        if lies_across_k(work) {
            shapes.push(Shape { turn: !self.turn, ..*self });
        }
        let deeper = DEPTHS.into_iter().filter(|bk| *bk != self.bk).map(|bk| Shape { bk, ..*self });
        shapes.extend(deeper.map(|shape| shape.split_as_usual(work, device, unit)));
        let splits = space::other_splits(work, tile, self.bk, self.split);
        shapes.extend(splits.map(|split| Shape { split, ..*self }).filter(|_| !device.is_software()));
        if space::order_matters(work, tile) {
            shapes.extend([8, 1].map(|order| Shape { order, ..*self }));
        }
        shapes.retain(|shape| shape.is_worth_trying(work, device, unit));
        shapes
    }
}

/// Whether A or B lies in storage so that elements of another row or column follow those of one k.
fn lies_across_k(work: &Gemm) -> bool {
    work.layout.a_transposed() || !work.layout.b_transposed()
}

/// Choices for the elements of k in workgroup memory (`bk`), in order of preference.
const DEPTHS: [u32; 3] = [32, 16, 64];

/// Variants of those `shapes` that fit, for every matrix unit that `device` offers.
fn variants(
    case: &Case,
    device: &Capabilities,
    shapes: impl Fn(&Gemm, Unit) -> Vec<Shape>,
) -> Result<Vec<Variant>, PlanError> {
    let work = gemm(case);
    if ends_inside_a_word(case, device) {
        return Ok(Vec::new());
    }
    let of_unit = |unit: Unit| {
        let mut shapes = shapes(work, unit);
        shapes.retain(|shape| shape.fits(work, device, unit));
        shapes.into_iter().map(move |shape| shape.variant(unit))
    };
    Ok(units(work, device).into_iter().flat_map(of_unit).collect())
}

fn staged_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    // Sixteen sums take half of the registers of NVIDIA's lanes, and leave room for few subgroups. The lanes of
    // AMD's larger subgroups hold them in fewer, and each operand that they share saves them several.
    let mut large = [Shape::staged(2, 4, 4, 2, 32), Shape::staged(2, 2, 4, 4, 32)];
    if Vendor::of(device) == Vendor::Amd {
        large.reverse();
    }
    // The few products of small tiles stand against the same loop: a longer stretch of k makes them more. A software
    // driver would take a minute to compile it.
    let depth = if device.is_software() { 32 } else { 64 };
    let medium = Shape::staged(2, 2, 2, 2, depth);
    let small = Shape::staged(1, 2, 2, 1, depth);
    let shapes = |work: &Gemm, unit: Unit| {
        let narrow = work.m.min(work.n);
        // Few tiles would leave much of a GPU idle, so smaller tiles then come first.
        let shapes = if narrow <= 32 {
            vec![small, medium, large[0]]
        } else if narrow <= 64 || work.batch * work.m * work.n < 1 << 20 {
            vec![medium, small, large[0], large[1]]
        } else {
            vec![large[0], large[1], medium, small]
        };
        let usual = |shape: Shape| {
            // Units of AMD and NVIDIA take the elements of a lane along k, and would load others one by one.
            let turn = !device.is_software() && lies_across_k(work);
            Shape { turn, ..shape }.split_as_usual(work, device, unit)
        };
        shapes.into_iter().map(usual).collect()
    };
    let mut variants = variants(case, device, shapes)?;
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
    variants(case, device, |work, unit| {
        let mut shapes = Vec::new();
        for &(sgm, sgn) in grids {
            for (gm, gn) in matrices {
                let depths = DEPTHS
                    .into_iter()
                    .map(|bk| Shape::staged(sgm, sgn, gm, gn, bk).split_as_usual(work, device, unit));
                shapes.extend(depths.into_iter().find(|s| s.is_worth_trying(work, device, unit)));
            }
        }
        space::ranked(shapes, |s| s.speed(work, unit), |s| s.variations(work, device, unit))
    })
}

fn straight_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    variants(case, device, |_, _| vec![Shape::straight(4, 4), Shape::straight(2, 2)])
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
    variants(case, device, |_, _| shapes.clone())
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
    let mut more = shape.values(work, unit, device, shape.stores_matrices(work, edge));
    if !shape.is_staged() {
        // The matrix unit reads elements, even where other kernels are faster with packed words.
        let operands = operands(case, device);
        for name in ["a", "b"] {
            more[name] = operands[name].clone();
            more[name]["packed"] = json!(false);
        }
    }
    split::plan(case, device, variant, source, "gemm/coopmat.wgsl", tile, more)
}
