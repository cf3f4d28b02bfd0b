//! Tensors larger than one binding: the same kernel is launched once for each range of them.
//!
//! The largest binding of a device is often smaller than its largest buffer, e.g. 128 MiB and 2 GiB. If the
//! rows of a case are independent, a launch can process some of them, with only the matching parts of the
//! tensors bound, and the next launch the next ones. Each launch then computes a smaller case.

use super::error::PlanError;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Buffer, ByteRange, Content, Plan, Step};
use portamark_model::workload::{Case, DType, Gemm, StreamOp};

/// Alignment of the start of a range, in bytes; no device requires more.
const ALIGNMENT: u64 = 256;

/// Function of a buffer and a number `n` of units: how many elements of the buffer belong to the first `n`
/// units. `None` if all units share the buffer.
type Elements = Box<dyn Fn(&Buffer, u64) -> Option<u64>>;

/// How a case is cut into ranges along one of its sizes, whose single rows or elements are called units.
struct Cut {
    /// Name of that size in the key, e.g. `n`.
    name: &'static str,
    /// Value of that size: the number of units.
    length: u64,
    /// Elements of a buffer that belong to the first units.
    elements: Elements,
}

/// The cut of `case`; `None` unless its rows are independent and follow one another in every tensor that
/// they do not share.
fn cut(case: &Case) -> Option<Cut> {
    // Scales lie in a separate buffer, one per group of elements.
    let of = |name: &'static str, each: u64, group: Option<u64>| {
        move |buffer: &Buffer, units: u64| match buffer.name.strip_suffix("_scales") {
            Some(owner) if owner == name => Some(units * each / group.unwrap_or(1)),
            _ => (buffer.name == name).then_some(units * each),
        }
    };
    let group = |dtype: DType| dtype.group();
    match case {
        Case::Stream(stream) => {
            let per_block =
                if stream.op == StreamOp::Read { portamark_model::workload::READ_BLOCK } else { 1 };
            let elements = move |buffer: &Buffer, units: u64| match buffer.name.as_str() {
                "a" | "b" => Some(units),
                "y" => Some(units / per_block),
                _ => None,
            };
            Some(Cut { name: "n", length: stream.n, elements: Box::new(elements) })
        }
        Case::Gemv(gemv) if gemv.product.m == 1 => {
            let Gemm { n, k, precision, .. } = gemv.product;
            let (weights, output) = (of("b", k, group(precision.right)), of("c", 1, None));
            let elements = move |b: &Buffer, units: u64| weights(b, units).or_else(|| output(b, units));
            Some(Cut { name: "n", length: n, elements: Box::new(elements) })
        }
        Case::Gemm(Gemm { m, n, k, precision, layout, batch: 1, .. }) if !layout.a_transposed() => {
            let (rows, output) = (of("a", *k, group(precision.input)), of("c", *n, None));
            let elements = move |b: &Buffer, units: u64| rows(b, units).or_else(|| output(b, units));
            Some(Cut { name: "m", length: *m, elements: Box::new(elements) })
        }
        _ => None,
    }
}

impl Cut {
    /// The largest number of units per range such that each part of a buffer fits into `binding_bytes` and
    /// starts at a multiple of [`ALIGNMENT`]; `None` if there is no such number.
    fn units(&self, buffers: &[Buffer], binding_bytes: u64) -> Option<u64> {
        let bytes = |units: u64| {
            let parts =
                buffers.iter().filter_map(move |b| (self.elements)(b, units).map(|len| b.dtype.bytes(len)));
            parts.collect::<Vec<u64>>()
        };
        let aligned =
            |units: &u64| bytes(*units).iter().all(|bytes| bytes.is_multiple_of(ALIGNMENT) && *bytes > 0);
        let step = (0..24).map(|power| 1u64 << power).find(aligned)?;
        // Bytes are proportional to units, so the bytes of one step tell how many steps fit.
        let largest = bytes(step).into_iter().max()?;
        let steps = binding_bytes / largest;
        (steps > 0).then_some(steps * step)
    }
}

/// Plans `case` with `make`, which plans a case whose tensors can be bound whole. If they cannot, the plan
/// contains the steps of `make` once for each range.
///
/// # Errors
/// Returns the errors of `make`, and fails if `case` cannot be reduced to one of the ranges.
pub(super) fn in_ranges(
    case: &Case,
    device: &Capabilities,
    make: impl Fn(&Case) -> Result<Plan, PlanError>,
) -> Result<Plan, PlanError> {
    let whole = make(case)?;
    let most = device.limits.binding_bytes;
    let tensors = Buffer::all(case);
    if tensors.iter().all(|buffer| buffer.bytes() <= most) {
        return Ok(whole);
    }
    let Some((cut, units)) = cut(case).and_then(|cut| cut.units(&tensors, most).map(|units| (cut, units)))
    else {
        // Return the plan unchanged: its needs are checked against the device elsewhere.
        return Ok(whole);
    };
    let mut plan = Plan::new(tensors, Vec::new(), &whole.variant, whole.tile);
    let mut from = 0;
    while from < cut.length {
        let length = units.min(cut.length - from);
        let Ok(part) = case.with_size(cut.name, length) else {
            return Err(PlanError::Unsupported(format!(
                "{case} cannot be cut into parts that a binding holds"
            )));
        };
        let part = make(&part)?;
        for step in &part.steps {
            let mut step: Step = step.clone();
            for binding in &mut step.bindings {
                let buffer = &part.buffers[binding.buffer];
                let place = plan.buffers.iter().position(|known| known.name == buffer.name);
                binding.buffer = place.unwrap_or_else(|| {
                    plan.buffers.push(buffer.clone());
                    plan.buffers.len() - 1
                });
                let offset = (cut.elements)(buffer, from).filter(|_| buffer.content != Content::Scratch);
                binding.range =
                    offset.map(|offset| ByteRange::new(buffer.dtype.bytes(offset), buffer.bytes()));
            }
            plan.steps.push(step);
        }
        from += length;
    }
    plan.features = Plan::features(&plan.steps);
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KernelSource, default_plan};

    fn plan(key: &str, binding_bytes: u64) -> Plan {
        let mut device = Capabilities::example();
        device.limits.binding_bytes = binding_bytes;
        default_plan(&key.parse().unwrap(), &device, &KernelSource::embedded()).unwrap()
    }

    fn ranges(plan: &Plan, buffer: usize) -> Vec<Option<(u64, u64)>> {
        let of = |step: &Step| {
            let binding = step.bindings.iter().find(|b| b.buffer == buffer).unwrap();
            binding.range.map(|range| (range.offset, range.bytes))
        };
        plan.steps.iter().map(of).collect()
    }

    #[test]
    fn arrays_are_bound_in_ranges_of_the_size_that_fits() {
        // 10 240 f32 in bindings of 16 KiB: ranges of 4096, 4096 and 2048 elements.
        let plan = plan("stream f32 triad n10240", 16_384);
        assert_eq!(plan.steps.len(), 3);
        let expected = [Some((0, 16_384)), Some((16_384, 16_384)), Some((32_768, 8192))];
        assert_eq!((ranges(&plan, 0), ranges(&plan, 3)), (expected.to_vec(), expected.to_vec()));
        assert_eq!(ranges(&plan, 2), [None; 3], "the factor is bound whole");
        assert_eq!(plan.buffers[0].len, 10_240);
    }

    #[test]
    fn rows_of_weights_go_with_their_scales_and_outputs() {
        // A row of 4096 weights takes 2048 bytes, its scales 256, an output 2.
        let plan = plan("gemv f16xq4_0.f32 m1 n1000 k4096", 1 << 20);
        let at = |name: &str| plan.buffers.iter().position(|b| b.name == name).unwrap();
        // 128 outputs are 256 bytes; 512 rows are 1 MiB.
        assert_eq!(ranges(&plan, at("b")), [Some((0, 1 << 20)), Some((1 << 20, 488 * 2048))]);
        assert_eq!(ranges(&plan, at("b_scales")), [Some((0, 512 * 256)), Some((512 * 256, 488 * 256))]);
        assert_eq!(ranges(&plan, at("c")), [Some((0, 1024)), Some((1024, 976))]);
        assert_eq!(ranges(&plan, at("a")), [None; 2]);
    }

    #[test]
    fn what_fits_or_cannot_be_cut_stays_one_dispatch() {
        assert_eq!(plan("stream f32 copy n4096", 16_384).steps.len(), 1);
        assert_eq!(plan("transpose f32 m128 n128", 16_384).steps.len(), 1);
        // B is 64 KiB, and every row of C needs all of it.
        let plan = plan("gemm f32 m128 n128 k128 nn", 16_384);
        assert!(plan.steps.iter().flat_map(|step| &step.bindings).any(|b| b.range.is_none()));
    }
}
