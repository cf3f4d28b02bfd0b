//! Description of a kernel: its variants and how each becomes a plan.

use super::error::PlanError;
use super::ranges::in_ranges;
use super::source::KernelSource;
use portamark_model::device::{Capabilities, Feature};
use portamark_model::plan::Plan;
use portamark_model::variant::Variant;
use portamark_model::workload::Case;

/// Knob of the variants that ask for another subgroup size than the usual one of the device.
pub const SUBGROUP_KNOB: &str = "subgroup";

/// One kernel of a workload family, with functions that list its variants and render them.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// Name of the workload family that it serves, e.g. `gemm`.
    pub family: &'static str,
    /// Name of the kernel, unique within the family.
    pub name: &'static str,
    /// Short description of how it works, for `portamark devices --kernels` and the documentation.
    pub summary: &'static str,
    /// Returns a few variants to run untuned, best first, without those that exceed a limit of the device.
    /// Fails if the device lacks something; the message names it.
    pub variants: fn(&Case, &Capabilities) -> Result<Vec<Variant>, PlanError>,
    /// Returns every variant that tuning tries, without those that exceed a limit of the device.
    pub space: fn(&Case, &Capabilities) -> Result<Vec<Variant>, PlanError>,
    /// Renders one variant into a plan, assuming that every tensor can be bound whole.
    pub plan: fn(&Case, &Capabilities, &Variant, &KernelSource) -> Result<Plan, PlanError>,
}

impl Kernel {
    /// Renders one variant into a plan. If a tensor exceeds the binding size of the device and the case
    /// can be split, the plan binds the tensors in ranges. Kernels of a source that is checked have run-time checks, also
    /// if the variant has none.
    ///
    /// # Errors
    /// Fails if the device lacks something or if the template cannot be rendered.
    pub fn plan(
        &self,
        case: &Case,
        device: &Capabilities,
        variant: &Variant,
        source: &KernelSource,
    ) -> Result<Plan, PlanError> {
        let checked = variant.checks || source.is_checked();
        let variant = variant.clone().but(|it| it.checks = checked);
        let size = variant.knobs.get(SUBGROUP_KNOB).copied().or(device.asked_subgroup());
        let seen = size.map_or_else(|| device.clone(), |size| device.with_subgroup(size));
        let mut plan = in_ranges(case, &seen, |part| (self.plan)(part, &seen, &variant, source))?;
        let depends =
            [Feature::Subgroup, Feature::CooperativeMatrix].iter().any(|it| plan.features.contains(it));
        if size.is_some() && depends {
            plan.subgroup = size;
            // A size can only be asked for where the device is opened with subgroups.
            if !plan.features.contains(&Feature::Subgroup) {
                plan.features.push(Feature::Subgroup);
            }
        }
        Ok(plan)
    }
}
