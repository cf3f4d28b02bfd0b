//! First step of decode attention on a software driver: the lanes of a subgroup share each key.

use super::cache::{block, check, is_step, units, vectors};
use super::sizes::{attention, head_rows};
use crate::error::PlanError;
use portamark_model::device::Capabilities;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Attention, Case};

/// Query rows per workgroup: `rows` rounded up to a power of two, at most `limit`. An idle row costs less
/// than reading the keys once more.
fn pack(rows: u64, limit: u64) -> u64 {
    rows.next_power_of_two().min(limit)
}

/// Scalars per lane for one query row, and for the sums of that row.
fn scalars(work: &Attention, threads: u64) -> (u64, u64) {
    let (k, v) = units(work);
    let each = |units: u64| units.div_ceil(threads) * 4 * vectors(work);
    (each(k), each(v))
}

/// Maximum number of live scalars that software drivers compile in acceptable time; LLVM's compile time
/// grows steeply with this number.
const MOST_SCALARS: u64 = 256;

#[derive(Clone, Copy)]
struct Shape {
    pack: u64,
    block: u64,
    span: u64,
    /// Whether the lanes' shares of the scores are added up after the loop over K.
    gather: bool,
}

impl Shape {
    /// Workgroup memory in bytes: a score per key and row and, with `gather`, each lane's share of it.
    fn memory(&self, threads: u64) -> u64 {
        4 * self.pack * self.span * if self.gather { 1 + threads } else { 1 }
    }
}

fn variant(work: &Attention, threads: u64, shape: &Shape) -> Option<Variant> {
    let Shape { pack, block: keys, span, gather } = *shape;
    let (k_scalars, v_scalars) = scalars(work, threads);
    // Without `gather`, an iteration must yield at least one score per lane.
    let least = if gather { 1 } else { threads.div_ceil(pack) };
    let keys = block(work, keys.max(least));
    let resident = pack * k_scalars <= MOST_SCALARS / 2;
    if keys < least || pack * keys > MOST_SCALARS / 2 || gather && pack > threads {
        return None;
    }
    let passes = (pack * v_scalars).div_ceil(MOST_SCALARS / 2).next_power_of_two();
    let variant = Variant::new("lanes", Path::Subgroup)
        .with("threads", threads as u32)
        .with("pack", pack as u32)
        .with("block", keys as u32)
        .with("span", span as u32)
        .with("resident", u32::from(resident))
        .with("passes", passes as u32);
    Some(if gather { variant.with("gather", 1) } else { variant })
}

fn collect(case: &Case, device: &Capabilities, shapes: &[Shape]) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    check(work)?;
    let Some(threads) = device.fixed_subgroup().filter(|_| device.is_software() && is_step(work)) else {
        return Ok(Vec::new());
    };
    let threads = u64::from(threads);
    let mut variants = Vec::new();
    for shape in shapes {
        let shape = Shape { pack: pack(head_rows(work), shape.pack), ..*shape };
        let Some(variant) = variant(work, threads, &shape) else { continue };
        let fits = shape.memory(threads) <= device.limits.workgroup_memory;
        if fits && !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    Ok(variants)
}

/// Untuned variants, in order of preference.
pub(super) fn variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let shape = |(pack, block, span)| Shape { pack, block, span, gather: false };
    let mut shapes: Vec<Shape> = [(8, 1, 512), (4, 1, 512), (8, 8, 256)].map(shape).into();
    // With a single row and no `gather`, an iteration needs eight keys to have a score per lane. Some
    // drivers run such long code at half the speed.
    if head_rows(attention(case)) == 1 {
        shapes.insert(0, Shape { pack: 1, block: 2, span: 512, gather: true });
    }
    collect(case, device, &shapes)
}

/// Every shape that compiles in acceptable time.
pub(super) fn space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let mut shapes = Vec::new();
    for pack in [1, 2, 4, 8, 16] {
        for block in [1, 2, 4, 8, 16] {
            shapes.extend([128, 512].map(|span| Shape { pack, block, span, gather: false }));
            shapes.extend([128, 512].map(|span| Shape { pack, block, span, gather: true }));
        }
    }
    collect(case, device, &shapes)
}
