//! Kernels of the `peak` family.

use super::entry::Kernel;
use super::error::PlanError;
use super::source::KernelSource;
use portamark_model::device::{Capabilities, Feature, MatrixShape};
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, DType, Peak, PeakUnit, STEPS_PER_ROUND, Tile, Workload};
use serde_json::json;

/// Kernels of the `peak` family, in order of preference.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Peak::FAMILY,
        name: "fma",
        summary: "independent vec4 chains of multiply-adds in registers",
        variants: fma_variants,
        space: fma_variants,
        plan: fma_plan,
    },
    Kernel {
        family: Peak::FAMILY,
        name: "dot4",
        summary: "independent chains of packed dot products of i8 in registers",
        variants: dot4_variants,
        space: dot4_variants,
        plan: dot4_plan,
    },
    Kernel {
        family: Peak::FAMILY,
        name: "matrix",
        summary: "independent cooperative-matrix accumulators in each subgroup",
        variants: matrix_variants,
        space: matrix_variants,
        plan: matrix_plan,
    },
];

fn peak(case: &Case) -> &Peak {
    match case {
        Case::Peak(peak) => peak,
        _ => unreachable!("kernels are chosen by family"),
    }
}

fn fma_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let PeakUnit::Fma { .. } = peak(case).unit else { return Ok(Vec::new()) };
    let variant = |threads: u32, per: u32, fused: u32| {
        Variant::new("fma", Path::Vector).with("threads", threads).with("per", per).with("fused", fused)
    };
    // Software drivers have 16 vector registers, and a vec4 takes four of them.
    let (threads, pers): (&[u32], &[u32]) =
        if device.is_software() { (&[8, 64], &[3, 2, 4]) } else { (&[256, 64], &[8, 4]) };
    let mut variants = Vec::new();
    for &per in pers {
        for &threads in threads.iter().filter(|t| u64::from(**t) <= device.limits.workgroup_size) {
            variants.push(variant(threads, per, 1));
            if device.is_software() {
                variants.push(variant(threads, per, 0));
            }
        }
    }
    Ok(variants)
}

fn fma_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = peak(case);
    let PeakUnit::Fma { chains } = work.unit else {
        return Err(PlanError::NoSuchVariant("fma serves chains of multiply-adds".into()));
    };
    let (threads, per) = (variant.knob("threads"), variant.knob("per"));
    let vectors = chains / 4;
    let values = json!({
        "element": work.precision.input.name(),
        "half": work.precision.input == DType::F16,
        "vectors": vectors,
        "rounds": work.steps / STEPS_PER_ROUND,
        "links": STEPS_PER_ROUND,
        "threads": threads,
        "per": per,
        "fused": variant.knob("fused") == 1,
    });
    let wgsl = source.render("peak/fma.wgsl", values)?;
    let groups = vectors.div_ceil(u64::from(threads * per));
    let tile = Tile { rows: 1, columns: u64::from(threads * per) * 4 };
    Ok(Plan::single(case, device, variant, wgsl, groups, tile))
}

fn dot4_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let PeakUnit::Dot4 { .. } = peak(case).unit else { return Ok(Vec::new()) };
    let (threads, pers): (u32, [u32; 3]) =
        if device.is_software() { (8, [4, 8, 2]) } else { (256, [8, 16, 4]) };
    let threads = device.limits.threads(threads);
    let variant = |per| Variant::new("dot4", Path::Dot4).with("threads", threads).with("per", per);
    Ok(pers.map(variant).to_vec())
}

fn dot4_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = peak(case);
    let PeakUnit::Dot4 { chains } = work.unit else {
        return Err(PlanError::NoSuchVariant("dot4 serves chains of packed dot products".into()));
    };
    let (threads, per) = (variant.knob("threads"), variant.knob("per"));
    let values = json!({
        "chains": chains,
        "rounds": work.steps / STEPS_PER_ROUND,
        "links": STEPS_PER_ROUND,
        "threads": threads,
        "per": per,
    });
    let wgsl = source.render("peak/dot4.wgsl", values)?;
    let columns = u64::from(threads * per);
    Ok(Plan::single(case, device, variant, wgsl, chains.div_ceil(columns), Tile { rows: 1, columns }))
}

fn matrix_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = peak(case);
    let PeakUnit::Matrix { edge, tiles } = work.unit else { return Ok(Vec::new()) };
    let shape = MatrixShape::new(edge as u32, work.precision.input, work.precision.accumulate);
    if !device.has(Feature::CooperativeMatrix) || !device.matrix_shapes.contains(&shape) {
        return Err(PlanError::Unsupported(format!(
            "needs cooperative matrices of {shape}, which this device does not offer"
        )));
    }
    let threads = device.subgroup_max.max(1);
    let size = |per: u32| u64::from(per) * edge * edge * work.precision.accumulate.bytes(1);
    Ok([4u32, 8, 2]
        .into_iter()
        .filter(|&per| tiles.is_multiple_of(u64::from(per)) && size(per) <= device.limits.workgroup_memory)
        .map(|per| Variant::new("matrix", Path::Coopmat).with("threads", threads).with("per", per))
        .collect())
}

fn matrix_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = peak(case);
    let PeakUnit::Matrix { edge, tiles } = work.unit else {
        return Err(PlanError::NoSuchVariant("matrix serves tiles, not chains".into()));
    };
    let per = u64::from(variant.knob("per"));
    let count = tiles / per;
    let values = json!({
        "element": work.precision.input.name(),
        "accumulate": work.precision.accumulate.name(),
        "half": work.precision.input == DType::F16 || work.precision.accumulate == DType::F16,
        "edge": edge,
        "count": count,
        "rounds": work.steps / STEPS_PER_ROUND,
        "links": STEPS_PER_ROUND,
        "threads": variant.knob("threads"),
        "per": per,
        "scaled": device.api != "metal",
    });
    let wgsl = source.render("peak/matrix.wgsl", values)?;
    let groups = count;
    Ok(Plan::single(case, device, variant, wgsl, groups, Tile { rows: per, columns: edge * edge }))
}
