//! Products with tiles in workgroup memory, for GPUs.

use super::sizes::{ends_inside_a_word, gemm};
use super::space::{self, Estimate};
use super::split;
use crate::budget::lane_registers;
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Gemm, Tile, Workload};
use serde_json::json;

/// The `gemm` kernel with tiles in workgroup memory.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Gemm::FAMILY,
    name: "tiled",
    summary: "tiles in workgroup memory, register tiles of whole vec4s, split-K where tiles are few",
    variants: tiled_variants,
    space: tiled_space,
    plan: tiled_plan,
}];

/// The knobs of one variant.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shape {
    bm: u32,
    bn: u32,
    bk: u32,
    tm: u32,
    tn: u32,
    prefetch: u32,
    order: u32,
    split: u32,
}

/// Smallest edge of a tile, in elements.
const LEAST: u64 = 16;
/// Multiply-adds per loaded element that make a tile worth trying, provided there are enough tiles.
const INTENSITY: f64 = 32.0;
/// Choices for the elements of k in workgroup memory (`bk`), in order of preference.
const DEPTHS: [u32; 3] = [16, 32, 8];
/// Maximum invocations per workgroup; more would only wait for one another.
const MOST_THREADS: u32 = 256;

impl Shape {
    /// Shape with this tile and default values of the other knobs for GPUs.
    fn usual(work: &Gemm, [bm, bn, bk, tm, tn]: [u32; 5]) -> Self {
        let shape = Shape { bm, bn, bk, tm, tn, prefetch: 0, order: 4, split: 1 };
        // Prefetching pays off as long as its registers don't keep other workgroups from running.
        let prefetch = u32::from(shape.registers() <= space::GOOD_REGISTERS);
        Shape { prefetch, split: space::usual_split(work, shape.tile(), bk), ..shape }
    }

    fn tile(&self) -> Tile {
        Tile { rows: self.bm.into(), columns: self.bn.into() }
    }

    fn threads(&self) -> u32 {
        (self.bm / self.tm) * (self.bn / self.tn)
    }

    fn registers(&self) -> u32 {
        space::registers([self.bm, self.bn, self.bk], [self.tm, self.tn], self.threads())
    }

    fn fits(&self, work: &Gemm, device: &Capabilities) -> bool {
        // Rows of both tiles are padded by one vec4.
        let memory = u64::from(self.bk * (self.bm + self.bn + 8)) * work.precision.accumulate.bytes(1);
        space::fits(device, self.threads().into(), memory)
    }

    /// Whether tuning should try this shape.
    fn is_worth_trying(&self, work: &Gemm, device: &Capabilities) -> bool {
        let threads = self.threads();
        (32..=MOST_THREADS).contains(&threads)
            && self.fits(work, device)
            && space::fills_subgroups(device, threads.into())
            && self.registers() <= lane_registers(device)
            && [self.bm, self.bn].iter().all(|edge| space::shares_evenly(*edge, self.bk, threads, 4))
            && (self.bk <= 16 || u64::from(self.bk) <= work.k)
            && space::worth(work, self.tile(), LEAST, INTENSITY)
    }

    fn speed(&self, work: &Gemm) -> f64 {
        let reuse = f64::from(self.tm * self.tn) / f64::from(self.tm + self.tn);
        let threads = self.threads().into();
        Estimate { tile: self.tile(), threads, split: self.split, reuse }.speed(work)
    }

    /// Shapes worth trying that have the same tile and differ in one other knob.
    fn variations(&self, work: &Gemm, device: &Capabilities) -> Vec<Self> {
        let mut shapes = vec![Shape { prefetch: 1 - self.prefetch, ..*self }];
        let deeper = DEPTHS.into_iter().filter(|bk| *bk != self.bk);
        let deeper = deeper.map(|bk| Self::usual(work, [self.bm, self.bn, bk, self.tm, self.tn]));
        shapes.extend(deeper.filter(|shape| shape.is_worth_trying(work, device)));
        shapes.extend(
            space::other_splits(work, self.tile(), self.bk, self.split).map(|split| Shape { split, ..*self }),
        );
        if space::order_matters(work, self.tile()) {
            shapes.extend([8, 1].map(|order| Shape { order, ..*self }));
        }
        shapes
    }

    fn variant(&self) -> Variant {
        Variant::new("tiled", Path::Vector)
            .with("bm", self.bm)
            .with("bn", self.bn)
            .with("bk", self.bk)
            .with("tm", self.tm)
            .with("tn", self.tn)
            .with("prefetch", self.prefetch)
            .with("order", self.order)
            .with("split", self.split)
    }
}

/// The only shape on software drivers, for comparison: barriers cost them more than everything else.
const SOFTWARE: Shape = Shape { bm: 32, bn: 32, bk: 8, tm: 4, tn: 4, prefetch: 0, order: 1, split: 1 };

/// Default values of (bm, bn, bk, tm, tn) for GPUs: first for large products, then for products with few tiles.
const USUAL: [[u32; 5]; 10] = [
    [128, 128, 16, 8, 8],
    [128, 128, 8, 8, 8],
    [64, 128, 16, 8, 8],
    [128, 64, 16, 8, 8],
    [64, 64, 16, 8, 8],
    [64, 128, 16, 4, 8],
    [64, 64, 16, 4, 4],
    [32, 64, 16, 4, 4],
    [32, 32, 16, 4, 4],
    [16, 64, 32, 4, 4],
];

fn tiled_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = gemm(case);
    if ends_inside_a_word(case, device) {
        return Ok(Vec::new());
    }
    if device.is_software() {
        return Ok(Some(SOFTWARE).filter(|s| s.fits(work, device)).iter().map(Shape::variant).collect());
    }
    let mut shapes = USUAL.map(|shape| Shape::usual(work, shape));
    shapes.sort_by(|a, b| b.speed(work).total_cmp(&a.speed(work)));
    shapes.sort_by_key(|shape| shape.registers() > lane_registers(device));
    Ok(shapes.iter().filter(|shape| shape.fits(work, device)).map(Shape::variant).collect())
}

fn tiled_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = gemm(case);
    if device.is_software() || ends_inside_a_word(case, device) {
        return tiled_variants(case, device);
    }
    let mut shapes = Vec::new();
    let edges = [128, 64, 32, 256, 96, 16];
    for (bm, bn) in edges.into_iter().flat_map(|bm| edges.map(|bn| (bm, bn))) {
        for (tm, tn) in [(8, 8), (4, 8), (8, 4), (4, 4), (16, 4)] {
            let mut depths = DEPTHS.into_iter().map(|bk| Shape::usual(work, [bm, bn, bk, tm, tn]));
            shapes.extend(depths.find(|shape| shape.is_worth_trying(work, device)));
        }
    }
    let ranked = space::ranked(shapes, |shape| shape.speed(work), |shape| shape.variations(work, device));
    Ok(ranked.iter().map(Shape::variant).collect())
}

fn tiled_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let tile = Tile { rows: variant.knob("bm").into(), columns: variant.knob("bn").into() };
    let more = json!({ "prefetch": variant.knob("prefetch") == 1 });
    split::plan(case, device, variant, source, "gemm/tiled.wgsl", tile, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu() -> Capabilities {
        let mut device = Capabilities::example().but(|it| {
            it.subgroup_min = 32;
            it.subgroup_max = 32;
        });
        device.limits.workgroup_memory = 48 << 10;
        device.limits.workgroup_size = 1024;
        device
    }

    /// Name and knobs of the variant that runs untuned.
    fn first(key: &str) -> String {
        tiled_variants(&key.parse().unwrap(), &gpu()).unwrap()[0].to_string()
    }

    #[test]
    fn the_tile_that_runs_untuned_fits_the_product() {
        let large = first("gemm f32 m4096 n4096 k4096 nn");
        assert_eq!(large, "tiled bk16 bm128 bn128 order4 prefetch1 split1 tm8 tn8");
        // Sixteen tiles of 128 x 128 would leave 48 of 64 units idle.
        let middling = first("gemm f32 m512 n512 k512 nn");
        assert_eq!(middling, "tiled bk16 bm64 bn64 order4 prefetch1 split1 tm4 tn4");
        // 16 tiles of 16 x 64, in eight parts each.
        let narrow = first("gemm f32 m16 n1024 k4096 nn");
        assert_eq!(narrow, "tiled bk32 bm16 bn64 order4 prefetch1 split8 tm4 tn4");
    }

    #[test]
    fn a_search_of_a_minute_can_look_at_the_space() {
        let shapes =
            ["m4096 n4096 k4096", "m512 n512 k512", "m16 n4096 k4096", "m1 n33 k5", "b64 m128 n128 k64"];
        for shape in shapes {
            let case: Case = format!("gemm f32 {shape} nn").parse().unwrap();
            let space = tiled_space(&case, &gpu()).unwrap();
            assert!((5..=100).contains(&space.len()), "{shape}: {}", space.len());
            for (place, variant) in space.iter().enumerate() {
                assert!(!space[..place].contains(variant), "{shape}: {variant} is there twice");
            }
        }
    }

    #[test]
    fn a_software_driver_has_one_shape_to_compare_with() {
        let device = gpu().but(|it| it.device_type = portamark_model::device::DeviceType::Software);
        let case = "gemm f32 m16 n1024 k4096 nn".parse().unwrap();
        let space = tiled_space(&case, &device).unwrap();
        assert_eq!(space, [SOFTWARE.variant()]);
    }
}
