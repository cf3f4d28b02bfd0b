//! The plans that are run: small cases of each family, on devices with subgroups of each size.

use portamark_kernels::{Kernel, KernelSource, candidates, space};
use portamark_model::device::{Capabilities, DeviceType, Feature, MatrixShape};
use portamark_model::plan::Plan;
use portamark_model::variant::Variant;
use portamark_model::workload::{Case, DType};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Variants of a kernel that are drawn from the space of a case, unless `PORTAMARK_RACES` is another number.
const DRAWN: usize = 2;

/// A plan, and the size of the subgroups that it runs with.
pub struct Wanted {
    pub plan: Plan,
    pub subgroup: u32,
    /// Family and name of the kernel.
    pub kernel: String,
    /// Case, variant and device, for people.
    pub name: String,
}

/// Sizes that are no multiple of a tile, and some that are: kernels leave out the edge there.
pub const CASES: &[&str] = &[
    "stream f32 copy n4096",
    "stream f32 read n262144",
    "peak f16.f32 matrix e8 t64 s64",
    "peak f16.f32 matrix e16 t64 s64",
    "peak f32 fma c64 s64",
    "peak i8.i32 dot4 c64 s64",
    "latency i32 n64 s1024",
    "launch i32 d2",
    "gemm f32 m33 n17 k29 nn",
    "gemm f32 m36 n20 k28 tt",
    "gemm f16.f32 m64 n64 k64 nn",
    "gemm f16.f32 m64 n64 k64 tn",
    "gemm f16 m33 n40 k70 nt",
    "gemm bf16.f32 b2 m36 n20 k28 tn",
    "gemm f32 m16 n16 k1031 nt",
    "gemm i8.i32 m33 n17 k28 nt",
    "gemm i8.i32 m64 n64 k128 nt",
    "gemm i8.i32 m33 n17 k29 nn",
    "gemm f16xq4_0.f32 m33 n17 k128 nt",
    "gemv f32 m1 n33 k29",
    "gemv f16.f32 m3 n34 k260",
    "gemv f16xq4_0.f32 m1 n33 k256",
    "moe f32 e4 k2 t9 n7 d64 skewed",
    "moe f16xq4_0.f32 e4 k2 t9 n40 d128 uniform",
    "attention f32 b1 hq2 hkv1 q33 kv50 d64 causal",
    "attention f16.f32 b1 hq2 hkv2 q40 kv70 d128",
    "attention f16.f32 b1 hq2 hkv1 q20 kv90 d96 causal w7",
    "attention f16.f32 b1 hq2 hkv1 q33 kv90 d96 causal w60",
    "attention f32 b1 hq2 hkv1 q33 kv52 d64 causal",
    "attention f16xq8_0.f32 b1 hq2 hkv1 q33 kv140 d64",
    "attention f32 b1 hq4 hkv1 q1 kv77 d64",
    "attention f16.f32 b1 hq8 hkv2 q1 kv300 d128 page16",
    "attention f16.f32 b1 hq16 hkv1 q1 kv100 d576 dv512 latent",
    "attention f16.f32 b1 hq32 hkv1 q1 kv100 d64",
    "attention f16.f32 b1 hq20 hkv1 q1 kv150 d128",
    "attention bf16.f32 b1 hq2 hkv2 q3 kv50 d64 causal w9",
    "softmax f32 r3 c7",
    "softmax f16.f32 r2 c4100",
    "rmsnorm f32 r2 c4096",
    "rmsnorm bf16.f32 r3 c70",
    "softmax f32 r3 c68",
    "rope f32 t5 h3 d6",
    "rope f16.f32 t5 h3 d16",
    "swiglu f16.f32 r3 c7",
    "swiglu f32 r3 c68",
    "gather f32 r5 c7 v3",
    "gather f16 r5 c68 v3",
    "transpose f32 m72 n44",
    "transpose f32 m7 n5",
    "transpose f16 m64 n64",
    "layer gemv f32 m1 n33 k29 + softmax f32 r3 c7",
];

/// Devices with subgroups of one size each, with matrices and without, one that cannot say its size and one without any.
fn devices() -> Vec<Capabilities> {
    use Feature::{CooperativeMatrix, ShaderF16, Subgroup};
    let device = |id: String, kind, sizes: (u32, u32), features: &[Feature], edges: &[u32]| {
        let shapes = |edge: &u32| {
            let of = |input, accumulate| MatrixShape::new(*edge, input, accumulate);
            [of(DType::F16, DType::F32), of(DType::F16, DType::F16), of(DType::F32, DType::F32)]
        };
        Capabilities::example().but(|it| {
            it.id = id;
            it.device_type = kind;
            (it.subgroup_min, it.subgroup_max) = sizes;
            it.subgroup_sizes = Vec::new();
            it.features = features.to_vec();
            it.matrix_shapes = edges.iter().flat_map(shapes).collect();
        })
    };
    let mut devices = Vec::new();
    for size in [4, 8, 16, 32, 64] {
        let kinds = if size < 16 {
            vec![DeviceType::Software, DeviceType::Integrated]
        } else {
            vec![DeviceType::Discrete]
        };
        for kind in kinds {
            let (all, edges) = ([ShaderF16, Subgroup, CooperativeMatrix], [8, 16]);
            devices.push(device(format!("{kind} of {size}"), kind, (size, size), &all, &edges));
        }
    }
    let varying = [ShaderF16, Subgroup];
    devices.push(device("of 4 to 64".into(), DeviceType::Integrated, (4, 64), &varying, &[]));
    let none = device("without subgroups".into(), DeviceType::Integrated, (0, 0), &[], &[]);
    devices.push(none.but(|it| it.limits.workgroup_memory = 16 << 10));
    devices
}

fn drawn(case: &Case, device: &Capabilities) -> Vec<(&'static Kernel, Variant)> {
    let mut of_kernel: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (kernel, variant) in space(case, device).unwrap_or_default() {
        of_kernel.entry(kernel.name).or_default().push((kernel, variant));
    }
    let wish = std::env::var("PORTAMARK_RACES").ok().and_then(|wish| wish.parse().ok());
    let some = |list: Vec<_>| {
        let step = list.len().div_ceil(wish.unwrap_or(DRAWN)).max(1);
        list.into_iter().rev().step_by(step)
    };
    of_kernel.into_values().flat_map(some).collect()
}

/// Returns the plans of the default variants and of some of the space.
pub fn plans() -> &'static [Wanted] {
    static PLANS: OnceLock<Vec<Wanted>> = OnceLock::new();
    PLANS.get_or_init(|| plans_of(CASES, &KernelSource::embedded()))
}

/// Returns those of the cases `keys`, rendered from `source`; each text once for a size of subgroups.
pub fn plans_of(keys: &[&str], source: &KernelSource) -> Vec<Wanted> {
    let (mut seen, mut wanted) = (BTreeSet::new(), Vec::new());
    for device in devices() {
        for key in keys {
            let case: Case = key.parse().unwrap_or_else(|error| panic!("{key}: {error}"));
            let mut list = candidates(&case, &device).unwrap_or_default();
            list.extend(drawn(&case, &device));
            for (kernel, variant) in list {
                let plan = kernel.plan(&case, &device, &variant, source);
                let plan = plan.unwrap_or_else(|error| panic!("{case} {variant}: {error}"));
                let depends = [Feature::Subgroup, Feature::CooperativeMatrix]
                    .iter()
                    .any(|feature| plan.features.contains(feature));
                let sizes = match plan.subgroup.or(device.fixed_subgroup()) {
                    _ if !depends => vec![32],
                    Some(size) => vec![size],
                    None => vec![4, 8, 16, 32, 64],
                };
                for subgroup in sizes {
                    if seen.insert(format!("{subgroup} {}", plan.hash())) {
                        wanted.push(Wanted {
                            plan: plan.clone(),
                            subgroup,
                            kernel: format!("{} {}", kernel.family, kernel.name),
                            name: format!("{case} {variant} on {}", device.id),
                        });
                    }
                }
            }
        }
    }
    wanted
}
