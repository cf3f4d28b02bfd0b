//! First step of decode attention on a GPU: each workgroup takes a part of the keys.

use super::cache::{check, is_step, units, vectors};
use super::sizes::{attention, head_rows};
use crate::error::PlanError;
use portamark_model::device::{Capabilities, Feature};
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Attention, Case};

/// Number of invocations that share a key, so that it is read in contiguous runs of 128 bytes.
const LANES: u64 = 8;

/// Maximum registers for query rows, and for sums: each half of what an invocation has on most GPUs.
const MOST_SCALARS: u64 = 128;

struct Shape {
    threads: u64,
    span: u64,
    pack: u64,
}

/// The variant of this shape; `None` if it exceeds a limit of the device or a page holds no whole blocks.
fn variant(work: &Attention, device: &Capabilities, shape: &Shape) -> Option<Variant> {
    let Shape { threads, span, pack } = *shape;
    let (k_units, v_units) = units(work);
    let each = 4 * vectors(work);
    // Give each invocation as many rows as fit into its registers.
    let k_scalars = k_units.div_ceil(LANES) * each;
    let mut rows = pack;
    while rows > 1 && rows * k_scalars > MOST_SCALARS {
        rows /= 2;
    }
    let columns = v_units.next_power_of_two().min(threads);
    let v_chunks = v_units.div_ceil(columns);
    let sharing = LANES * pack / rows;
    let (slots, v_slots) = (threads / sharing, threads / columns);
    let block = slots.max(v_slots);
    let shuffle = device.has(Feature::Subgroup) && u64::from(device.subgroup_min) >= LANES;
    let products = if shuffle { 0 } else { pack * slots * LANES };
    let gathered = if v_slots > 1 { threads * v_chunks * each } else { 0 };
    let memory = 4 * (pack * (span + 16) + products + gathered);
    let fits = threads <= device.limits.workgroup_size
        && memory <= device.limits.workgroup_memory
        && slots > 0
        && span.is_multiple_of(block)
        && pack * v_chunks * each <= MOST_SCALARS
        && work.page.is_none_or(|page| page.is_multiple_of(block));
    fits.then(|| {
        Variant::new("split", if shuffle { Path::Subgroup } else { Path::Vector })
            .with("threads", threads as u32)
            .with("span", span as u32)
            .with("pack", pack as u32)
            .with("lanes", LANES as u32)
            .with("rows_each", rows as u32)
            .with("columns", columns as u32)
            .with("block", block as u32)
            .with("shuffle", u32::from(shuffle))
    })
}

fn collect(
    case: &Case,
    device: &Capabilities,
    shapes: impl Iterator<Item = Shape>,
) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    check(work)?;
    let mut variants = Vec::new();
    if is_step(work) {
        for shape in shapes {
            let pack = head_rows(work).next_power_of_two().min(shape.pack);
            let found = variant(work, device, &Shape { pack, ..shape });
            variants.extend(found.filter(|found| !variants.contains(found)));
        }
    }
    Ok(variants)
}

/// Untuned variants, in order of preference.
pub(super) fn variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    // Use long parts if there are enough workgroups anyway.
    let heads = work.batch * work.kv_heads;
    let long = if heads * work.keys.div_ceil(256) >= 256 { 256 } else { 128 };
    let choices: &[(u64, u64, u64)] = if device.is_software() {
        &[(64, 128, 4)]
    } else {
        &[(128, long, 16), (128, long, 8), (128, 256, 4), (64, 64, 4), (256, 256, 8), (64, 64, 1)]
    };
    collect(case, device, choices.iter().map(|&(threads, span, pack)| Shape { threads, span, pack }))
}

/// Every shape that fits the limits of the device.
pub(super) fn space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if device.is_software() {
        return variants(case, device);
    }
    let mut shapes = Vec::new();
    for threads in [64, 128, 256] {
        for span in [64, 128, 256, 512] {
            shapes.extend([1, 2, 4, 8, 16].map(|pack| Shape { threads, span, pack }));
        }
    }
    collect(case, device, shapes.into_iter())
}
