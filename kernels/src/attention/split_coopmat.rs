//! First step of decode attention on the matrix unit: the query rows that share a KV head are the rows of its matrices.
//!
//! The kernel is that of prefill, over a part of the keys for each workgroup, with partial sums for `combine.wgsl`.

use super::cache::{Split, check, is_step};
use super::coopmat::{SLACK, Shape, Unit, body, unit_of, units};
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

/// Fewest query rows of a KV head with which tuning tries the matrix unit: half of the 16 rows of its matrices.
const LEAST_ROWS: u64 = 8;

/// Number of rows beyond which it is preferred. With 8 the multiply-adds of the vector kernel take about half of the time
/// in which keys and values are loaded (Navi 31, GA102), and it keeps up to twice as many subgroups resident. It has 16
/// for 9 rows and more, and then they take as long as the loads.
const MOST_VECTOR_ROWS: u64 = 8;

/// Maximum registers per lane for matrices and prefetched data with which four subgroups share a scheduler: parts of K and
/// of V wait there at the same time, and lanes of many subgroups need more addresses than in prefill.
const FEW_REGISTERS: u64 = 64;

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
    if !serves(work)? || head_rows(work) <= MOST_VECTOR_ROWS {
        return Ok(found);
    }
    for unit in units(work, device) {
        let rm = 16 / unit.edge;
        if device.is_software() {
            // Emulated matrices take seconds to compile, so use few of them.
            let plain = |(across, bc)| Shape { turn: false, ..shape(work, across, rm, bc, false, false) };
            let shapes = [(4, 16), (2, 16), (1, 16), (4, 8), (2, 8)].map(plain);
            let shape = shapes.into_iter().find(|shape| shape.runs(work, device, unit));
            found.extend(shape.map(|shape| variant(work, &shape, unit, None)));
            continue;
        }
        if unit.is_second_choice(device) {
            continue;
        }
        // Wide heads take so much workgroup memory that more subgroups have to share it.
        let sides: &[(u32, u32)] = match work.dim {
            ..=128 => &[(4, 32), (4, 16), (8, 32), (2, 32)],
            129..=256 => &[(8, 32), (8, 16), (4, 16), (4, 32)],
            _ => &[(8, 16), (8, 32), (4, 16), (4, 32)],
        };
        let shapes = sides.iter().filter_map(|&(across, bc)| {
            let shape = shape(work, across, rm, bc, true, true);
            shape.eased(work, unit, FEW_REGISTERS, |shape| shape.runs(work, device, unit))
        });
        let mut shapes: Vec<Shape> = shapes.collect();
        shapes.sort_by_key(|shape| shape.registers(work, unit) > FEW_REGISTERS);
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

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::device::{Feature, MatrixShape};
    use portamark_model::workload::DType;

    /// A GPU with square matrices of f16 and 48 KiB of workgroup memory.
    fn gpu(edge: u32, subgroup: u32) -> Capabilities {
        let mut device = Capabilities::example();
        device.features = vec![Feature::ShaderF16, Feature::Subgroup, Feature::CooperativeMatrix];
        (device.subgroup_min, device.subgroup_max) = (subgroup, subgroup);
        device.limits.workgroup_memory = 48 << 10;
        device.matrix_shapes = vec![MatrixShape::new(edge, DType::F16, DType::F32)];
        device
    }

    fn case(key: &str) -> Case {
        format!("attention {key}").parse().unwrap()
    }

    fn texts(key: &str) -> Vec<String> {
        variants(&case(key), &gpu(16, 32)).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn heads_with_enough_rows_are_served_and_others_are_left_to_vectors() {
        for key in ["hq9 hkv1 q1 kv64 d64", "hq6 hkv1 q2 kv64 d64", "hq128 hkv1 q1 kv64 d576 dv512 latent"] {
            assert!(!texts(&format!("f16.f32 b1 {key}")).is_empty(), "{key}");
        }
        // Eight rows, prefill, a table of pages, heads that are no whole matrices, formats beyond f16.
        for key in [
            "f16.f32 b1 hq8 hkv1 q1 kv64 d64",
            "f16.f32 b1 hq16 hkv1 q8 kv64 d64",
            "f16.f32 b1 hq16 hkv1 q1 kv64 d64 page16",
            "f16.f32 b1 hq16 hkv1 q1 kv64 d72",
            "f32 b1 hq16 hkv1 q1 kv64 d64",
            "bf16.f32 b1 hq16 hkv1 q1 kv64 d64",
        ] {
            assert!(texts(key).is_empty(), "{key}");
        }
        // Tuning tries it from eight rows on.
        let tuned = |key: &str| space(&case(key), &gpu(16, 32)).unwrap();
        assert!(!tuned("f16.f32 b1 hq8 hkv1 q1 kv64 d64").is_empty());
        assert!(tuned("f16.f32 b1 hq7 hkv1 q1 kv64 d64").is_empty());
    }

    #[test]
    fn wide_heads_are_shared_by_more_subgroups() {
        let first = |key: &str| texts(&format!("f16.f32 b1 {key}")).swap_remove(0);
        assert!(first("hq16 hkv1 q1 kv4096 d128").contains("across4 bc32"));
        assert!(first("hq16 hkv1 q1 kv4096 d256").contains("across8 bc32"));
        let latent = first("hq16 hkv1 q1 kv4096 d576 dv512 latent");
        assert!(latent.contains("across8 bc16") && latent.contains("turn0"), "{latent}");
    }

    #[test]
    fn parts_are_as_long_as_the_number_of_workgroups_allows() {
        let span = |key: &str| variants(&case(key), &gpu(16, 32)).unwrap()[0].knob("span");
        assert_eq!(span("f16.f32 b1 hq16 hkv1 q1 kv4096 d128"), 64);
        // 32 KV heads with 8 parts each.
        assert_eq!(span("f16.f32 b4 hq128 hkv8 q1 kv8192 d128"), 1024);
        // Eight tiles of rows read the same keys.
        assert_eq!(span("f16.f32 b1 hq128 hkv1 q1 kv4096 d128"), 128);
    }

    #[test]
    fn workgroups_cover_all_rows_and_parts_and_partial_sums_are_combined() {
        let (device, source) = (gpu(16, 32), KernelSource::embedded());
        let steps = |key: &str| {
            let case = case(key);
            let variant = variants(&case, &device).unwrap().swap_remove(0);
            let plan = plan(&case, &device, &variant, &source).unwrap();
            plan.steps.iter().map(|step| step.workgroups.iter().product::<u32>()).collect::<Vec<_>>()
        };
        // 3 sequences with two tiles of 16 rows and 5 parts of 64 keys; one workgroup combines each row.
        assert_eq!(steps("f16.f32 b3 hq20 hkv1 q1 kv300 d128"), [3 * 2 * 5, 60]);
        // A window: the first 3 of 5 parts are never seen, and what is left begins at a block of keys.
        assert_eq!(steps("f16.f32 b1 hq16 hkv1 q1 kv300 d128 w100"), [2, 16]);
        // One part needs no second step.
        assert_eq!(steps("f16.f32 b1 hq16 hkv1 q1 kv64 d128"), [1]);
    }

    #[test]
    fn the_space_is_no_larger_than_a_tuner_gets_through() {
        for (edge, subgroup) in [(8, 32), (16, 32), (16, 64)] {
            let count =
                space(&case("f16.f32 b1 hq32 hkv1 q1 kv4096 d128"), &gpu(edge, subgroup)).unwrap().len();
            assert!((16..160).contains(&count), "{count} for {edge} and {subgroup}");
        }
    }
}
