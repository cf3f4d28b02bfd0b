//! Tensors larger than one binding: the same kernel on ranges of them, a dispatch each.
//!
//! Devices bind less of a buffer at a time than they hold: often 128 MiB of 2 GiB. Where the rows of a
//! case are independent, a kernel can do some of them with the parts of the tensors that belong to
//! them bound, and then the next ones. What each dispatch sees is a smaller case.

use super::error::PlanError;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Buffer, ByteRange, Content, Plan, Step};
use portamark_model::workload::{Case, DType, Gemm, StreamOp};

/// Ranges begin at multiples of this: no device asks for more.
const ALIGNMENT: u64 = 256;

/// Elements of a buffer that belong to the first so many units; none where all units share it.
type Elements = Box<dyn Fn(&Buffer, u64) -> Option<u64>>;

/// How a case is cut: its length by the name it has in the key, and what each buffer has for a unit
/// of it.
struct Cut {
    /// The letter of the length in the key.
    letter: char,
    /// The length.
    length: u64,
    /// Elements of a buffer that belong to the first so many units; none where all units share it.
    elements: Elements,
}

/// The cut of `case`, where its rows are independent and lie one after the other in every tensor.
fn cut(case: &Case) -> Option<Cut> {
    // Scales lie in a buffer of their own, one for a group of elements.
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
            Some(Cut { letter: 'n', length: stream.n, elements: Box::new(elements) })
        }
        Case::Gemv(gemv) if gemv.product.m == 1 => {
            let Gemm { n, k, precision, .. } = gemv.product;
            let (weights, output) = (of("b", k, group(precision.right)), of("c", 1, None));
            let elements = move |b: &Buffer, units: u64| weights(b, units).or_else(|| output(b, units));
            Some(Cut { letter: 'n', length: n, elements: Box::new(elements) })
        }
        Case::Gemm(Gemm { m, n, k, precision, layout, batch: 1, .. }) if !layout.a_transposed() => {
            let (rows, output) = (of("a", *k, group(precision.input)), of("c", *n, None));
            let elements = move |b: &Buffer, units: u64| rows(b, units).or_else(|| output(b, units));
            Some(Cut { letter: 'm', length: *m, elements: Box::new(elements) })
        }
        _ => None,
    }
}

impl Cut {
    /// The largest number of units whose parts can be bound and after which every part of every buffer
    /// begins at a multiple of [`ALIGNMENT`].
    fn units(&self, buffers: &[Buffer], binding_bytes: u64) -> Option<u64> {
        let bytes = |units: u64| {
            let parts =
                buffers.iter().filter_map(move |b| (self.elements)(b, units).map(|len| b.dtype.bytes(len)));
            parts.collect::<Vec<u64>>()
        };
        let aligned =
            |units: &u64| bytes(*units).iter().all(|bytes| bytes.is_multiple_of(ALIGNMENT) && *bytes > 0);
        let step = (0..24).map(|power| 1u64 << power).find(aligned)?;
        // Bytes grow in proportion: what one step takes tells how many fit.
        let largest = bytes(step).into_iter().max()?;
        let steps = binding_bytes / largest;
        (steps > 0).then_some(steps * step)
    }
}

/// The case with another length.
fn resized(case: &Case, letter: char, length: u64) -> Option<Case> {
    let is_length = |word: &str| {
        word.strip_prefix(letter)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
    };
    let word = |word: &str| if is_length(word) { format!("{letter}{length}") } else { word.to_string() };
    let words: Vec<String> = case.key().split(' ').map(word).collect();
    words.join(" ").parse().ok()
}

/// A plan for `case` by `make`, which plans a case whose tensors can be bound whole: of one dispatch
/// where they can, else of one for each range.
///
/// # Errors
/// Those of `make`.
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
        // The plan as it is: what it needs will be told from it.
        return Ok(whole);
    };
    let mut plan = Plan::new(tensors, Vec::new(), &whole.variant, whole.tile);
    let mut from = 0;
    while from < cut.length {
        let length = units.min(cut.length - from);
        let Some(part) = resized(case, cut.letter, length) else {
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
        // 10 240 f32 in bindings of 16 KiB: 4096, 4096 and 2048 of them.
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
