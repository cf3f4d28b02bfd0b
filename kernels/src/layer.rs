//! Plan of a layer: the kernel launches of its parts, one after the other.

use super::error::PlanError;
use portamark_model::plan::Plan;
use portamark_model::variant::Variant;
use portamark_model::workload::{Case, Layer, Tile};

pub(super) fn parts(case: &Case) -> &[Case] {
    let Case::Layer(layer) = case else { unreachable!("kernels are chosen by family") };
    &layer.parts
}

/// Concatenates the plans that `plan` makes for the parts of the layer `case` into one plan.
///
/// # Errors
/// Returns the first error of a part, prefixed with the key of that part.
pub fn chain(
    case: &Case,
    variant: &Variant,
    mut plan: impl FnMut(&Case) -> Result<Plan, PlanError>,
) -> Result<Plan, PlanError> {
    let (mut buffers, mut steps) = (Vec::new(), Vec::new());
    for (number, part) in parts(case).iter().enumerate() {
        let plan = plan(part).map_err(|error| of_part(part, error))?;
        let first = buffers.len();
        let prefix = Layer::prefix(number);
        buffers.extend(plan.buffers.into_iter().map(|mut buffer| {
            buffer.name.insert_str(0, &prefix);
            buffer
        }));
        steps.extend(plan.steps.into_iter().map(|mut step| {
            step.bindings.iter_mut().for_each(|binding| binding.buffer += first);
            step
        }));
    }
    // Parts have different tiles, so each is verified at the edges of one-element tiles.
    Ok(Plan::new(buffers, steps, variant, Tile::ONE))
}

pub(super) fn of_part(part: &Case, error: PlanError) -> PlanError {
    let told = format!("{part}: {error}");
    match error {
        PlanError::Template(_) => PlanError::Template(told),
        _ => PlanError::Unsupported(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KernelSource, default_plan};
    use portamark_model::device::Capabilities;
    use portamark_model::plan::Content;

    fn plan(key: &str) -> Plan {
        default_plan(&key.parse().unwrap(), &Capabilities::example(), &KernelSource::embedded()).unwrap()
    }

    #[test]
    fn steps_and_buffers_of_the_parts_follow_one_another() {
        let keys = ["gemm f32 m64 n64 k64 nt", "softmax f32 r8 c64"];
        let [a, b] = keys.map(plan);
        let chained = plan(&format!("layer {} + {}", keys[0], keys[1]));
        assert_eq!(chained.steps.len(), a.steps.len() + b.steps.len());
        assert_eq!(chained.bytes(), a.bytes() + b.bytes());
        let texts = |plan: &Plan| -> Vec<String> { plan.steps.iter().map(|s| s.wgsl.clone()).collect() };
        assert_eq!(texts(&chained), [texts(&a), texts(&b)].concat());
        // The bindings of the last part refer to its own buffers, in the same order.
        let last = chained.steps.last().unwrap();
        for (binding, own) in last.bindings.iter().zip(&b.steps.last().unwrap().bindings) {
            assert_eq!(binding.buffer, own.buffer + a.buffers.len());
            assert!(chained.buffers[binding.buffer].name.starts_with("2."));
        }
        assert_eq!(chained.buffers.iter().filter(|b| b.content == Content::Output).count(), 2);
    }

    #[test]
    fn a_part_that_cannot_run_is_named() {
        let mut device = Capabilities::example();
        device.features.retain(|feature| *feature != portamark_model::device::Feature::ShaderF16);
        let case: Case = "layer gemm f32 m64 n64 k64 nt + gemm f16 m8 n8 k8 nt".parse().unwrap();
        let error = default_plan(&case, &device, &KernelSource::embedded()).unwrap_err().to_string();
        assert!(error.contains("gemm f16 m8 n8 k8 nt: needs"), "{error}");
    }
}
