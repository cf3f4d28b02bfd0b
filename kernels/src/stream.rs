//! Kernels of the `stream` family.

use super::entry::Kernel;
use super::error::PlanError;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, READ_BLOCK, Stream, StreamOp, Tile, Workload};
use serde_json::json;
use std::collections::BTreeMap;

/// Kernels of the `stream` family, in order of preference.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Stream::FAMILY,
        name: "stream",
        summary: "several 16-byte vectors per invocation, a workgroup apart",
        variants: vector_variants,
        space: vector_variants,
        plan: vector_plan,
    },
    Kernel {
        family: Stream::FAMILY,
        name: "blocks",
        summary: "one workgroup sums one block",
        variants: read_variants,
        space: read_variants,
        plan: read_plan,
    },
    Kernel {
        family: Stream::FAMILY,
        name: "reference",
        summary: "one f32 per invocation",
        variants: scalar_variants,
        space: scalar_variants,
        plan: vector_plan,
    },
];

fn stream(case: &Case) -> &Stream {
    match case {
        Case::Stream(stream) => stream,
        _ => unreachable!("kernels are chosen by family"),
    }
}

fn vector_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if stream(case).op == StreamOp::Read {
        return Ok(Vec::new());
    }
    // On a software driver a workgroup costs more than a loop; a GPU needs many workgroups.
    let (threads, per): (&[u32], &[u32]) =
        if device.is_software() { (&[8, 16], &[64, 16]) } else { (&[256, 512], &[1, 4]) };
    let mut variants = Vec::new();
    for &per in per {
        for &threads in threads.iter().filter(|t| u64::from(**t) <= device.limits.workgroup_size) {
            variants.push(Variant::new("stream", Path::Vector).with("threads", threads).with("per", per));
        }
    }
    Ok(variants)
}

fn scalar_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if stream(case).op == StreamOp::Read {
        return Ok(Vec::new());
    }
    let threads = device.limits.threads(64);
    Ok(vec![Variant::new("reference", Path::Scalar).with("threads", threads).with("per", 1)])
}

fn vector_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = stream(case);
    let tensors = case.tensors();
    let width = if variant.path == Path::Vector { 4 } else { 1 };
    let (threads, per) = (variant.knob("threads"), variant.knob("per"));
    let vectors = work.n / width;
    let binding: BTreeMap<&str, usize> =
        tensors.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    let values = json!({
        "op": work.op.name(),
        "vectors": vectors,
        "threads": threads,
        "per": per,
        "element": if width == 4 { "vec4<f32>" } else { "f32" },
        "binding": binding,
    });
    let wgsl = source.render("stream/stream.wgsl", values)?;
    let groups = vectors.div_ceil(u64::from(threads * per));
    let columns = u64::from(threads * per) * width;
    Ok(Plan::single(case, device, variant, wgsl, groups, Tile { rows: 1, columns }))
}

fn read_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if stream(case).op != StreamOp::Read {
        return Ok(Vec::new());
    }
    let with = |path: Path, [threads, words, blocks, sums]: [u32; 4]| {
        Variant::new("blocks", path)
            .with("threads", threads)
            .with("words", words)
            .with("blocks", blocks)
            .with("sums", sums)
    };
    let mut variants = Vec::new();
    if device.is_software() {
        if let Some(size) = device.fixed_subgroup() {
            let knobs = [[4, 1, 1], [4, 1, 4], [4, 1, 8], [4, 4, 1], [4, 8, 1], [2, 4, 1], [2, 8, 1]];
            variants
                .extend(knobs.map(|[words, blocks, sums]| with(Path::Subgroup, [size, words, blocks, sums])));
        }
        variants.push(with(Path::Vector, [8, 4, 1, 1]));
    } else {
        let threads = device.limits.threads(64);
        variants.extend([[1, 1], [1, 4], [4, 1]].map(|[b, s]| with(Path::Vector, [threads, 4, b, s])));
    }
    variants.push(with(Path::Vector, [device.limits.threads(256), 4, 1, 1]));
    Ok(variants)
}

fn read_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let total = stream(case).n / READ_BLOCK;
    let blocks = variant.knob("blocks");
    let values = json!({
        "total": total,
        "blocks": blocks,
        "threads": variant.knob("threads"),
        "words": variant.knob("words"),
        "sums": variant.knob("sums"),
        "single": variant.path == Path::Subgroup,
    });
    let wgsl = source.render("stream/read.wgsl", values)?;
    let groups = total.div_ceil(u64::from(blocks));
    Ok(Plan::single(case, device, variant, wgsl, groups, Tile::ONE))
}
