//! Kernels of the families that reduce the rows of a matrix: `softmax` and `rmsnorm`. Only their sources
//! differ.

use super::elements::reference_variants;
use super::entry::Kernel;
use super::error::PlanError;
use super::operand::{is_packed, template_values};
use super::source::KernelSource;
use portamark_model::device::{Capabilities, Feature};
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Matrix, RMSNORM_EPSILON, RmsNorm, Softmax, Tile, Workload};
use serde_json::json;

/// Kernels of `softmax` and `rmsnorm`, in order of preference within each family.
pub const KERNELS: &[Kernel] =
    &[rows(Softmax::FAMILY), reference(Softmax::FAMILY), rows(RmsNorm::FAMILY), reference(RmsNorm::FAMILY)];

const fn rows(family: &'static str) -> Kernel {
    Kernel {
        family,
        name: "rows",
        summary: "one workgroup a row, in registers where it fits",
        variants: row_variants,
        space: row_space,
        plan: row_plan,
    }
}

const fn reference(family: &'static str) -> Kernel {
    Kernel {
        family,
        name: "reference",
        summary: "one row per invocation, any format and size",
        variants: reference_variants,
        space: reference_variants,
        plan: reference_plan,
    }
}

fn matrix(case: &Case) -> &Matrix {
    match case {
        Case::Softmax(softmax) => &softmax.matrix,
        Case::RmsNorm(norm) => &norm.matrix,
        _ => unreachable!("kernels are chosen by family"),
    }
}

/// Maximum number of vec4s of a row that an invocation holds in registers.
const MOST_HELD: u64 = 8;

/// How partial results are combined, indexed by knob `way`; the names are those of `elements/reduce.wgsl`.
const WAYS: [&str; 3] = ["single", "hop", "tree"];
const SINGLE: u32 = 0;
const HOP: u32 = 1;
const TREE: u32 = 2;

fn variant(threads: u32, per: u32, way: u32) -> Variant {
    let path = if way == TREE { Path::Vector } else { Path::Subgroup };
    Variant::new("rows", path).with("threads", threads).with("per", per).with("way", way)
}

fn row_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let columns = matrix(case).columns;
    if device.is_software() { software(columns, device, &[]) } else { gpu(columns, device, &[256, 128]) }
}

fn row_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let columns = matrix(case).columns;
    if device.is_software() {
        software(columns, device, &[2, 4])
    } else {
        gpu(columns, device, &[32, 64, 128, 256, 512, 1024])
    }
}

/// Variants for software drivers: one subgroup per row without barriers, or several with few barriers.
fn software(columns: u64, device: &Capabilities, subgroups: &[u32]) -> Result<Vec<Variant>, PlanError> {
    if !columns.is_multiple_of(4) {
        return Ok(Vec::new());
    }
    let mut variants = Vec::new();
    if let Some(size) = device.fixed_subgroup() {
        variants.push(variant(size, 0, SINGLE));
        variants.extend(subgroups.iter().map(|count| variant(size * count, 0, HOP)));
    }
    variants.push(variant(8, 0, TREE));
    Ok(variants)
}

/// Variants for GPUs: rows in registers if they fit, and subgroup operations if the device has them.
fn gpu(columns: u64, device: &Capabilities, threads: &[u32]) -> Result<Vec<Variant>, PlanError> {
    if !columns.is_multiple_of(4) {
        return Ok(Vec::new());
    }
    let ways: &[u32] = if device.has(Feature::Subgroup) { &[HOP, TREE] } else { &[TREE] };
    let mut variants = Vec::new();
    for &way in ways {
        for &threads in threads.iter().filter(|t| u64::from(**t) <= device.limits.workgroup_size) {
            let per = (columns / 4).div_ceil(u64::from(threads));
            if per <= MOST_HELD {
                variants.push(variant(threads, per as u32, way));
            }
        }
        let most = threads.iter().copied().filter(|t| u64::from(*t) <= device.limits.workgroup_size).max();
        variants.extend(most.map(|threads| variant(threads, 0, way)));
    }
    Ok(variants)
}

/// Plan with one workgroup per row.
fn row_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let &Matrix { rows, columns, .. } = matrix(case);
    let more = json!({
        "rows": rows,
        "columns": columns,
        "epsilon": RMSNORM_EPSILON,
        "way": WAYS[variant.knob("way") as usize],
    });
    let template = format!("{}/rows.wgsl", case.family());
    let wgsl = source.render(&template, template_values(case, device, variant, more))?;
    Ok(Plan::single(case, device, variant, wgsl, rows, Tile { rows: 1, columns }))
}

/// Plan with one invocation per row, or per two rows if elements of the output share words.
fn reference_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let &Matrix { rows, columns, .. } = matrix(case);
    let pair = is_packed(&case.output(), device);
    let together = if pair { 2 } else { 1 };
    let items = rows.div_ceil(together);
    let more = json!({
        "rows": rows,
        "columns": columns,
        "epsilon": RMSNORM_EPSILON,
        "pair": pair,
        "scalar": false,
        "items": items,
    });
    let template = format!("{}/reference.wgsl", case.family());
    let wgsl = source.render(&template, template_values(case, device, variant, more))?;
    let each = u64::from(variant.knob("threads")) * u64::from(variant.knob("per"));
    let tile = Tile { rows: each * together, columns };
    Ok(Plan::single(case, device, variant, wgsl, items.div_ceil(each), tile))
}
