//! Kernels of the `gemv` family. `lanes` and `rows` share one template, in which invocations are spread
//! along K or own whole rows.

use super::entry::Kernel;
use super::error::PlanError;
use super::gemm::reference;
use super::gemm::sizes::{gemm, values};
use super::operand::is_packed;
use super::source::KernelSource;
use portamark_model::device::{Capabilities, Feature};
use portamark_model::plan::Plan;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Case, DType, Gemv, Tile, Workload};
use serde_json::json;

/// PCI vendor ids (pcisig.com, member companies; Qualcomm's is what its Vulkan drivers report).
const NVIDIA: u32 = 0x10de;
const QUALCOMM: u32 = 0x5143;

/// Kernels of the `gemv` family, in order of preference.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        family: Gemv::FAMILY,
        name: "lanes",
        summary: "invocations lie along K, several rows of weights each, and add their sums at the end",
        variants: lanes_variants,
        space: lanes_space,
        plan: gemv_plan,
    },
    Kernel {
        family: Gemv::FAMILY,
        name: "rows",
        summary: "each invocation owns whole rows of weights; no barriers and no subgroups",
        variants: rows_variants,
        space: rows_space,
        plan: gemv_plan,
    },
    Kernel {
        family: Gemv::FAMILY,
        name: "reference",
        summary: "one element per invocation, any format and size",
        variants: reference::reference_variants,
        space: reference::reference_variants,
        plan: reference::reference_plan,
    },
];

/// How the partial sums of a workgroup are added; the discriminants are the values of knob `finish`.
#[derive(Clone, Copy, PartialEq)]
enum Finish {
    /// Not at all: each invocation has complete sums.
    Own = 0,
    /// By a subgroup operation: the workgroup is one subgroup.
    Subgroup = 1,
    /// By subgroup operations, then through workgroup memory.
    Subgroups = 2,
    /// By a tree in workgroup memory.
    Tree = 3,
}

/// Possible widths of a load of W in 32-bit words, widest first, or just 0 for loads of single elements.
/// K must be a whole number of loads, and the elements of X that belong to a load must fill whole words.
fn words(case: &Case) -> Vec<u32> {
    let work = gemm(case);
    let (x, w) = (work.precision.input.bits(), work.precision.right.bits());
    let elements = |words: &u32| u64::from(*words) * 32 / w;
    let whole =
        |words: &u32| work.k.is_multiple_of(elements(words)) && (elements(words) * x).is_multiple_of(32);
    let found: Vec<u32> = [4, 2, 1].into_iter().filter(whole).collect();
    if found.is_empty() { vec![0] } else { found }
}

/// Knobs of a variant: invocations per workgroup, rows of W per invocation, words per load, loads issued
/// ahead, and independent sums per output.
struct Shape {
    threads: u32,
    rows: u32,
    words: u32,
    unroll: u32,
    sums: u32,
}

impl Shape {
    /// The variant; `None` if the device or the case does not allow it.
    fn variant(&self, case: &Case, device: &Capabilities, finish: Finish) -> Option<Variant> {
        let work = gemm(case);
        let Shape { threads, rows, words, unroll, sums } = *self;
        // Two values of Y that share a word are written together, so one invocation must compute both.
        let paired = is_packed(&case.output(), device);
        let kept = u64::from(rows) * work.m;
        let memory = match finish {
            Finish::Subgroups => kept * u64::from(threads / device.subgroup_min.max(1)) * 4,
            Finish::Tree => kept * u64::from(threads) * 4,
            _ => 0,
        };
        let possible = (!paired || rows.is_multiple_of(2) && (work.m == 1 || work.n.is_multiple_of(2)))
            && u64::from(threads) <= device.limits.workgroup_size
            && memory <= device.limits.workgroup_memory;
        let dot4 = work.precision.input == DType::I8 && words > 0;
        let (name, path) = match finish {
            Finish::Own => ("rows", Path::Vector),
            Finish::Tree => ("lanes", Path::Vector),
            _ => ("lanes", Path::Subgroup),
        };
        possible.then(|| {
            Variant::new(name, if dot4 { Path::Dot4 } else { path })
                .with("threads", threads)
                .with("rows", rows)
                .with("words", words)
                .with("unroll", unroll)
                .with("sums", sums)
                .with("finish", finish as u32)
                .with("dot4", u32::from(dot4))
        })
    }
}

/// Best way to add partial sums that the subgroups of the device allow.
fn finish(device: &Capabilities, threads: u32) -> Finish {
    if device.fixed_subgroup() == Some(threads) {
        Finish::Subgroup
    } else if device.has(Feature::Subgroup) {
        Finish::Subgroups
    } else {
        Finish::Tree
    }
}

/// Loads of W that an invocation of a GPU should have in flight over all its rows. More vectors take more registers,
/// and compilers for NVIDIA and Qualcomm load all of these first and only then multiply; fewer loads then leave room
/// for more subgroups, which have loads in flight too.
fn in_flight(case: &Case, device: &Capabilities) -> u32 {
    let work = gemm(case);
    let scaled = work.precision.right.group().is_some();
    match device.vendor_id {
        NVIDIA if work.m >= if scaled { 4 } else { 8 } => 2,
        QUALCOMM if work.m >= if scaled { 1 } else { 4 } => 2,
        _ => 4,
    }
}

/// Loads issued ahead on a GPU: at most as many as an invocation makes per row, and as should be in flight over all its
/// rows.
fn loads_ahead(case: &Case, device: &Capabilities, threads: u32, rows: u32, words: u32) -> u32 {
    let work = gemm(case);
    let elements = (u64::from(words) * 32 / work.precision.right.bits()).max(1);
    let turns = work.k / (elements * u64::from(threads));
    let most = in_flight(case, device);
    [4u32, 2].into_iter().find(|u| u64::from(*u) <= turns && u * rows <= most).unwrap_or(1)
}

fn lanes_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let words = words(case);
    let at_most = |most: u32| words.iter().copied().find(|w| *w <= most).unwrap_or(words[words.len() - 1]);
    let mut variants: Vec<Variant> = Vec::new();
    let mut push = |variant: Option<Variant>| {
        variants.extend(variant.filter(|new| !variants.contains(new)));
    };
    if device.is_software() {
        // Barriers are slow on software drivers; only a workgroup of exactly one subgroup needs none.
        let Some(threads) = device.fixed_subgroup() else { return Ok(variants) };
        // (rows, words). On SwiftShader (four lanes), a conversion from f16 costs more than a load.
        let shapes: &[(u32, u32)] = match gemm(case).precision.right.bits() {
            16 if threads <= 4 => &[(2, 2), (4, 1), (8, 4)],
            _ if threads <= 4 => &[(8, 4), (4, 4), (2, 2)],
            _ => &[(8, 2), (4, 4), (4, 2)],
        };
        for &(rows, most) in shapes {
            let shape = Shape { threads, rows, words: at_most(most), unroll: 1, sums: 1 };
            push(shape.variant(case, device, Finish::Subgroup));
        }
        return Ok(variants);
    }
    let size = if device.subgroup_max > 0 { device.subgroup_max } else { 32 };
    // (subgroups per workgroup, rows)
    for (subgroups, rows) in [(1, 2), (4, 1), (2, 2), (4, 2), (1, 4), (1, 1)] {
        let (threads, words) = (subgroups * size, at_most(4));
        let unroll = loads_ahead(case, device, threads, rows, words);
        let shape = Shape { threads, rows, words, unroll, sums: 1 };
        push(shape.variant(case, device, finish(device, threads)));
    }
    Ok(variants)
}

fn lanes_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let mut variants = Vec::new();
    let software = device.is_software();
    let size = if device.subgroup_max > 0 { device.subgroup_max } else { 32 };
    let sizes: Vec<u32> = match device.fixed_subgroup() {
        Some(size) if software => vec![size],
        None if software => Vec::new(),
        _ => [1, 2, 4, 8].map(|subgroups| subgroups * size).to_vec(),
    };
    for threads in sizes {
        let mut finishes = vec![finish(device, threads)];
        if !software && finishes[0] != Finish::Tree {
            finishes.push(Finish::Tree);
        }
        for words in words(case) {
            for rows in [1, 2, 4, 8] {
                for (unroll, sums) in [(1, 1), (1, 2), (2, 1), (4, 1)] {
                    let shape = Shape { threads, rows, words, unroll, sums };
                    // Loads in flight and sums must fit into registers.
                    let kept = u64::from(rows * sums) * gemm(case).m;
                    if rows * unroll > 16 || kept > 64 || words == 0 && sums > 1 {
                        continue;
                    }
                    variants.extend(finishes.iter().filter_map(|f| shape.variant(case, device, *f)));
                }
            }
        }
    }
    Ok(variants)
}

/// The variant on software drivers; none on GPUs, because lanes that own rows access one cache line each
/// at a time, which is slow there.
fn rows_variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let threads = device.fixed_subgroup().unwrap_or(8);
    let shape = Shape { threads, rows: 2, words: words(case)[0], unroll: 1, sums: 1 };
    let variant = shape.variant(case, device, Finish::Own).filter(|_| device.is_software());
    Ok(variant.into_iter().collect())
}

fn rows_space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let mut variants = Vec::new();
    if !device.is_software() {
        return Ok(variants);
    }
    let threads = device.fixed_subgroup().unwrap_or(8);
    for words in words(case) {
        for rows in [1, 2, 4] {
            let shape = Shape { threads, rows, words, unroll: 1, sums: 1 };
            variants.extend(shape.variant(case, device, Finish::Own));
        }
    }
    Ok(variants)
}

fn gemv_plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = gemm(case);
    let (threads, rows, words) = (variant.knob("threads"), variant.knob("rows"), variant.knob("words"));
    let (x, w) = (work.precision.input.bits(), work.precision.right.bits());
    let elements = if words == 0 { 1 } else { u64::from(words) * 32 / w };
    // Words of X that belong to one load of W; they are read by `a_loads` loads of `a_words` words.
    let x_words = elements * x / 32;
    let a_words = x_words.min(4);
    let integers = work.precision.accumulate == DType::I32;
    let more = json!({
        "value": if integers { "i32" } else { "f32" },
        "elements": elements,
        "a_words": a_words,
        "a_loads": x_words.checked_div(a_words).unwrap_or(1),
        "dot4": variant.knob("dot4") == 1,
        "slots": threads.div_ceil(device.subgroup_min.max(1)),
        "per": if is_packed(&case.output(), device) { 2 } else { 1 },
    });
    let wgsl = source.render("gemv/gemv.wgsl", values(case, device, variant, more))?;
    let columns = u64::from(if variant.kernel == "rows" { threads * rows } else { rows });
    let groups = work.n.div_ceil(columns);
    Ok(Plan::single(case, device, variant, wgsl, groups, Tile { rows: work.m, columns }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::device::DeviceType;

    /// Rows and loads ahead of the preferred variant of `key` on a GPU of `vendor`.
    fn loads(key: &str, vendor: u32) -> [u32; 2] {
        let device = Capabilities::example().but(|it| {
            it.device_type = DeviceType::Discrete;
            it.vendor_id = vendor;
            it.features = vec![Feature::Subgroup, Feature::ShaderF16];
            (it.subgroup_min, it.subgroup_max) = (32, 32);
        });
        let found = lanes_variants(&key.parse().unwrap(), &device).unwrap();
        ["rows", "unroll"].map(|knob| found[0].knob(knob))
    }

    #[test]
    fn four_loads_are_in_flight_where_registers_allow() {
        for vendor in [NVIDIA, QUALCOMM, 0x1002] {
            assert_eq!(loads("gemv f16.f32 m1 n4096 k4096", vendor), [2, 2], "{vendor:#x}");
        }
        let many = "gemv f16xq4_0.f32 m8 n4096 k4096";
        assert_eq!(loads(many, 0x1002), [2, 2]);
        assert_eq!([loads(many, NVIDIA), loads(many, QUALCOMM)], [[2, 1], [2, 1]]);
        // A row of 256 f16 is one load for each lane.
        assert_eq!(loads("gemv f16.f32 m1 n4096 k256", NVIDIA), [2, 1]);
    }
}
