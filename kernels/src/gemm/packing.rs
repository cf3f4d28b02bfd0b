//! Packing: copies operands so that each of their runs is whole vec4s, for kernels that require this.

use super::sizes::{gemm, runs, values};
use crate::error::PlanError;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Binding, Buffer, Content, Plan, Step, spread};
use portamark_model::variant::Variant;
use portamark_model::workload::{Case, DType, Gemm, Layout, Tile};
use serde_json::{Value, json};

/// Bits of the knob `pack` for A and B.
const A: u32 = 1;
const B: u32 = 2;

/// Storage of an operand: number of runs, and contiguous elements per run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    runs: u64,
    run: u64,
}

impl Shape {
    fn len(self) -> u64 {
        self.runs * self.run
    }
}

/// Whether A is read along M, given the packed operands `pack`. Packing a transposed A transposes it back.
pub(super) fn along_m(work: &Gemm, pack: u32) -> bool {
    work.layout.a_transposed() && pack & A == 0
}

/// Operands that must be packed for a kernel that reads whole vec4s, as bits of `pack`.
fn needed(work: &Gemm) -> u32 {
    let (a_run, b_run) = runs(work);
    let ragged = |run: u64| !run.is_multiple_of(4);
    match work.layout {
        // If K is no multiple of 4, it is padded in both operands.
        Layout::NN => {
            if ragged(a_run) {
                A | B
            } else if ragged(b_run) {
                B
            } else {
                0
            }
        }
        Layout::NT => {
            if ragged(a_run) {
                A | B
            } else {
                0
            }
        }
        Layout::TN => u32::from(ragged(a_run)) * A + u32::from(ragged(b_run)) * B,
        // Transposing A makes the layout nt.
        Layout::TT => {
            if ragged(b_run) {
                A | B
            } else {
                A
            }
        }
    }
}

/// Operands to pack, as bits: those that must be packed and those in `wish`.
pub(super) fn with(work: &Gemm, wish: u32) -> u32 {
    let pack = needed(work) | wish;
    // A packed A is read along K in vec4s, so B needs a matching number of rows.
    if pack & A > 0 && !work.k.is_multiple_of(4) { A | B } else { pack }
}

/// Operands whose format differs from that of the arithmetic, as bits of `pack`. If they are packed, they
/// are converted only once.
pub(super) fn conversions(work: &Gemm) -> u32 {
    let value = work.precision.accumulate;
    let other = |dtype: DType| u32::from(dtype != value);
    other(work.precision.input) * A + other(work.precision.right) * B
}

/// Sets of operands that may be worth packing although they need not be, as bits of `pack`: those that are
/// converted, and an A that is read along M.
pub(super) fn wishes(work: &Gemm) -> Vec<u32> {
    let converted = conversions(work);
    vec![0, converted, converted & B, u32::from(work.layout == Layout::TN) * A]
}

/// Format of the elements of a packed operand: 32 bits wide, like all buffers between steps.
fn held(work: &Gemm) -> &'static str {
    if work.precision.accumulate == DType::I32 { "i32" } else { "f32" }
}

/// Storage of A and B of `work` after packing the operands in `pack`.
fn packed(work: &Gemm, pack: u32) -> (Shape, Shape) {
    let pad = |n: u64| n.next_multiple_of(4);
    let (a, b) = lying(work);
    let a_packed = Shape { runs: work.m, run: pad(work.k) };
    let b_packed = match work.layout.b_transposed() {
        true => Shape { runs: work.n, run: pad(work.k) },
        // If A is read along K, an iteration also takes four rows of B, so their number is padded.
        false if along_m(work, pack) => Shape { runs: work.k, run: pad(work.n) },
        false => Shape { runs: pad(work.k), run: pad(work.n) },
    };
    (if pack & A > 0 { a_packed } else { a }, if pack & B > 0 { b_packed } else { b })
}

/// Storage of A and B before packing.
fn lying(work: &Gemm) -> (Shape, Shape) {
    let shape = |len: u64, run: u64| Shape { runs: len / run, run };
    let (a_run, b_run) = runs(work);
    (shape(work.m * work.k, a_run), shape(work.k * work.n, b_run))
}

/// Whether the packed operands fit into a buffer and a binding of `device`.
pub(super) fn fits(work: &Gemm, device: &Capabilities, pack: u32) -> bool {
    let (a, b) = packed(work, pack);
    let bytes = |shape: Shape, bit: u32| if pack & bit > 0 { 4 * work.batch * shape.len() } else { 0 };
    bytes(a, A).max(bytes(b, B)) <= device.limits.binding_bytes.min(device.limits.buffer_bytes)
}

/// Values for templates that read operands packed as `pack` says: [`values`] and sizes in elements. [`plan`]
/// sets the bindings.
pub(super) fn packed_values(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    pack: u32,
    more: Value,
) -> Value {
    let work = gemm(case);
    let (a, b) = packed(work, pack);
    let mut values = values(case, device, variant, more);
    let along_m = along_m(work, pack);
    values["k"] = json!(if along_m { work.k } else { a.run });
    values["a_transposed"] = json!(along_m);
    for (name, shape, bit) in [("a", a, A), ("b", b, B)] {
        values[format!("{name}_run").as_str()] = json!(shape.run);
        values[format!("{name}_len").as_str()] = json!(shape.len());
        if pack & bit > 0 {
            values[name] = json!({ "name": name, "format": held(work), "packed": false, "scales": null });
        }
    }
    values
}

/// Plan of the kernel `template` with `values`: first the steps that pack operands, then the kernel itself,
/// with its bindings in the order a, its scales, b, its scales, c.
pub(super) fn plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
    (template, mut values): (&str, Value),
    (groups, tile): (u64, Tile),
    pack: u32,
) -> Result<Plan, PlanError> {
    let work = gemm(case);
    let ((a, b), (a_packed, b_packed)) = (lying(work), packed(work, pack));
    let plain = super::sizes::values(case, device, variant, json!({}));
    let mut buffers = Buffer::all(case);
    let output = buffers.iter().position(|b| b.content == Content::Output).expect("a product is written");
    let mut steps = Vec::new();
    let mut bindings = Vec::new();
    for (name, from, to, bit) in [("a", a, a_packed, A), ("b", b, b_packed, B)] {
        let operand = &plain[name];
        let buffer = |key: &str| operand[key].as_u64().map(|number| number as usize);
        let own: Vec<usize> = [buffer("binding"), buffer("scales")].into_iter().flatten().collect();
        if pack & bit == 0 {
            values[name]["binding"] = json!(bindings.len());
            if own.len() > 1 {
                values[name]["scales"] = json!(bindings.len() + 1);
            }
            bindings.extend(own.into_iter().map(Binding::read));
            continue;
        }
        let target = buffers.len();
        buffers.push(Buffer::scratch(&format!("packed_{name}"), work.batch * to.len()));
        values[name]["binding"] = json!(bindings.len());
        bindings.push(Binding::read(target));
        let mut x = operand.clone();
        x["name"] = json!("x");
        x["binding"] = json!(0);
        if own.len() > 1 {
            x["scales"] = json!(1);
        }
        let (threads, per) = (variant.knob("threads"), 16);
        let items = work.batch * to.len() / 4;
        let wgsl = source.render(
            "gemm/pack.wgsl",
            json!({
                "x": x,
                "p": { "name": "p", "format": held(work), "binding": own.len(), "packed": false },
                "value": held(work),
                "runs": from.runs,
                "run": from.run,
                "p_runs": to.runs,
                "p_run": to.run,
                "turn": bit == A && work.layout.a_transposed(),
                "items": items,
                "threads": threads,
                "per": per,
                "scalar": false,
            }),
        )?;
        let bindings = own.into_iter().map(Binding::read).chain([Binding::write(target)]).collect();
        let groups = items.div_ceil(u64::from(threads * per));
        steps.push(Step::new(wgsl, bindings, spread(groups, device.limits.dispatch)));
    }
    values["c"]["binding"] = json!(bindings.len());
    bindings.push(Binding::write(output));
    let wgsl = source.render(template, &values)?;
    steps.push(Step::new(wgsl, bindings, spread(groups, device.limits.dispatch)));
    Ok(Plan::new(buffers, steps, variant, tile))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str) -> Gemm {
        gemm(&key.parse().unwrap()).clone()
    }

    #[test]
    fn only_what_ends_inside_a_vec4_or_lies_the_wrong_way_is_packed() {
        for (key, pack) in [
            ("gemm f32 m5 n8 k8 nn", 0),
            ("gemm f32 m8 n9 k8 nn", B),
            ("gemm f32 m8 n8 k9 nn", A | B),
            ("gemm f32 m5 n9 k8 nt", 0),
            ("gemm f32 m5 n9 k7 nt", A | B),
            ("gemm f32 m8 n8 k7 tn", 0),
            ("gemm f32 m9 n8 k7 tn", A | B),
            ("gemm f32 m9 n8 k8 tn", A),
            ("gemm f32 m8 n9 k7 tn", B),
            ("gemm f32 m8 n8 k8 tt", A),
            ("gemm f32 m8 n8 k7 tt", A | B),
        ] {
            assert_eq!(with(&of(key), 0), pack, "{key}");
        }
    }

    #[test]
    fn packed_runs_are_whole_vec4s_and_k_agrees() {
        let (a, b) = packed(&of("gemm f32 m5 n9 k7 nn"), A | B);
        assert_eq!((a, b), (Shape { runs: 5, run: 8 }, Shape { runs: 8, run: 12 }));
        let (a, b) = packed(&of("gemm f32 m5 n9 k8 tt"), A);
        assert_eq!((a, b), (Shape { runs: 5, run: 8 }, Shape { runs: 9, run: 8 }));
        let (a, b) = packed(&of("gemm f32 m5 n9 k7 tn"), B);
        assert_eq!((a, b), (Shape { runs: 7, run: 5 }, Shape { runs: 7, run: 12 }));
    }

    #[test]
    fn what_is_converted_before_use_can_be_packed_once() {
        assert_eq!(wishes(&of("gemm f32 m8 n8 k8 nn")), [0, 0, 0, 0]);
        assert_eq!(wishes(&of("gemm f16.f32 m8 n8 k8 tn")), [0, A | B, B, A]);
        assert_eq!(wishes(&of("gemm f32xq4_0 m8 n8 k32 nt")), [0, B, B, 0]);
        // If A is packed, the number of rows of B must be a multiple of four.
        assert_eq!(with(&of("gemm f32 m8 n8 k7 tn"), A), A | B);
    }
}
