//! The list of kernels and the choice among them.

use super::entry::Kernel;
use super::error::PlanError;
use super::source::KernelSource;
use super::{
    attention, gather, gemm, gemv, latency, launch, layer, moe, peak, rope, rows, stream, swiglu, transpose,
};
use portamark_model::device::{Capabilities, Feature};
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, DType};

/// All kernels; within a family the preferred ones come first.
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
        layer::KERNELS,
    ];
    families.into_iter().flatten()
}

/// The feature that the formats of `case` need and `device` lacks. Inputs of f16 can be read from
/// words; arithmetic in it can not. What moves elements does no arithmetic.
fn missing_format(case: &Case, device: &Capabilities) -> Option<PlanError> {
    let precision = case.precision();
    let words_do = !matches!(case, Case::Peak(_));
    let computes = precision.accumulate == DType::F16 && case.flop() > 0;
    let wants_f16 = computes || precision.uses(DType::F16) && !words_do;
    (wants_f16 && !device.has(Feature::ShaderF16)).then(|| {
        PlanError::Unsupported(format!("needs {}, which this device does not offer", Feature::ShaderF16))
    })
}

/// The untuned variants of every kernel that can run `case` on `device`, preferred first.
pub fn candidates(case: &Case, device: &Capabilities) -> Result<Vec<(&'static Kernel, Variant)>, PlanError> {
    collect(case, device, |kernel| kernel.variants)
}

/// Every variant of every kernel that is worth trying for `case` on `device`, the untuned ones first.
pub fn space(case: &Case, device: &Capabilities) -> Result<Vec<(&'static Kernel, Variant)>, PlanError> {
    let mut found = candidates(case, device)?;
    for candidate in collect(case, device, |kernel| kernel.space)? {
        if !found.iter().any(|(_, variant)| *variant == candidate.1) {
            found.push(candidate);
        }
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
        match of(kernel)(case, device) {
            Ok(variants) => found.extend(variants.into_iter().map(|variant| (kernel, variant))),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    // A processor has no matrix unit. Its drivers emulate one with a reduction for each element, an
    // order of magnitude slower than vectors, though faster than the plain kernel.
    let emulated = |variant: &Variant| device.is_software() && variant.path == Path::Coopmat;
    found.sort_by_key(|(kernel, variant)| (kernel.name == "reference", emulated(variant)));
    if found.is_empty() {
        let none = || PlanError::Unsupported("no kernel serves this case".into());
        return Err(first_error.unwrap_or_else(none));
    }
    Ok(found)
}

/// The plan that `run` uses: the first candidate.
pub fn default_plan(case: &Case, device: &Capabilities, source: &KernelSource) -> Result<Plan, PlanError> {
    let (kernel, variant) = candidates(case, device)?.remove(0);
    kernel.plan(case, device, &variant, source)
}
