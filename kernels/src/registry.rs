//! List of all kernels, and the selection of variants for a case on a device.

use super::entry::{Kernel, SUBGROUP_KNOB};
use super::error::PlanError;
use super::source::KernelSource;
use super::{
    attention, gather, gemm, gemv, latency, launch, layer, moe, peak, rope, rows, stream, swiglu, transpose,
};
use portamark_model::device::{Capabilities, Feature};
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, DType, Layer, Workload};

/// Returns all kernels, ordered by preference within each family.
pub fn kernels() -> impl Iterator<Item = &'static Kernel> {
    let families = [
        stream::KERNELS,
        peak::KERNELS,
        latency::KERNELS,
        launch::KERNELS,
        gemm::dot4::TILED,
        gemm::coopmat::KERNELS,
        gemm::direct::KERNELS,
        gemm::dot4::DIRECT,
        gemm::tiled::KERNELS,
        gemm::reference::KERNELS,
        moe::KERNELS,
        gemv::KERNELS,
        attention::split_coopmat::KERNELS,
        attention::decode::KERNELS,
        attention::coopmat::KERNELS,
        attention::two_pass::KERNELS,
        attention::prefill::KERNELS,
        attention::reference::KERNELS,
        rows::KERNELS,
        rope::KERNELS,
        swiglu::KERNELS,
        gather::KERNELS,
        transpose::KERNELS,
        LAYER,
    ];
    families.into_iter().flatten()
}

/// Error if the formats of `case` need a feature that `device` lacks. f16 inputs can be read as 32-bit words
/// without that feature, but arithmetic in f16 needs it. Cases that only move elements do no arithmetic.
fn missing_format(case: &Case, device: &Capabilities) -> Option<PlanError> {
    let precision = case.precision();
    let words_do = !matches!(case, Case::Peak(_));
    let computes = precision.accumulate == DType::F16 && case.flop() > 0;
    let wants_f16 = computes || precision.uses(DType::F16) && !words_do;
    (wants_f16 && !device.has(Feature::ShaderF16)).then(|| {
        PlanError::Unsupported(format!("needs {}, which this device does not offer", Feature::ShaderF16))
    })
}

/// Returns the untuned variants of every kernel that can run `case` on `device`, in order of preference.
pub fn candidates(case: &Case, device: &Capabilities) -> Result<Vec<(&'static Kernel, Variant)>, PlanError> {
    collect(case, device, |kernel| kernel.variants)
}

/// Returns all variants of all kernels that tuning tries for `case` on `device`, the untuned ones first.
pub fn space(case: &Case, device: &Capabilities) -> Result<Vec<(&'static Kernel, Variant)>, PlanError> {
    let mut found = candidates(case, device)?;
    for candidate in collect(case, device, |kernel| kernel.space)? {
        if !found.iter().any(|(_, variant)| *variant == candidate.1) {
            found.push(candidate);
        }
    }
    Ok(found)
}

/// Returns the variants for the usual subgroup size of `device`, then those for the other sizes that a pipeline can ask
/// for, where the size makes another kernel of them.
fn of_sizes(of: Variants, case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let Some(usual) = device.asked_subgroup() else { return of(case, device) };
    let mut found = of(case, &device.with_subgroup(usual))?;
    for size in device.subgroup_sizes.iter().copied().filter(|size| *size != usual) {
        let others = of(case, &device.with_subgroup(size))?.into_iter();
        let others = others.filter(|variant| matches!(variant.path, Path::Coopmat | Path::Subgroup));
        found.extend(others.map(|variant| variant.with(SUBGROUP_KNOB, size)));
    }
    Ok(found)
}

type Variants = fn(&Case, &Capabilities) -> Result<Vec<Variant>, PlanError>;

fn collect(
    case: &Case,
    device: &Capabilities,
    of: fn(&Kernel) -> Variants,
) -> Result<Vec<(&'static Kernel, Variant)>, PlanError> {
    if let Some(error) = missing_format(case, device) {
        return Err(error);
    }
    let mut found = Vec::new();
    let mut first_error = None;
    for kernel in kernels().filter(|kernel| kernel.family == case.family()) {
        match of_sizes(of(kernel), case, device) {
            Ok(variants) => found.extend(variants.into_iter().map(|variant| (kernel, variant))),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    // Software drivers emulate the matrix unit with a reduction for each element, an order of magnitude
    // slower than vectors, though faster than the plain kernel.
    let emulated = |variant: &Variant| device.is_software() && variant.path == Path::Coopmat;
    found.sort_by_key(|(kernel, variant)| (kernel.name == "reference", emulated(variant)));
    if found.is_empty() {
        let none = || PlanError::Unsupported("no kernel serves this case".into());
        return Err(first_error.unwrap_or_else(none));
    }
    Ok(found)
}

/// Returns the plan of the first candidate, which `run` uses if no variant is named or tuned.
pub fn default_plan(case: &Case, device: &Capabilities, source: &KernelSource) -> Result<Plan, PlanError> {
    let (kernel, variant) = candidates(case, device)?.remove(0);
    kernel.plan(case, device, &variant, source)
}

/// The only kernel of the `layer` family.
const LAYER: &[Kernel] = &[Kernel {
    family: Layer::FAMILY,
    name: "chain",
    summary: "the dispatches of each part by the kernel that the part alone would run",
    variants: chains,
    space: chains,
    plan: untuned,
}];

fn chains(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let choice = |part: &Case| candidates(part, device).map_err(|error| layer::of_part(part, error));
    let choices = layer::parts(case).iter().map(choice).collect::<Result<Vec<_>, _>>()?;
    // The path is that of the first part, which also defines the formats.
    Ok(vec![Variant::new("chain", choices[0][0].1.path).with("parts", choices.len() as u32)])
}

fn untuned(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    layer::chain(case, variant, |part| default_plan(part, device, source))
}
