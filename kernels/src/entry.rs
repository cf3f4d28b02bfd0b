//! What the entry of a kernel consists of.

use super::error::PlanError;
use super::ranges::in_ranges;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::Variant;
use portamark_model::workload::Case;

/// One kernel of a family: how it is chosen and how it becomes a plan.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// The workload family that it serves.
    pub family: &'static str,
    /// Name within the family.
    pub name: &'static str,
    /// One sentence on how it works, for `portamark devices --kernels` and the documentation.
    pub summary: &'static str,
    /// A few variants to run untuned, best first; an error says what the device lacks. Variants that
    /// break a limit of the device are left out.
    pub variants: fn(&Case, &Capabilities) -> Result<Vec<Variant>, PlanError>,
    /// Every variant worth trying when tuning, pruned by the limits of the device.
    pub space: fn(&Case, &Capabilities) -> Result<Vec<Variant>, PlanError>,
    /// Renders one variant.
    pub plan: fn(&Case, &Capabilities, &Variant, &KernelSource) -> Result<Plan, PlanError>,
}

impl Kernel {
    /// Renders one variant, in ranges of the tensors where the device cannot bind them whole and the
    /// case can be cut.
    ///
    /// # Errors
    /// When the device lacks something or the template is broken.
    pub fn plan(
        &self,
        case: &Case,
        device: &Capabilities,
        variant: &Variant,
        source: &KernelSource,
    ) -> Result<Plan, PlanError> {
        in_ranges(case, device, |part| (self.plan)(part, device, variant, source))
    }
}
