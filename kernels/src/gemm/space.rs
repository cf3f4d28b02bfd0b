//! Rules that decide which tiles of a product are worth trying on a GPU, and in which order. They depend on
//! tiles, not on kernels. Limits of the device are hard; the other rules exclude what is slow on every GPU,
//! so that a search spends its time on what may be fast.

use portamark_model::device::Capabilities;
use portamark_model::workload::{Gemm, Tile};

/// Assumed number of compute units of a GPU, half of those of a large one. No API reports the actual number,
/// which ranges from 16 to about 150.
pub const UNITS: u64 = 64;

/// Invocations that a compute unit needs to hide latency: eight subgroups of 32.
const UNIT_THREADS: u64 = 256;

/// Numbers of parts of k that are tried.
pub const SPLITS: [u32; 5] = [1, 2, 3, 4, 8];

/// Minimum length of a part of k; a shorter one is not worth the partial sums that it writes.
const LEAST_PART: u64 = 256;

/// Minimum k that is split by default; a shorter one is split only if tuning finds that faster.
const LEAST_SPLIT_K: u64 = 2048;

/// Maximum registers per invocation with which two or more workgroups share a compute unit.
pub const GOOD_REGISTERS: u32 = 128;

/// Minimum useful fraction of the area that the tiles cover, as [`useful`] defines it.
const LEAST_USEFUL: f64 = 0.6;

/// Maximum number of base shapes in a space, and of those whose variations are added. Together they are more
/// than a search of one minute can measure.
const MOST_BASES: usize = 24;
const MOST_VARIED: usize = 8;

/// Whether `device` can run a workgroup of `threads` invocations with `memory` bytes of workgroup memory.
pub fn fits(device: &Capabilities, threads: u64, memory: u64) -> bool {
    threads <= device.limits.workgroup_size && memory <= device.limits.workgroup_memory
}

/// Whether `threads` invocations fill whole subgroups, whichever subgroup size of `device` is used.
pub fn fills_subgroups(device: &Capabilities, threads: u64) -> bool {
    threads.is_multiple_of(u64::from(device.subgroup_max.max(1)))
}

/// Estimated registers per invocation: tm x tn sums, their operands, the share of one of `threads`
/// invocations in the next tiles of A and B, and addresses.
pub fn registers([bm, bn, bk]: [u32; 3], [tm, tn]: [u32; 2], threads: u32) -> u32 {
    tm * tn + tm + tn + (bm + bn) * bk / threads + 20
}

/// Whether `threads` invocations evenly share the loads of `extent` x `bk` elements, `run` elements each.
pub fn shares_evenly(extent: u32, bk: u32, threads: u32, run: u32) -> bool {
    (extent * bk).is_multiple_of(threads * run)
}

/// Number of tiles of C over all members of the batch.
fn tiles(work: &Gemm, tile: Tile) -> u64 {
    work.batch * work.m.div_ceil(tile.rows) * work.n.div_ceil(tile.columns)
}

/// Multiply-adds per element that a tile loads.
fn intensity(rows: u64, columns: u64) -> f64 {
    (rows * columns) as f64 / (rows + columns) as f64
}

/// Useful fraction of the area that tiles of size `tile` cover. `least` is the smallest edge of a tile, so
/// the area beyond the edge of C that even such tiles cover counts as useful.
fn useful(work: &Gemm, tile: Tile, least: u64) -> f64 {
    let along =
        |extent: u64, by: u64| extent.next_multiple_of(least) as f64 / extent.next_multiple_of(by) as f64;
    along(work.m, tile.rows) * along(work.n, tile.columns)
}

/// Whether `tile` is worth trying for `work`: most of its area is useful, and it reaches `wanted`
/// multiply-adds per loaded element, or `LEAST_USEFUL` times what a narrow C allows. If larger tiles would be
/// fewer than the compute units, small ones may be faster, so the second condition is dropped. `least` is
/// the smallest edge of a tile.
pub fn worth(work: &Gemm, tile: Tile, least: u64, wanted: f64) -> bool {
    // A square tile of edge 2 w has w multiply-adds per loaded element.
    let edge = 2 * wanted as u64;
    let few = tiles(work, Tile { rows: edge, columns: edge }) < UNITS;
    let bound = wanted.min(LEAST_USEFUL * intensity(work.m, work.n));
    useful(work, tile, least) >= LEAST_USEFUL && (few || intensity(tile.rows, tile.columns) >= bound)
}

/// Whether the order of tiles can matter: there are more than four rows and four columns of them.
pub fn order_matters(work: &Gemm, tile: Tile) -> bool {
    work.m.div_ceil(tile.rows) > 4 && work.n.div_ceil(tile.columns) > 4
}

/// Length of the parts when k is split into `split` parts that are multiples of `bk`; the last one may be
/// shorter. `None` if the parts would be too short or fewer than `split`.
pub fn part_of(k: u64, split: u32, bk: u32) -> Option<u64> {
    if split <= 1 {
        return Some(k);
    }
    let split = u64::from(split);
    let part = k.div_ceil(split).next_multiple_of(bk.into());
    (k >= split * LEAST_PART && k.div_ceil(part) == split).then_some(part)
}

/// Default number of parts of k: enough for up to two workgroups per compute unit, at most eight, each with
/// at least 256 elements of k. The Vulkan backend of llama.cpp splits from the same k on and has the same
/// bounds.
pub fn usual_split(work: &Gemm, tile: Tile, bk: u32) -> u32 {
    if work.k < LEAST_SPLIT_K {
        return 1;
    }
    let wanted = 2 * UNITS / tiles(work, tile);
    let possible = |split: &u32| u64::from(*split) <= wanted && part_of(work.k, *split, bk).is_some();
    SPLITS.into_iter().rev().find(possible).unwrap_or(1)
}

/// Other numbers of parts to try: those with at most four workgroups per compute unit, and no split.
pub fn other_splits(work: &Gemm, tile: Tile, bk: u32, split: u32) -> impl Iterator<Item = u32> {
    let (k, tiles) = (work.k, tiles(work, tile));
    SPLITS.into_iter().filter(move |other| {
        *other != split
            && part_of(k, *other, bk).is_some()
            && (*other == 1 || u64::from(*other) * tiles <= 4 * UNITS)
    })
}

/// Properties of a variant from which its speed is estimated without running it.
#[derive(Clone, Copy)]
pub struct Estimate {
    /// Tile of C that a workgroup computes.
    pub tile: Tile,
    /// Invocations per workgroup.
    pub threads: u64,
    /// Number of parts that k is split into.
    pub split: u32,
    /// Multiply-adds per operand read from workgroup memory.
    pub reuse: f64,
}

impl Estimate {
    /// Estimated speed relative to that of arithmetic alone: the useful fraction of the area, times the
    /// fraction of compute units that are busy, times the fraction of the time that loads leave. A load from
    /// memory is assumed to cost as much as 32 multiply-adds of an invocation, a load from workgroup memory
    /// as much as one.
    pub fn speed(&self, work: &Gemm) -> f64 {
        let tiles = tiles(work, self.tile);
        let area = (tiles * self.tile.rows * self.tile.columns) as f64;
        let useful = (work.batch * work.m * work.n) as f64 / area;
        let groups = tiles * u64::from(self.split);
        let waves = groups as f64 / groups.next_multiple_of(UNITS) as f64;
        let threads = (groups * self.threads) as f64 / (UNITS * UNIT_THREADS) as f64;
        // Each part writes its sums once and they are read once.
        let sums = if self.split > 1 { 2.0 * f64::from(self.split) } else { 0.0 };
        let products = useful * intensity(self.tile.rows, self.tile.columns);
        let loads = work.k as f64 / products + sums;
        let memory = work.k as f64 / (work.k as f64 + 32.0 * loads);
        useful * waves.min(threads) * memory * self.reuse / (self.reuse + 1.0)
    }
}

/// Returns `shapes` in the order in which to try them: by decreasing `speed`, then the variations of the best
/// ones. A search that ends early has then tried each tile once before it tries one again.
pub fn ranked<S>(mut shapes: Vec<S>, speed: impl Fn(&S) -> f64, variations: impl Fn(&S) -> Vec<S>) -> Vec<S> {
    // The sort is stable: shapes with equal speed keep their order.
    shapes.sort_by(|a, b| speed(b).total_cmp(&speed(a)));
    shapes.truncate(MOST_BASES);
    let varied: Vec<S> = shapes.iter().take(MOST_VARIED).flat_map(variations).collect();
    shapes.extend(varied);
    shapes
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::workload::Workload;

    fn work(key: &str) -> Gemm {
        Gemm::parse(key).unwrap()
    }

    fn tile(rows: u64, columns: u64) -> Tile {
        Tile { rows, columns }
    }

    #[test]
    fn limits_and_subgroups_of_the_device_bound_a_workgroup() {
        // 16384 bytes, 256 invocations, subgroups of 8.
        let mut device = Capabilities::example();
        assert!(fits(&device, 256, 16_384));
        assert!(!fits(&device, 257, 16_384) && !fits(&device, 256, 16_385));
        assert!(fills_subgroups(&device, 24) && !fills_subgroups(&device, 28));
        // If sizes vary, the largest one counts; without subgroups every number is fine.
        device.subgroup_max = 32;
        assert!(!fills_subgroups(&device, 24));
        device.subgroup_max = 0;
        assert!(fills_subgroups(&device, 7));
    }

    #[test]
    fn registers_are_sums_operands_shares_and_addresses() {
        // 64 sums, 8 + 8 operands, (128 + 128) 16 / 256 = 16 loads, 20 more.
        assert_eq!(registers([128, 128, 16], [8, 8], 256), 116);
        // The same sums for 64 invocations, each of which loads 128 * 16 / 64 = 32.
        assert_eq!(registers([64, 64, 16], [8, 8], 64), 132);
        assert!(registers([256, 256, 32], [16, 16], 256) > 255);
    }

    #[test]
    fn a_tile_is_shared_evenly_or_not() {
        // 64 x 16 elements are 256 vec4s.
        assert!(shares_evenly(64, 16, 256, 4) && shares_evenly(64, 16, 64, 4));
        assert!(!shares_evenly(32, 16, 256, 4) && !shares_evenly(64, 16, 192, 4));
    }

    #[test]
    fn a_tile_covers_little_more_than_the_product() {
        // Tiles of 16 would cover at least 112 of 100 rows and columns; tiles of 128 cover 128, so 7/8 of
        // each is useful.
        assert_eq!(useful(&work("f32 m100 n100 k8 nn"), tile(128, 128), 16), 0.765_625);
        // For one row, a tile of 16 rows is the smallest; a tile of 32 rows wastes area.
        let row = work("f32 m1 n4096 k64 nn");
        assert!(worth(&row, tile(16, 64), 16, 32.0));
        assert!(!worth(&row, tile(32, 64), 16, 32.0));
    }

    #[test]
    fn small_tiles_are_for_few_tiles() {
        let large = work("f32 m4096 n4096 k64 nn");
        // 64 * 64 / 128 = 32 products for each load; 64 * 32 / 96 are 21.
        assert!(worth(&large, tile(64, 64), 16, 32.0));
        assert!(!worth(&large, tile(64, 32), 16, 32.0));
        // 7 x 9 tiles of 64 x 64 are fewer than the units, 8 x 8 are not.
        assert!(worth(&work("f32 m448 n576 k64 nn"), tile(64, 32), 16, 32.0));
        assert!(!worth(&work("f32 m512 n512 k64 nn"), tile(64, 32), 16, 32.0));
        // With 16 rows, at most 16 products for each load are possible: 16 * 32 / 48 = 10.7 exceed 60 % of it.
        let narrow = work("f32 m16 n8192 k64 nn");
        assert!(worth(&narrow, tile(16, 32), 16, 32.0));
        assert!(!worth(&narrow, tile(16, 16), 16, 32.0));
    }

    #[test]
    fn parts_are_whole_tiles_long_enough_and_none_is_empty() {
        assert_eq!(part_of(4096, 8, 16), Some(512));
        // 2050 / 8 = 256.25, rounded up to 272; seven of them leave 146.
        assert_eq!(part_of(2050, 8, 16), Some(272));
        // 2050 / 8 rounded up to tiles of 64 is 320: seven parts are enough.
        assert_eq!(part_of(2050, 8, 64), None);
        assert_eq!(part_of(1000, 3, 16), Some(336));
        assert_eq!(part_of(1000, 4, 16), None);
        assert_eq!(part_of(7, 1, 16), Some(7));
    }

    #[test]
    fn k_is_split_where_tiles_are_few_and_k_is_long() {
        let of = |key: &str, tile: Tile| usual_split(&work(key), tile, 16);
        // One tile: the maximum number of parts.
        assert_eq!(of("f32 m16 n64 k4096 nn", tile(16, 64)), 8);
        // 32 tiles: 2 * 64 / 32 = 4. 40 tiles: 3. 64: 2. 65: one.
        assert_eq!(of("f32 m16 n2048 k4096 nn", tile(16, 64)), 4);
        assert_eq!(of("f32 m16 n2560 k4096 nn", tile(16, 64)), 3);
        assert_eq!(of("f32 b2 m16 n2048 k4096 nn", tile(16, 64)), 2);
        assert_eq!(of("f32 m16 n4160 k4096 nn", tile(16, 64)), 1);
        assert_eq!(of("f32 m16 n64 k2047 nn", tile(16, 64)), 1);
        // Parts of at least 256.
        assert_eq!(of("f32 m16 n64 k2048 nn", tile(16, 64)), 8);
        // 22 tiles allow 5 parts, of which 4 is tried. 22 * 8 = 176 workgroups are at most 4 * 64.
        let wide = work("f32 m16 n1408 k4096 nn");
        assert_eq!(usual_split(&wide, tile(16, 64), 16), 4);
        assert_eq!(other_splits(&wide, tile(16, 64), 16, 4).collect::<Vec<_>>(), [1, 2, 3, 8]);
        let wider = work("f32 m16 n8192 k4096 nn");
        assert_eq!(other_splits(&wider, tile(16, 64), 16, 1).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn the_estimate_multiplies_what_each_resource_leaves() {
        let estimate = Estimate { tile: tile(64, 64), threads: 256, split: 1, reuse: 1.0 };
        // All 64 units have one workgroup of 256; 32 products for each load that costs 32.
        assert_eq!(estimate.speed(&work("f32 m512 n512 k64 nn")), 0.25);
        // Half of them.
        assert_eq!(estimate.speed(&work("f32 m256 n512 k64 nn")), 0.125);
        // Two parts make them all busy again, for 4 words more than the 4096 / 32 of each sum.
        let split = Estimate { split: 2, ..estimate };
        let expected = 0.5 * 4096.0 / (4096.0 + 32.0 * (128.0 + 4.0));
        assert_eq!(split.speed(&work("f32 m256 n512 k4096 nn")), expected);
        // Half of each tile is useful: half of the area, 16 products for each load.
        let half = work("f32 m32 n4096 k64 nn");
        assert_eq!(estimate.speed(&half), 0.5 * (1.0 / 3.0) * 0.5);
    }

    #[test]
    fn a_tile_that_fits_promises_more_than_one_that_is_mostly_empty() {
        let narrow = work("f32 m16 n64 k4096 nn");
        let estimate = |rows, threads| Estimate { tile: tile(rows, 64), threads, split: 8, reuse: 2.0 };
        assert!(estimate(16, 64).speed(&narrow) > estimate(64, 256).speed(&narrow));
    }

    #[test]
    fn every_base_comes_before_a_variation() {
        let ranked = ranked(vec![1, 3, 2, 3], |n| f64::from(*n), |n| vec![10 * n]);
        assert_eq!(ranked, [3, 3, 2, 1, 30, 30, 20, 10]);
        let many = super::ranked((0..100).collect(), |n: &i32| f64::from(-n), |n| vec![100 + n, 200 + n]);
        assert_eq!(many.len(), MOST_BASES + 2 * MOST_VARIED);
        assert_eq!((many[0], many[MOST_BASES]), (0, 100));
    }
}
