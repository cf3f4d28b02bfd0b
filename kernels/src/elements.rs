//! Variants and plan shared by kernels that compute each output element from a few input elements. Their
//! sources are in `kernels/elements` and in the folder of each family.

use super::error::PlanError;
use super::operand::{is_packed, template_values};
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Tile};
use serde_json::{Value, json};

/// Untuned variants of the kernel `vector`, which computes four elements at a time.
pub(super) fn vector_variants(device: &Capabilities) -> Vec<Variant> {
    let (threads, per): (&[u32], &[u32]) =
        if device.is_software() { (&[8, 16], &[64, 16]) } else { (&[256, 128], &[1, 4]) };
    vector_shapes(device, threads, per)
}

/// Variants of the kernel `vector` that tuning tries.
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

/// The plain variant: one element per invocation, or two if they share a word.
pub(super) fn reference_variants(_: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let threads = if device.is_software() { 8 } else { device.limits.threads(64) };
    Ok(vec![Variant::new("reference", Path::Scalar).with("threads", threads).with("per", 1)])
}

/// Division of the work of a vector kernel into items.
pub(super) struct Items {
    /// Number of items.
    pub count: u64,
    /// Output columns that one item writes.
    pub columns: u64,
}

/// Renders `template` into the plan of `variant`. The plain variant ignores `items` and takes single
/// elements.
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
