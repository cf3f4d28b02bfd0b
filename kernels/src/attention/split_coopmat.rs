//! First step of decode attention on the matrix unit: the query rows that share a KV head are the rows of its matrices.
//!
//! The kernel is that of prefill, over a part of the keys for each workgroup, with partial sums for `combine.wgsl`.

use super::cache::{Split, check, is_step};
use super::coopmat::{GOOD_REGISTERS, SLACK, Shape, Unit, body, unit_of, units};
use super::decode::in_parts;
use super::sizes::{attention, head_rows};
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::variant::Variant;
use portamark_model::workload::{Attention, Case, Workload};
use serde_json::json;

const NAME: &str = "split_coopmat";

/// The decode kernel on the matrix unit.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Attention::FAMILY,
    name: NAME,
    summary: "decode on the matrix unit: a workgroup owns a part of the keys, then the parts are combined",
    variants,
    space,
    plan,
}];

/// Fewest query rows of a KV head with which the matrix unit is used. Matrices have 16 rows, and those beyond the last
/// query are multiplied for nothing; with 8 that is half of the work, of which the unit does several times as much in
/// the time in which keys and values are loaded.
const LEAST_ROWS: u64 = 8;

/// Number of workgroups below which parts are made shorter.
const ENOUGH_GROUPS: u64 = 256;

/// Numbers of keys of a part, longest first: a longer one leaves fewer partial sums.
const SPANS: [u32; 5] = [1024, 512, 256, 128, 64];

/// Whether this kernel serves `work` on a device with a suitable matrix unit.
fn serves(work: &Attention) -> Result<bool, PlanError> {
    check(work)?;
    Ok(is_step(work) && work.page.is_none() && head_rows(work) >= LEAST_ROWS)
}

/// The longest part with which there are enough workgroups.
fn span(work: &Attention, tile: u64) -> u32 {
    let groups = |span: &u32| Split::of(work, (*span).into(), tile, 1).groups;
    SPANS.into_iter().find(|span| groups(span) >= ENOUGH_GROUPS).unwrap_or(SPANS[SPANS.len() - 1])
}

/// A workgroup whose `across` subgroups share one tile of rows.
fn shape(work: &Attention, across: u32, rm: u32, bc: u32, hold: bool, prefetch: bool) -> Shape {
    Shape { sg: across, across, rm, bc, hold, prefetch, turn: !work.latent, slack: SLACK }
}

fn variant(work: &Attention, shape: &Shape, unit: Unit, span: Option<u32>) -> Variant {
    let span = span.unwrap_or_else(|| self::span(work, shape.tile(unit.edge)));
    shape.variant(NAME, unit).with("span", span)
}

/// A few untuned variants.
fn variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    let mut found = Vec::new();
    if !serves(work)? {
        return Ok(found);
    }
    for unit in units(work, device) {
        let rm = 16 / unit.edge;
        if device.is_software() {
            // Emulated matrices take seconds to compile, so use few of them.
            let plain = |across| Shape { turn: false, ..shape(work, across, rm, 16, false, false) };
            let shape = [4, 2, 1].map(plain).into_iter().find(|shape| shape.runs(work, device, unit));
            found.extend(shape.map(|shape| variant(work, &shape, unit, None)));
            continue;
        }
        if unit.is_second_choice(device) {
            continue;
        }
        let sides: &[(u32, u32)] = if work.value_dim > 256 {
            &[(8, 32), (8, 16), (4, 16), (4, 32)]
        } else {
            &[(4, 32), (4, 16), (8, 32), (2, 32)]
        };
        let choices = [(true, true), (true, false), (false, true), (false, false)];
        let shapes = sides.iter().filter_map(|&(across, bc)| {
            let eased = choices.map(|(hold, prefetch)| shape(work, across, rm, bc, hold, prefetch));
            let fitting = eased.into_iter().filter(|shape| shape.runs(work, device, unit));
            fitting.clone().find(|shape| shape.registers(work, unit) <= GOOD_REGISTERS).or(fitting.last())
        });
        let mut shapes: Vec<Shape> = shapes.collect();
        shapes.sort_by_key(|shape| shape.registers(work, unit) > GOOD_REGISTERS);
        found.extend(shapes.iter().take(3).map(|shape| variant(work, shape, unit, None)));
    }
    Ok(found)
}

/// Every shape that fits, and for each of them parts of several lengths.
fn space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    if !serves(work)? {
        return Ok(Vec::new());
    }
    let registers: &[(bool, bool)] =
        if device.is_software() { &[(false, false)] } else { &[(true, true), (true, false), (false, false)] };
    let mut found = Vec::new();
    for unit in units(work, device) {
        for rows in [16, 32].into_iter().filter(|rows| *rows <= head_rows(work).next_multiple_of(16)) {
            for (across, bc) in
                [1, 2, 4, 8].into_iter().flat_map(|across| [16, 32, 64].map(|bc| (across, bc)))
            {
                for &(hold, prefetch) in registers {
                    let shape = shape(work, across, rows as u32 / unit.edge, bc, hold, prefetch);
                    if shape.runs(work, device, unit) {
                        let spans: &[u32] = if rows == 16 { &[64, 256, 1024] } else { &[256] };
                        found.extend(spans.iter().map(|span| variant(work, &shape, unit, Some(*span))));
                    }
                }
            }
        }
    }
    Ok(found)
}

fn plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = attention(case);
    let unit = unit_of(work, device, variant)?;
    let shape = Shape::of(variant);
    let split = Split::of(work, variant.knob("span").into(), shape.tile(unit.edge), shape.bc.into());
    let mut values = body(case, device, variant, unit);
    if values["v_run"] == "turned" && values["k_run"] == "wide" && work.value_dim.is_multiple_of(8) {
        values["v_run"] = json!("wide_turned");
    }
    for (name, value) in [
        ("tiles", split.packs),
        ("groups", split.groups),
        ("parts", split.parts),
        ("first", split.first),
        ("value_dim", work.value_dim),
    ] {
        values[name] = json!(value);
    }
    in_parts(case, device, variant, source, &split, "attention/coopmat.wgsl", values)
}
