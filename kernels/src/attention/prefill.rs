//! Kernels of prefill: attention with many query rows.

use super::sizes::{attention, check_operands, head_rows, values};
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::operand::needs_f16;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::vendor::Vendor;
use portamark_model::workload::{Attention, Case, DType, Tile, Workload};
use serde_json::json;

/// Kernels of prefill, in order of preference; all of them split the query rows.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Attention::FAMILY,
        name: "flash_rows",
        summary: "every invocation owns query rows; lanes hand each other keys and values; no barriers",
        variants: rows_variants,
        space: rows_space,
        plan: flash_plan,
    },
    Kernel {
        family: Attention::FAMILY,
        name: "flash",
        summary: "a workgroup owns a tile of query rows and stages keys and values in its memory",
        variants: flash_variants,
        space: flash_space,
        plan: flash_plan,
    },
];

/// Variants of `flash_rows` for those `choices` that the compiler of the driver can handle, with at most
/// `most_steps` operations. A choice is (`per`, `loads`): query rows per invocation, and keys per lane
/// between two updates of the running maximum.
fn rows_choices(
    case: &Case,
    device: &Capabilities,
    choices: impl IntoIterator<Item = (u32, u32)>,
    most_steps: u64,
) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    check_operands(work)?;
    let threads = match device.fixed_subgroup() {
        Some(threads @ 4..=8) if device.is_software() && is_dense_prefill(work) => threads,
        _ => return Ok(Vec::new()),
    };
    let variant = |(per, loads)| {
        Variant::new("flash_rows", Path::Subgroup)
            .with("threads", threads)
            .with("per", per)
            .with("block", threads * loads)
    };
    // One broadcast and `per` multiplications for each lane and element of a head.
    let steps =
        |(per, loads): &(u32, u32)| u64::from(threads * loads * (per + 1)) * (work.dim + work.value_dim);
    Ok(choices.into_iter().filter(|choice| steps(choice) <= most_steps).map(variant).collect())
}

/// Maximum number of branch-free operations of an untuned variant on a software driver: compile time grows
/// faster than this number. With two thirds more, Mesa 25.0 (LLVM 15) takes ten seconds, and SwiftShader,
/// whose subgroups have four lanes, takes minutes if scores are masked.
const MOST_UNTUNED: u64 = 3072;

/// Maximum number of branch-free operations of a variant that tuning tries.
fn most_tuned(device: &Capabilities) -> u64 {
    if device.fixed_subgroup().is_some_and(|lanes| lanes <= 4) { MOST_UNTUNED } else { 3 * MOST_UNTUNED }
}

fn rows_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let mut variants = rows_choices(case, device, [8, 4, 2, 1].map(|per| (per, 1)), MOST_UNTUNED)?;
    if variants.is_empty() {
        // Wide heads compile slowly, but run much faster than a kernel that stages them behind barriers.
        variants = rows_choices(case, device, [(1, 1)], MOST_UNTUNED * 5 / 3)?;
    }
    variants.truncate(2);
    Ok(variants)
}

fn rows_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let loads = |per| [1, 2].map(|loads| (per, loads));
    rows_choices(case, device, [8, 6, 4, 3, 2, 1].into_iter().flat_map(loads), most_tuned(device))
}

/// Whether queries, keys and values are staged in workgroup memory as f16: only if all of them are f16.
fn stages_halves(case: &Case, device: &Capabilities) -> bool {
    let work = attention(case);
    work.precision.input == DType::F16 && work.precision.right == DType::F16 && needs_f16(case, device)
}

/// Workgroup memory of `flash` in bytes: a chunk of the rows of Q and of 32 rows of K or V, the weights, and
/// the largest scores if they are not exchanged by shuffles.
fn flash_memory(vector: u64, tile: u64, chunk: u64, shuffle: bool) -> u64 {
    (tile + 32) * (chunk + 1) * vector + tile * 9 * 16 + if shuffle { 0 } else { tile * 8 * 4 }
}

/// 32-bit registers per invocation of `flash`: accumulators, scores and weights, and operands.
fn flash_registers(work: &Attention, per: u64) -> u64 {
    per * (work.value_dim / 8 + 4 + 4 + 4 + 6) + 16 + 20
}

/// Variant of `flash` with these knobs; `None` if the device or the case does not allow them.
fn flash_variant(
    case: &Case,
    device: &Capabilities,
    [tile, per, chunk]: [u32; 3],
    shuffle: bool,
) -> Option<Variant> {
    let work = attention(case);
    let threads = 8 * tile / per;
    let vector = if stages_halves(case, device) { 8 } else { 16 };
    let memory = flash_memory(vector, tile.into(), chunk.into(), shuffle);
    let divides = |dim: u64| (dim / 4).is_multiple_of(chunk.into());
    // The eight invocations that share rows must lie in one subgroup.
    let subgroup = device.fixed_subgroup().filter(|&size| size >= 8 && threads.is_multiple_of(size));
    let fits = divides(work.dim)
        && divides(work.value_dim)
        && u64::from(threads) <= device.limits.workgroup_size
        && memory <= device.limits.workgroup_memory
        && flash_registers(work, per.into()) <= most_registers(device)
        && (!shuffle || subgroup.is_some());
    let path = if shuffle { Path::Subgroup } else { Path::Vector };
    fits.then(|| {
        Variant::new("flash", path)
            .with("threads", threads)
            .with("tile", tile)
            .with("per", per)
            .with("chunk", chunk)
            .with("shuffle", shuffle.into())
    })
}

/// Whether the prefill kernels can compute `work`: it has many query rows, K and V are separate dense
/// tensors, and it accumulates in f32.
pub(super) fn is_dense_prefill(work: &Attention) -> bool {
    let single = work.precision.accumulate == DType::F32;
    !work.is_decode() && !work.latent && work.page.is_none() && single
}

/// Variants of `flash` for all combinations of `tiles` and `pers`, each with the widest chunk that fits, or
/// with every chunk that fits unless `widest`.
fn flash_choices(
    case: &Case,
    device: &Capabilities,
    tiles: &[u32],
    pers: &[u32],
    widest: bool,
) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    check_operands(work)?;
    let mut variants = Vec::new();
    if !is_dense_prefill(work) {
        return Ok(variants);
    }
    for &tile in tiles {
        for &per in pers {
            for shuffle in [true, false] {
                let chunks = [64, 48, 32, 24, 16, 8];
                let fitting = chunks
                    .iter()
                    .filter_map(|&chunk| flash_variant(case, device, [tile, per, chunk], shuffle));
                variants.extend(fitting.take(if widest { 1 } else { chunks.len() }));
            }
        }
    }
    Ok(variants)
}

/// Registers of an invocation, by [`flash_registers`], beyond which they would be spilled.
fn most_registers(device: &Capabilities) -> u64 {
    if Vendor::of(device) == Vendor::Apple { APPLE_REGISTERS } else { 255 }
}

/// Registers of an invocation, by [`flash_registers`], with which four subgroups share a scheduler: compilers take some 20
/// more.
const GOOD_REGISTERS: u64 = 110;

/// The same with which Apple's lanes, which have 128 in halves, spill none: a core has more subgroups in any case.
const APPLE_REGISTERS: u64 = 140;

/// Workgroup memory for each invocation with which four subgroups share a scheduler: 16 subgroups of 32 in the 64 KB of
/// NVIDIA's Turing, or of 64 in the 128 KB of AMD's RDNA.
const GOOD_MEMORY: u64 = 128;

/// Untuned variants of `flash`: a few tiles, each with as many rows for eight invocations as leave room for other
/// workgroups, and with the widest chunk that does.
fn flash_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    if device.is_software() {
        let per = if work.value_dim > 128 { 2 } else { 4 };
        let mut variants = flash_choices(case, device, &[32], &[per], true)?;
        let narrow = |variant: &Variant| variant.knob("chunk") < 16;
        if !variants.iter().all(narrow) {
            variants.retain(|variant| !narrow(variant));
        }
        variants.truncate(1);
        return Ok(variants);
    }
    let apple = Vendor::of(device) == Vendor::Apple;
    let most = if apple { APPLE_REGISTERS } else { GOOD_REGISTERS };
    let good = |per: &u32| flash_registers(work, u64::from(*per)) <= most;
    let per = [4, 2, 1].into_iter().find(good).unwrap_or(1);
    let vector = if stages_halves(case, device) { 8 } else { 16 };
    let crowded = |variant: &Variant| {
        let knob = |name: &str| u64::from(variant.knob(name));
        let memory = flash_memory(vector, knob("tile"), knob("chunk"), knob("shuffle") == 1);
        // Memory of Apple's cores is small, but so are the tiles that fit, and registers are what limits them.
        !apple && memory > GOOD_MEMORY * knob("threads")
    };
    // A chunk that is all of the head holds Q once; others bring it anew for each block of keys.
    let parts = |variant: &Variant| (work.dim / 4).div_ceil(variant.knob("chunk").into());
    let mut variants = flash_choices(case, device, &[64, 32, 16], &[per], false)?;
    variants.sort_by_key(|it| {
        (crowded(it), if apple { parts(it) } else { 0 }, u32::MAX - it.knob("tile"), parts(it))
    });
    variants.truncate(4);
    Ok(variants)
}

fn flash_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if device.is_software() {
        return flash_variants(case, device);
    }
    flash_choices(case, device, &[8, 16, 32, 64, 128], &[2, 4, 8, 1], false)
}

/// Plan of `flash_rows` and of `flash`: each workgroup takes query rows of one KV head.
fn flash_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = attention(case);
    let rows = variant.kernel == "flash_rows";
    let tile =
        u64::from(if rows { variant.knob("threads") * variant.knob("per") } else { variant.knob("tile") });
    let tiles = head_rows(work).div_ceil(tile);
    let groups = work.batch * work.kv_heads * tiles;
    let mut values = values(case, device, variant, json!({}));
    values["tiles"] = json!(tiles);
    values["groups"] = json!(groups);
    if !rows {
        values["shuffle"] = json!(variant.knob("shuffle") == 1);
    }
    values["staged"] = json!(if stages_halves(case, device) { "f16" } else { "f32" });
    let template = if rows { "attention/rows.wgsl" } else { "attention/flash.wgsl" };
    let wgsl = source.render(template, values)?;
    Ok(Plan::single(case, device, variant, wgsl, groups, Tile { rows: tile, columns: work.value_dim }))
}
