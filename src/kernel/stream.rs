//! Kernels of the `stream` family.

use super::capabilities::Capabilities;
use super::entry::Kernel;
use super::error::PlanError;
use super::plan::Plan;
use super::source::KernelSource;
use super::variant::{Path, Variant};
use crate::workload::{Case, READ_BLOCK, Stream, StreamOp, Tile, Workload};
use serde_json::json;
use std::collections::BTreeMap;

/// Preferred first.
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
    // A workgroup costs a software driver more than a loop does; a GPU wants many.
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
    let threads = 64.min(device.limits.workgroup_size as u32);
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
    let tree = |threads: u32| Variant::new("blocks", Path::Vector).with("threads", threads).with("sums", 1);
    let mut variants = Vec::new();
    if let (true, Some(size)) = (device.is_software(), device.fixed_subgroup()) {
        let subgroup = Variant::new("blocks", Path::Subgroup).with("threads", size);
        variants.extend([1, 4, 8].map(|sums| subgroup.clone().with("sums", sums)));
    }
    variants.push(tree(if device.is_software() { 8 } else { 64 }));
    variants.push(tree(256.min(device.limits.workgroup_size as u32)));
    Ok(variants)
}

fn read_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let blocks = stream(case).n / READ_BLOCK;
    let single = variant.path == Path::Subgroup;
    let values = json!({
        "blocks": blocks,
        "threads": variant.knob("threads"),
        "sums": variant.knob("sums"),
        "single": single,
    });
    let wgsl = source.render("stream/read.wgsl", values)?;
    Ok(Plan::single(case, device, variant, wgsl, blocks, Tile::ONE))
}
