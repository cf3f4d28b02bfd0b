//! First step of decode attention on a GPU: each workgroup takes a part of the keys.

use super::cache::{check, is_step, units, vectors};
use super::sizes::{attention, head_rows};
use crate::error::PlanError;
use portamark_model::device::{Capabilities, Feature};
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Attention, Case, DType};

/// Number of invocations that share a key, so that it is read in contiguous runs of 128 bytes.
const LANES: u64 = 8;

/// Maximum number of query scalars that an invocation holds in registers; longer rows wait in workgroup memory.
const MOST_HELD: u64 = 16;

/// Number of loads of 16 bytes that an invocation of a GPU has in flight.
const IN_FLIGHT: u64 = 4;

/// Maximum number of scores that an invocation sums at a time; half of it where keys have scales, which take registers
/// too.
const MOST_SCORES: u64 = 16;

/// Maximum number of scalars of the output that an invocation sums. With four loads of 16 bytes and the addresses
/// this is about 64 registers, with which 8 subgroups stay resident on a scheduler of most GPUs.
const MOST_SUMS: u64 = 32;

/// Words of workgroup memory for a query row that is not held in registers; pairs of f16 share a word, as
/// `attention/split.wgsl` decides too.
fn query_words(work: &Attention) -> u64 {
    let pairs = work.precision.input == DType::F16 && vectors(work).is_multiple_of(2);
    let scalars = units(work).0.div_ceil(LANES) * LANES * 4 * vectors(work);
    if pairs { scalars / 2 } else { scalars }
}

/// The largest power of two that is at most `x`; 0 for 0.
fn floor_power_of_two(x: u64) -> u64 {
    x.checked_ilog2().map_or(0, |bits| 1 << bits)
}

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
    let k_chunks = k_units.div_ceil(LANES);
    // Rows whose scores an invocation sums together; a vector of K is then loaded once for all of them.
    let most_scores = if work.precision.right.group().is_some() { MOST_SCORES / 2 } else { MOST_SCORES };
    let together = pack.min(most_scores / IN_FLIGHT);
    let held = together * k_chunks * each <= MOST_HELD;
    // Software drivers take long to compile long turns.
    let in_flight = if device.is_software() { 1 } else { IN_FLIGHT };
    let keys = if held { (in_flight / k_chunks).max(1) } else { in_flight };
    let rows = if held { together } else { pack.min(most_scores / keys) };
    let columns = v_units.next_power_of_two().min(threads);
    let v_chunks = v_units.div_ceil(columns);
    let v_rows = pack.min(floor_power_of_two(MOST_SUMS / (v_chunks * each)));
    if v_rows == 0 {
        return None;
    }
    let slots = threads / (LANES * pack / rows);
    let v_slots = threads / (columns * pack / v_rows);
    let least = slots.max(v_slots);
    if slots == 0 || v_slots == 0 || !span.is_multiple_of(least) {
        return None;
    }
    // A turn of a loop may be no longer than a part.
    let turn = |keys: u64, slots: u64| keys.min(span / slots);
    let (keys, v_keys) = (turn(keys, slots), turn((in_flight / v_chunks).max(1), v_slots));
    // Where a page holds the keys of whole turns, one look-up is enough for a turn.
    let turns = (keys * slots).max(v_keys * v_slots);
    let block = if work.page.is_some_and(|page| page.is_multiple_of(turns)) { turns } else { least };
    let shuffle = device.has(Feature::Subgroup) && u64::from(device.subgroup_min) >= LANES;
    let products = if shuffle { 0 } else { pack * slots * LANES };
    let gathered = if v_slots > 1 { threads * 4 } else { 0 };
    let queries = if held { 0 } else { pack * query_words(work) };
    let memory = 4 * (gathered.max(pack * span) + 16 * pack + products + queries);
    let fits = threads <= device.limits.workgroup_size
        && memory <= device.limits.workgroup_memory
        && work.page.is_none_or(|page| page.is_multiple_of(block));
    fits.then(|| {
        Variant::new("split", if shuffle { Path::Subgroup } else { Path::Vector })
            .with("threads", threads as u32)
            .with("span", span as u32)
            .with("pack", pack as u32)
            .with("lanes", LANES as u32)
            .with("held", held.into())
            .with("rows_each", rows as u32)
            .with("keys_each", keys as u32)
            .with("columns", columns as u32)
            .with("v_rows", v_rows as u32)
            .with("v_keys", v_keys as u32)
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
    } else if head_rows(work) <= 4 {
        &[(128, long, 4), (128, 256, 2), (64, 64, 4), (256, 256, 4), (64, 64, 1)]
    } else if query_words(work) >= 128 {
        // Sixteen rows would take so much workgroup memory that too few subgroups stay resident.
        &[(256, 128, 8), (256, 128, 16), (128, long, 8), (128, 256, 4), (64, 64, 4)]
    } else {
        &[(256, 128, 16), (256, 128, 8), (128, long, 8), (128, 256, 4), (64, 64, 4)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::device::DeviceType;

    /// The knobs of the preferred variant of `key` on a GPU with subgroups of 32.
    fn first(key: &str) -> Variant {
        let device = Capabilities::example().but(|it| {
            it.device_type = DeviceType::Discrete;
            it.features = vec![Feature::Subgroup, Feature::ShaderF16];
            (it.subgroup_min, it.subgroup_max) = (32, 32);
            it.limits.workgroup_memory = 32 << 10;
        });
        let found = variants(&format!("attention {key}").parse().unwrap(), &device).unwrap();
        found.into_iter().next().unwrap_or_else(|| panic!("nothing for {key}"))
    }

    #[test]
    fn short_queries_stay_in_registers_and_four_loads_are_in_flight() {
        // A row of 128 f16 is 16 units of 16 bytes: two for each of eight lanes, so two keys make four loads.
        let one_head = first("f16.f32 b1 hq32 hkv32 q1 kv4096 d128");
        assert_eq!([one_head.knob("held"), one_head.knob("keys_each")], [1, 2]);
        // Sixteen lanes own a row of V.
        assert_eq!([one_head.knob("columns"), one_head.knob("v_keys")], [16, 4]);
        let four = first("f16.f32 b1 hq32 hkv8 q1 kv4096 d128");
        let knobs = ["held", "pack", "rows_each", "keys_each", "v_rows"].map(|name| four.knob(name));
        assert_eq!(knobs, [0, 4, 4, 4, 4]);
    }

    #[test]
    fn rows_that_fill_workgroup_memory_are_packed_by_eight() {
        // A query row of 576 f16 is 1152 bytes: sixteen would be 18 KiB.
        let latent = first("f16.f32 b1 hq128 hkv1 q1 kv4096 d576 dv512 latent");
        assert_eq!([latent.knob("pack"), latent.knob("threads")], [8, 256]);
        assert_eq!(first("f16.f32 b1 hq32 hkv1 q1 kv4096 d128").knob("pack"), 16);
    }

    #[test]
    fn a_page_of_whole_turns_is_looked_up_once() {
        // 16 slots of four keys are the longest turn.
        assert_eq!(first("f16.f32 b1 hq32 hkv8 q1 kv4096 d128 page64").knob("block"), 64);
        assert_eq!(first("f16.f32 b1 hq32 hkv8 q1 kv4096 d128 page16").knob("block"), 16);
    }
}
