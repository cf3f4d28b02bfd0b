//! Prefill on the matrix unit, using cooperative matrices.

use super::prefill::is_dense_prefill;
use super::sizes::{attention, check_operands, head_rows, values};
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::operand::{fits_f16, needs_f16};
use crate::source::KernelSource;
use portamark_model::device::{Capabilities, Feature, MatrixShape};
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::vendor::Vendor;
use portamark_model::workload::{Attention, Case, DType, Tile, Workload};
use serde_json::json;

const NAME: &str = "flash_coopmat";

/// The prefill kernel on the matrix unit.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Attention::FAMILY,
    name: NAME,
    summary: "matrix unit: a workgroup owns a tile of query rows, both products by matrices",
    variants,
    space,
    plan,
}];

/// Maximum difference, in base 2, between a row's largest score and its reference before the sums are
/// rescaled. Weights are then at most 2^8 = 256; f16 holds values up to 65504.
pub(super) const SLACK: u32 = 8;

/// Maximum registers per lane for matrices; beyond about 250 in total, registers are spilled.
const MOST_REGISTERS: u64 = 192;

/// Maximum of the same with which four subgroups share a scheduler: addresses, operands and what compilers load ahead
/// come to some 50 more, and a lane of NVIDIA's then has 128.
const GOOD_REGISTERS: u64 = 88;

/// The matrix unit as a kernel uses it: edge of its square matrices, element format and subgroup size. It
/// accumulates in f32.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    pub edge: u32,
    element: DType,
    pub subgroup: u32,
}

/// The knobs of one variant.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Subgroups per workgroup.
    pub sg: u32,
    /// Subgroups that share rows: each has a part of the columns.
    pub across: u32,
    /// Rows of matrices per subgroup.
    pub rm: u32,
    /// Keys per block.
    pub bc: u32,
    pub hold: bool,
    pub prefetch: bool,
    /// Whether V lies along the keys in workgroup memory.
    pub turn: bool,
    pub slack: u32,
}

/// Matrix units that can compute `work` on `device`, largest matrices first. Empty if operands would lose
/// digits or if the subgroup size is unknown before the kernel runs. The error bound allows for weights in
/// the format of the queries, and f16 has more digits than any other format that fits into it.
pub(super) fn units(work: &Attention, device: &Capabilities) -> Vec<Unit> {
    let Some(subgroup) = device.fixed_subgroup() else { return Vec::new() };
    let half = fits_f16(work.precision.input) && fits_f16(work.precision.right);
    if !device.has(Feature::CooperativeMatrix) || half && !device.has(Feature::ShaderF16) {
        return Vec::new();
    }
    let input = if half { DType::F16 } else { DType::F32 };
    let offered = |edge: &u32| device.matrix_shapes.contains(&MatrixShape::new(*edge, input, DType::F32));
    let edges = [16, 8].into_iter().filter(offered);
    edges.map(|edge| Unit { edge, element: input, subgroup }).collect()
}

impl Unit {
    /// Whether `device` has smaller subgroups that serve better: lanes of AMD's larger ones would share matrices of O, but
    /// each repeats those of Q, so fewer subgroups would be resident.
    pub fn is_second_choice(&self, device: &Capabilities) -> bool {
        let smaller = device.subgroup_sizes.contains(&32);
        Vendor::of(device) == Vendor::Amd && self.subgroup == 64 && smaller
    }

    /// Padding of rows in workgroup memory: 16 bytes, counted in vectors of 4 elements.
    fn pad(&self) -> u64 {
        4 / self.element.bytes(1)
    }

    /// 32-bit registers per lane that `count` matrices of `dtype` take.
    fn registers(&self, count: u64, dtype: DType) -> u64 {
        let edge = u64::from(self.edge);
        dtype.bytes(count * edge * edge).div_ceil(4 * u64::from(self.subgroup))
    }
}

impl Shape {
    /// A shape that holds Q in registers and prefetches K and V; [`Shape::eased`] may turn both off.
    const fn new(sg: u32, rm: u32, bc: u32) -> Self {
        Shape { sg, across: 1, rm, bc, hold: true, prefetch: true, turn: false, slack: SLACK }
    }

    /// Query rows per workgroup.
    pub fn tile(&self, edge: u32) -> u64 {
        u64::from(self.sg / self.across * self.rm * edge)
    }

    pub fn threads(&self, unit: Unit) -> u32 {
        self.sg * unit.subgroup
    }

    /// Subgroups that share a matrix of scores, each with a part of the head: more than 1 where a block of keys has fewer
    /// matrices than there are subgroups.
    fn depth(&self, edge: u32) -> u32 {
        (self.across * edge / self.bc).max(1)
    }

    /// Lanes that share a row of weights, as far as that has vectors for them; 1 where a lane has whole rows.
    fn lanes_each(&self, unit: Unit) -> u32 {
        (unit.subgroup / (self.rm * unit.edge / self.across)).clamp(1, self.bc / 4)
    }

    /// Vectors of 4 elements that a block of K or of V takes in workgroup memory, whichever is more.
    fn block(&self, work: &Attention, unit: Unit) -> u64 {
        let (bc, pad) = (u64::from(self.bc), unit.pad());
        let k = bc * (work.dim / 4 + pad);
        let v = if self.turn { work.value_dim * (bc / 4 + pad) } else { bc * (work.value_dim / 4 + pad) };
        // A latent V is read where K lies.
        if work.latent { k } else { k.max(v) }
    }

    /// Vectors of zeros after a row of Q: subgroups that share a head have as many matrices of it each.
    fn zeros(&self, work: &Attention, unit: Unit) -> u64 {
        let edge = u64::from(unit.edge);
        let even = (work.dim / edge).is_multiple_of(self.depth(unit.edge).into());
        if even { 0 } else { edge / 4 }
    }

    /// Number of parts in which the rows of Q pass through the memory of K and V on their way to registers;
    /// 1 if Q stays in workgroup memory, or if subgroups share a head: each finds its part only when all come at once.
    fn q_parts(&self, work: &Attention, unit: Unit) -> u64 {
        let steps = work.dim / u64::from(unit.edge);
        let room = self.block(work, unit);
        let fits = |parts: &u64| {
            steps.is_multiple_of(*parts) && self.tile(unit.edge) * (work.dim / 4 / parts + unit.pad()) <= room
        };
        if self.hold && self.depth(unit.edge) == 1 { (1..steps).find(fits).unwrap_or(steps) } else { 1 }
    }

    /// Vectors of workgroup memory for K or V, and for Q; the latter is 0 if Q is held in registers.
    fn staged(&self, work: &Attention, unit: Unit) -> (u64, u64) {
        let q_part = self.tile(unit.edge)
            * (work.dim / 4 / self.q_parts(work, unit) + self.zeros(work, unit) + unit.pad());
        let kv = self.block(work, unit);
        // A block of few keys can be smaller than even the smallest part of Q.
        if self.hold { (kv.max(q_part), 0) } else { (kv, q_part) }
    }

    /// Workgroup memory in bytes.
    fn memory(&self, work: &Attention, unit: Unit) -> u64 {
        let (tile, bc) = (self.tile(unit.edge), u64::from(self.bc));
        let strip = bc / 4 * u64::from(self.depth(unit.edge)) + 1;
        let vector = unit.element.bytes(4);
        let (kv, q) = self.staged(work, unit);
        (kv + q) * vector + tile * ((bc / 4 + unit.pad()) * vector + strip * 16 + 4) + 4
    }

    /// 32-bit registers per lane for matrices and prefetched data.
    pub fn registers(&self, work: &Attention, unit: Unit) -> u64 {
        let (rm, edge) = (u64::from(self.rm), u64::from(unit.edge));
        let depth = u64::from(self.depth(unit.edge));
        let columns = (work.value_dim + u64::from(self.bc) * depth) / edge / u64::from(self.across);
        let sums = unit.registers(rm * columns, DType::F32);
        let held =
            if self.hold { unit.registers(rm * (work.dim / edge).div_ceil(depth), unit.element) } else { 0 };
        let block = unit.element.bytes(u64::from(self.bc) * work.dim.max(work.value_dim));
        let ahead = if self.prefetch { block.div_ceil(4 * u64::from(self.threads(unit))) } else { 0 };
        sums + held + ahead
    }

    /// Whether `device` can run this shape.
    pub fn runs(&self, work: &Attention, device: &Capabilities, unit: Unit) -> bool {
        let edge = u64::from(unit.edge);
        let rows = self.rm * unit.edge;
        // The lanes of a subgroup must share its rows evenly, and the lanes of a row its vectors.
        let own = rows / self.across;
        let shared = rows.is_multiple_of(self.across)
            && if own >= unit.subgroup {
                own.is_multiple_of(unit.subgroup)
            } else {
                unit.subgroup.is_multiple_of(own) && (self.bc / 4).is_multiple_of(self.lanes_each(unit))
            };
        let depth = self.depth(unit.edge);
        work.dim.is_multiple_of(edge)
            && work.value_dim.is_multiple_of(edge)
            && self.bc.is_multiple_of(unit.edge)
            && (self.bc * depth).is_multiple_of(unit.edge * self.across)
            && self.across.is_multiple_of(depth)
            && (work.value_dim / edge).is_multiple_of(self.across.into())
            && self.sg.is_multiple_of(self.across)
            && shared
            && u64::from(depth) <= work.dim / edge
            && u64::from(self.threads(unit)) <= device.limits.workgroup_size
            && self.memory(work, unit) <= device.limits.workgroup_memory
            // Software drivers decide for themselves what they keep in registers.
            && (device.is_software() || self.registers(work, unit) <= MOST_REGISTERS)
    }

    /// Whether `device` can run this shape with work for all lanes, and most of a tile lies within the rows of a KV head.
    fn fits(&self, work: &Attention, device: &Capabilities, unit: Unit) -> bool {
        let busy = self.rm * unit.edge / self.across * self.lanes_each(unit) >= unit.subgroup;
        (self.sg == self.across || 2 * head_rows(work) > self.tile(unit.edge))
            && self.depth(unit.edge) == 1
            && busy
            && self.runs(work, device, unit)
    }

    /// This shape, or if it takes more registers than `most`, the same with less in them, of those that `fit`; `None` if
    /// none does.
    pub fn eased(
        self,
        work: &Attention,
        unit: Unit,
        most: u64,
        fit: impl Fn(&Shape) -> bool,
    ) -> Option<Self> {
        let choices = [(true, true), (true, false), (false, true), (false, false)];
        let mut fitting = choices.map(|(hold, prefetch)| Shape { hold, prefetch, ..self }).to_vec();
        fitting.retain(fit);
        fitting.iter().find(|shape| shape.registers(work, unit) <= most).or(fitting.last()).copied()
    }

    /// The variant of the kernel `name`.
    pub fn variant(&self, name: &str, unit: Unit) -> Variant {
        Variant::new(name, Path::Coopmat)
            .with("edge", unit.edge)
            .with("sg", self.sg)
            .with("across", self.across)
            .with("rm", self.rm)
            .with("bc", self.bc)
            .with("hold", self.hold.into())
            .with("prefetch", self.prefetch.into())
            .with("slack", self.slack)
            .with("threads", self.threads(unit))
            .with("turn", self.turn.into())
    }

    pub fn of(variant: &Variant) -> Self {
        Shape {
            sg: variant.knob("sg"),
            across: variant.knob("across"),
            rm: variant.knob("rm"),
            bc: variant.knob("bc"),
            hold: variant.knob("hold") == 1,
            prefetch: variant.knob("prefetch") == 1,
            turn: variant.knob("turn") == 1,
            slack: variant.knob("slack"),
        }
    }
}

/// Whether this kernel can serve `case` on a device with a suitable matrix unit.
fn check(case: &Case) -> Result<bool, PlanError> {
    let work = attention(case);
    check_operands(work)?;
    Ok(is_dense_prefill(work))
}

/// A few untuned variants: the largest tiles that the number of rows and the memory allow.
fn variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let mut found = Vec::new();
    if !check(case)? {
        return Ok(found);
    }
    let work = attention(case);
    for unit in units(work, device) {
        if device.is_software() {
            // Emulated matrices and many exponentials take seconds to compile, so use few of both.
            let plain = |sg| Shape { hold: false, prefetch: false, ..Shape::new(sg, 1, 16) };
            let shapes = [4, 2, 1].map(plain);
            found.extend(shapes.iter().find(|s| s.fits(work, device, unit)).map(|s| s.variant(NAME, unit)));
            continue;
        }
        if unit.is_second_choice(device) {
            continue;
        }
        // Sixteen query rows of two subgroups.
        let rm = 16 / unit.edge;
        let shapes = [(8, 2, 32), (4, 2, 32), (2, 2, 32), (4, 1, 32), (2, 1, 16), (1, 1, 16)];
        let shapes = shapes.map(|(sg, across, bc)| Shape { across, turn: true, ..Shape::new(sg, rm, bc) });
        let fitting = shapes.into_iter().filter_map(|shape| {
            shape.eased(work, unit, GOOD_REGISTERS, |shape| shape.fits(work, device, unit))
        });
        let mut fitting: Vec<Shape> = fitting.collect();
        // A smaller tile rather than fewer subgroups at a time.
        fitting.sort_by_key(|shape| shape.registers(work, unit) > GOOD_REGISTERS);
        found.extend(fitting.iter().take(3).map(|shape| shape.variant(NAME, unit)));
    }
    Ok(found)
}

/// Every shape that fits. How often sums are rescaled and how V lies depend little on the other knobs, so `slack` and
/// `turn` are varied with only a few of them. Software drivers take too long to compile the unrolled products of `hold`.
fn space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if !check(case)? {
        return Ok(Vec::new());
    }
    let work = attention(case);
    let (subgroups, registers): (&[u32], &[(bool, bool)]) = if device.is_software() {
        (&[1, 2, 4], &[(false, false)])
    } else {
        (&[1, 2, 4, 8], &[(true, true), (true, false), (false, true), (false, false)])
    };
    let mut shapes = Vec::new();
    let turn = !device.is_software();
    for &sg in subgroups {
        for rm in [1, 2, 4] {
            for bc in [16, 32, 64] {
                for &(hold, prefetch) in registers {
                    let usual = Shape { hold, prefetch, turn, ..Shape::new(sg, rm, bc) };
                    shapes.push(usual);
                    if sg == 4 {
                        shapes.extend([Shape { slack: 0, ..usual }, Shape { turn: !turn, ..usual }]);
                    }
                    let shares = [2, 4].into_iter().filter(|across| 2 * across <= sg && rm <= 2);
                    shapes.extend(shares.map(|across| Shape { across, ..usual }));
                }
            }
        }
    }
    let of_unit = |unit: Unit| {
        // More than 32 rows per subgroup need more registers than there are, and long blocks of many rows leave room for
        // few subgroups, unless these share them.
        let fit = |shape: &&Shape| {
            let rows = shape.rm * unit.edge;
            let sensible = if shape.across > 1 { rows == 16 } else { rows * shape.bc <= 512 };
            rows <= 32 && shape.fits(work, device, unit) && (device.is_software() || sensible)
        };
        shapes.iter().filter(fit).map(|shape| shape.variant(NAME, unit)).collect::<Vec<_>>()
    };
    Ok(units(work, device).into_iter().flat_map(of_unit).collect())
}

/// Way in which a block of K or V with rows of `width` elements of `dtype` is loaded, of `gemm/stage.wgsl`.
fn run_of(dtype: DType, width: u64, unit: Unit) -> serde_json::Value {
    if dtype == DType::F16 && unit.element == DType::F16 && width.is_multiple_of(8) {
        json!("wide")
    } else {
        json!(2)
    }
}

/// The unit that `variant` uses.
pub(super) fn unit_of(work: &Attention, device: &Capabilities, variant: &Variant) -> Result<Unit, PlanError> {
    let edge = variant.knob("edge");
    let unit = units(work, device).into_iter().find(|unit| unit.edge == edge);
    unit.ok_or_else(|| PlanError::NoSuchVariant(format!("no matrices of edge {edge} here")))
}

/// Template values for `attention/coopmat.wgsl`, without those of the way in which the work is divided.
pub(super) fn body(case: &Case, device: &Capabilities, variant: &Variant, unit: Unit) -> serde_json::Value {
    let (work, shape) = (attention(case), Shape::of(variant));
    // Strides of the steps in which lanes that share a row combine their results.
    let masks: Vec<u32> = (0..shape.lanes_each(unit).ilog2()).map(|bit| 1 << bit).collect();
    let dtype = work.precision.right;
    let more = json!({
        "hold": shape.hold,
        "prefetch": shape.prefetch,
        "subgroup": unit.subgroup,
        "element": unit.element.name(),
        "element_bytes": unit.element.bytes(1),
        "enable_f16": unit.element == DType::F16 || needs_f16(case, device),
        "k_run": run_of(dtype, work.dim, unit),
        "v_run": if shape.turn { json!("turned") } else { run_of(dtype, work.value_dim, unit) },
        "whole_keys": work.keys.is_multiple_of(u64::from(shape.bc)),
        // Metal loads matrices through pointers to elements.
        "flat": device.api == "metal",
        "kv_vectors": shape.staged(work, unit).0,
        "q_parts": shape.q_parts(work, unit),
        "masks": masks,
        "parts": null,
    });
    values(case, device, variant, more)
}

fn plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = attention(case);
    let unit = unit_of(work, device, variant)?;
    let tile = Shape::of(variant).tile(unit.edge);
    let tiles = head_rows(work).div_ceil(tile);
    let groups = work.batch * work.kv_heads * tiles;
    let mut values = body(case, device, variant, unit);
    values["tiles"] = json!(tiles);
    values["groups"] = json!(groups);
    let wgsl = source.render("attention/coopmat.wgsl", values)?;
    Ok(Plan::single(case, device, variant, wgsl, groups, Tile { rows: tile, columns: work.value_dim }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A GPU with square matrices of f16.
    fn gpu(edge: u32, subgroup: u32, memory: u64) -> Capabilities {
        let mut device = Capabilities::example();
        device.features = vec![Feature::ShaderF16, Feature::Subgroup, Feature::CooperativeMatrix];
        (device.subgroup_min, device.subgroup_max) = (subgroup, subgroup);
        device.limits.workgroup_memory = memory;
        device.matrix_shapes = vec![MatrixShape::new(edge, DType::F16, DType::F32)];
        device
    }

    fn case(key: &str) -> Case {
        format!("attention {key}").parse().unwrap()
    }

    fn texts(key: &str, device: &Capabilities) -> Vec<String> {
        variants(&case(key), device).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_large_tile_is_preferred_as_far_as_memory_and_registers_go() {
        let first = |key: &str, memory| texts(key, &gpu(16, 32, memory)).swap_remove(0);
        let key = "f16.f32 b1 hq32 hkv8 q2048 kv2048 d128 causal";
        let wanted = "flash_coopmat across2 bc32 edge16 hold1 prefetch1 rm1 sg8 slack8 threads256 turn1";
        assert_eq!(first(key, 48 << 10), wanted);
        // Workgroup memory of WebGPU's least.
        let small = first(key, 16 << 10);
        assert!(small.contains("across2 bc32") && small.contains("sg2"), "{small}");
        // Q of wide heads does not stay in registers.
        let wide = first("f16.f32 b1 hq8 hkv8 q2048 kv2048 d256", 48 << 10);
        assert!(wide.contains("hold0"), "{wide}");
        // A tile mostly beyond the last row is not preferred.
        let few = first("f16.f32 b1 hq8 hkv8 q20 kv2048 d128", 48 << 10);
        assert!(few.contains("sg4"), "{few}");
        // Lanes of larger subgroups repeat Q on AMD, where both sizes can be had.
        let amd = gpu(16, 64, 64 << 10).but(|it| (it.vendor_id, it.subgroup_sizes) = (0x1002, vec![64, 32]));
        assert!(texts(key, &amd).is_empty());
        let smaller = texts(key, &amd.with_subgroup(32));
        assert!(smaller[0].starts_with("flash_coopmat across2"), "{smaller:?}");
    }

    #[test]
    fn every_common_head_runs_in_the_memory_of_common_devices() {
        for dims in ["d64", "d96", "d128", "d192 dv128", "d256"] {
            for (edge, subgroup) in [(16, 32), (16, 64), (8, 32), (8, 8)] {
                // Eight lanes are too few for the sums of wide heads, except on a software driver.
                let mut device = gpu(edge, subgroup, 32 << 10);
                if subgroup == 8 {
                    device.device_type = portamark_model::device::DeviceType::Software;
                }
                let key = format!("f16.f32 b1 hq8 hkv2 q512 kv512 {dims} causal");
                assert!(!texts(&key, &device).is_empty(), "{dims} with {edge} and {subgroup}");
            }
        }
    }

    #[test]
    fn variants_need_the_extension_one_size_of_subgroups_and_operands_that_fit() {
        let key = "f16.f32 b1 hq8 hkv8 q512 kv512 d64";
        let device = gpu(16, 32, 48 << 10);
        assert!(!texts(key, &device).is_empty());
        for other in ["f32", "bf16.f32", "f16xbf16.f32", "f16"] {
            assert!(texts(&key.replace("f16.f32", other), &device).is_empty(), "{other}");
        }
        for other in ["f16xe4m3.f32", "f16xq8_0.f32", "f16xint4g64.f32", "e4m3.f32"] {
            assert!(!texts(&key.replace("f16.f32", other), &device).is_empty(), "{other}");
        }
        for other in ["q1", "q512 page16", "d72 dv64"] {
            let key = match other {
                "q1" => key.replace("q512 kv512", "q1 kv512"),
                "d72 dv64" => key.replace("d64", other),
                _ => format!("{key} page16"),
            };
            assert!(texts(&key, &device).is_empty(), "{key}");
        }
        let varying = device.clone().but(|it| it.subgroup_min = 16);
        let without = device.but(|it| it.features = vec![Feature::ShaderF16, Feature::Subgroup]);
        assert!(texts(key, &varying).is_empty() && texts(key, &without).is_empty());
    }

    #[test]
    fn matrices_of_f32_take_what_is_no_f16() {
        let mut device = gpu(8, 32, 32 << 10);
        device.features.retain(|feature| *feature != Feature::ShaderF16);
        device.matrix_shapes = vec![MatrixShape::new(8, DType::F32, DType::F32)];
        for format in ["f32", "bf16.f32", "f32xq8_0"] {
            let found = texts(&format!("{format} b1 hq8 hkv8 q512 kv512 d128"), &device);
            assert!(!found.is_empty(), "{format}");
        }
    }

    #[test]
    fn the_space_is_no_larger_than_a_tuner_gets_through() {
        let key = case("f16.f32 b1 hq32 hkv8 q2048 kv2048 d128 causal");
        for edge in [8, 16] {
            let count = space(&key, &gpu(edge, 32, 48 << 10)).unwrap().len();
            assert!((16..160).contains(&count), "{count}");
        }
    }
}
