//! What kernels that reduce rows, one workgroup a row, have in common: their variants and their plan.

use super::capabilities::{Capabilities, Feature};
use super::elements::template_values;
use super::error::PlanError;
use super::operand::is_packed;
use super::plan::Plan;
use super::source::KernelSource;
use super::variant::{Path, Variant};
use crate::workload::{Case, Tile};
use serde_json::{Value, json};

/// Vec4s of a row that an invocation holds in registers at most.
const MOST_HELD: u64 = 8;

/// How partial results are joined, the knob `way`; the names are those of `elements/reduce.wgsl`.
const WAYS: [&str; 3] = ["single", "hop", "tree"];
const SINGLE: u32 = 0;
const HOP: u32 = 1;
const TREE: u32 = 2;

fn variant(threads: u32, per: u32, way: u32) -> Variant {
    let path = if way == TREE { Path::Vector } else { Path::Subgroup };
    Variant::new("rows", path).with("threads", threads).with("per", per).with("way", way)
}

/// Variants for rows of `columns` elements, best first.
pub(super) fn row_variants(columns: u64, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if device.is_software() { software(columns, device, &[]) } else { gpu(columns, device, &[256, 128]) }
}

/// Those worth trying when tuning.
pub(super) fn row_space(columns: u64, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    if device.is_software() {
        software(columns, device, &[2, 4])
    } else {
        gpu(columns, device, &[32, 64, 128, 256, 512, 1024])
    }
}

/// One subgroup a row, or several: without barriers or with few.
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

/// Rows in registers where they fit, with subgroup operations where there are any.
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

/// The plan of `template`, with one workgroup for each of `rows` rows.
pub(super) fn row_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    (source, template): (&KernelSource, &str),
    (rows, columns): (u64, u64),
    more: Value,
) -> Result<Plan, PlanError> {
    let mut values = template_values(case, device, variant, more);
    values["rows"] = json!(rows);
    values["columns"] = json!(columns);
    values["way"] = json!(WAYS[variant.knob("way") as usize]);
    let wgsl = source.render(template, values)?;
    Ok(Plan::single(case, device, variant, wgsl, rows, Tile { rows: 1, columns }))
}

/// The plan of the plain `template`, with one invocation for each row, or for two where elements of the
/// output share words.
pub(super) fn reference_row_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    (source, template): (&KernelSource, &str),
    (rows, columns): (u64, u64),
    more: Value,
) -> Result<Plan, PlanError> {
    let pair = is_packed(&case.output(), device);
    let together = if pair { 2 } else { 1 };
    let items = rows.div_ceil(together);
    let mut values = template_values(case, device, variant, more);
    values["rows"] = json!(rows);
    values["columns"] = json!(columns);
    values["pair"] = json!(pair);
    values["scalar"] = json!(false);
    values["items"] = json!(items);
    let wgsl = source.render(template, values)?;
    let each = u64::from(variant.knob("threads")) * u64::from(variant.knob("per"));
    let tile = Tile { rows: each * together, columns };
    Ok(Plan::single(case, device, variant, wgsl, items.div_ceil(each), tile))
}
