//! What kernels that make each element of the output from a few of the inputs have in common: their
//! variants and their plan. The texts are those of `kernels/elements` and of each family.

use super::error::PlanError;
use super::operand::{is_packed, template_values};
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Tile};
use serde_json::{Value, json};

/// Variants of the kernel `vector`, which makes four elements at a time.
pub(super) fn vector_variants(device: &Capabilities) -> Vec<Variant> {
    let (threads, per): (&[u32], &[u32]) =
        if device.is_software() { (&[8, 16], &[64, 16]) } else { (&[256, 128], &[1, 4]) };
    vector_shapes(device, threads, per)
}

/// Those worth trying when tuning.
pub(super) fn vector_space(device: &Capabilities) -> Vec<Variant> {
    if device.is_software() {
        vector_shapes(device, &[4, 8, 16, 32], &[8, 16, 64, 256])
    } else {
        vector_shapes(device, &[64, 128, 256, 512], &[1, 2, 4, 8])
    }
}

fn vector_shapes(device: &Capabilities, threads: &[u32], per: &[u32]) -> Vec<Variant> {
    let variant =
        |threads, per| Variant::new("vector", Path::Vector).with("threads", threads).with("per", per);
    let fits = |threads: &&u32| u64::from(**threads) <= device.limits.workgroup_size;
    per.iter().flat_map(|&per| threads.iter().filter(fits).map(move |&t| variant(t, per))).collect()
}

/// The plain variant, one element an invocation, or the two of a word.
pub(super) fn reference_variants(_: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let threads = if device.is_software() { 8 } else { 64.min(device.limits.workgroup_size as u32) };
    Ok(vec![Variant::new("reference", Path::Scalar).with("threads", threads).with("per", 1)])
}

/// How the work of a vector kernel is divided.
pub(super) struct Items {
    /// How many there are.
    pub count: u64,
    /// Columns of the output that one writes.
    pub columns: u64,
}

/// The plan of `template` for `variant`, of which the plain one takes single elements.
pub(super) fn plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    (source, template): (&KernelSource, &str),
    items: &Items,
    more: Value,
) -> Result<Plan, PlanError> {
    let scalar = variant.path == Path::Scalar;
    let (elements, pair) = (case.output().len, is_packed(&case.output(), device));
    let columns = if pair { 2 } else { 1 };
    let single = Items { count: elements.div_ceil(columns), columns };
    let items = if scalar { &single } else { items };
    let mut values = template_values(case, device, variant, more);
    values["scalar"] = json!(scalar);
    values["pair"] = json!(pair);
    values["output"] = json!(case.output().name);
    values["elements"] = json!(elements);
    values["items"] = json!(items.count);
    let wgsl = source.render(template, values)?;
    let each = u64::from(variant.knob("threads")) * u64::from(variant.knob("per"));
    let tile = Tile { rows: 1, columns: each * items.columns };
    Ok(Plan::single(case, device, variant, wgsl, items.count.div_ceil(each), tile))
}
