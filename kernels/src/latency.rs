//! Kernels of the `latency` family.

use super::entry::Kernel;
use super::error::PlanError;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Binding, Buffer, Plan, Step};
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, Latency, Tile, Workload};
use serde_json::json;

/// The only kernel of the `latency` family.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Latency::FAMILY,
    name: "chase",
    summary: "one invocation, each load from the place that the last one named",
    variants: chase_variants,
    space: chase_variants,
    plan: chase_plan,
}];

/// Steps of the chain per kernel launch. At 1 µs per step, the slowest that was observed, 2¹⁷ steps take an
/// eighth of a second.
const STEPS_PER_DISPATCH: u64 = 1 << 17;

fn chase_variants(_: &Case, _: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    Ok([16, 4].map(|unroll| Variant::new("chase", Path::Scalar).with("unroll", unroll)).to_vec())
}

fn chase_plan(
    case: &Case,
    _: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let Case::Latency(work) = case else { unreachable!("kernels are chosen by family") };
    let mut buffers = Buffer::all(case);
    // Two buffers for the state, since each launch reads one and writes the other.
    let dispatches = work.steps.div_ceil(STEPS_PER_DISPATCH);
    let states: Vec<usize> = (0..2.min(dispatches - 1)).map(|i| 2 + i as usize).collect();
    buffers.extend(states.iter().map(|i| Buffer::scratch(&format!("state{}", i - 2), 1)));
    let mut steps = Vec::new();
    for number in 0..dispatches {
        let (first, last) = (number * STEPS_PER_DISPATCH, work.steps.min((number + 1) * STEPS_PER_DISPATCH));
        let values = json!({
            "lines": work.lines,
            "first": first,
            "last": last,
            "from_start": number == 0,
            "unroll": variant.knob("unroll"),
        });
        let state = |number: u64| states[(number % 2) as usize];
        let mut bindings = vec![Binding::read(0)];
        if number > 0 {
            bindings.push(Binding::read(state(number - 1)));
        }
        let result = if number + 1 == dispatches { 1 } else { state(number) };
        bindings.push(Binding::write(result));
        let wgsl = source.render("latency/chase.wgsl", values)?;
        steps.push(Step::new(wgsl, bindings, [1, 1, 1]));
    }
    Ok(Plan::new(buffers, steps, variant, Tile::ONE))
}
