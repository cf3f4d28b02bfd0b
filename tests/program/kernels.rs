//! Every variant of every kernel as text: it renders, naga accepts it, and it keeps to the limits
//! of the device it was made for. No driver takes part.

use naga::valid::{Capabilities as NagaCapabilities, ValidationFlags, Validator};
use naga::{AddressSpace, StorageAccess};
use portamark_executors::fake::Script;
use portamark_kernels::{KernelSource, candidates, kernels, space};
use portamark_model::device::{Capabilities, DeviceType, Feature, MatrixShape};
use portamark_model::plan::Step;
use portamark_model::workload::{Case, DType};
use std::collections::{BTreeSet, HashMap};

/// Devices that differ in what kernels depend on.
fn devices() -> Vec<Capabilities> {
    use Feature::{CooperativeMatrix, ShaderF16, Subgroup};
    let matrix = |edge| {
        let shape = |accumulate| MatrixShape::new(edge, DType::F16, accumulate);
        [DType::F32, DType::F16].map(shape)
    };
    let device = |id: &str, device_type, subgroup: u32, features: &[Feature], edges: &[u32]| {
        Script::device().but(|it| {
            it.id = id.into();
            it.device_type = device_type;
            it.subgroup_min = subgroup;
            it.subgroup_max = subgroup;
            it.features = features.to_vec();
            it.matrix_shapes = edges.iter().flat_map(|edge| matrix(*edge)).collect();
        })
    };
    let mut small = device("small", DeviceType::Integrated, 0, &[], &[]);
    small.limits.workgroup_size = 128;
    small.limits.workgroup_memory = 16 << 10;
    let mut varying = device("varying", DeviceType::Integrated, 8, &[ShaderF16, Subgroup], &[]);
    varying.subgroup_max = 32;
    let mut small_matrix =
        device("small-matrix", DeviceType::Integrated, 32, &[Subgroup, CooperativeMatrix], &[]);
    small_matrix.matrix_shapes = vec![MatrixShape::new(8, DType::F32, DType::F32)];
    vec![
        device("lavapipe", DeviceType::Software, 8, &[ShaderF16, Subgroup], &[]),
        device("lavapipe-matrix", DeviceType::Software, 8, &[ShaderF16, Subgroup, CooperativeMatrix], &[8]),
        device("swiftshader", DeviceType::Software, 4, &[Subgroup], &[]),
        device("gpu", DeviceType::Discrete, 32, &[ShaderF16, Subgroup, CooperativeMatrix], &[16]),
        device("wave64", DeviceType::Discrete, 64, &[ShaderF16, Subgroup], &[]),
        varying,
        small,
        small_matrix,
        device(
            "wave64-matrix",
            DeviceType::Discrete,
            64,
            &[ShaderF16, Subgroup, CooperativeMatrix],
            &[16, 8],
        ),
    ]
}

fn cases() -> Vec<Case> {
    let mut keys: Vec<String> = [
        "peak f32 fma c4096 s64",
        "peak f16 fma c4096 s64",
        "peak i8.i32 dot4 c4096 s64",
        "peak f16.f32 matrix e8 t64 s64",
        "peak f16.f32 matrix e16 t64 s64",
        "attention f32 b1 hq8 hkv8 q512 kv512 d64",
        "attention f32 b2 hq8 hkv2 q100 kv133 d64 causal",
        "attention f16.f32 b1 hq8 hkv1 q512 kv512 d128 causal",
        "attention f32 b1 hq2 hkv2 q16 kv16 d20",
        "attention f32 b1 hq8 hkv1 q1 kv8192 d128",
        "attention f16.f32 b1 hq32 hkv8 q1 kv1000 d128",
        "attention f32 b1 hq3 hkv1 q1 kv77 d36",
        "attention f32 b1 hq6 hkv2 q100 kv100 d96 causal w7",
        "attention bf16.f32 b1 hq4 hkv4 q300 kv300 d192 dv128 causal",
        "attention f16.f32 b1 hq4 hkv1 q65 kv70 d256",
        "attention f32 b1 hq4 hkv4 q65 kv70 d256 w1",
        "attention f16xq8_0.f32 b1 hq6 hkv2 q33 kv50 d64 causal",
        "attention f16 b1 hq2 hkv2 q33 kv50 d64",
        "attention e4m3.f32 b1 hq2 hkv2 q33 kv50 d64",
        "attention f32 b2 hq6 hkv2 q5 kv50 d64 page16",
        "attention f16.f32 b2 hq16 hkv1 q1 kv50 d576 dv512 page16 latent",
        "attention f16xint4g64.f32 b2 hq16 hkv1 q3 kv50 d64 latent causal w9",
    ]
    .map(str::to_owned)
    .to_vec();
    for op in ["copy", "scale", "add", "triad", "read", "write"] {
        keys.push(format!("stream f32 {op} n33554432"));
    }
    for size in ["m33 n17 k29", "m36 n20 k28", "m8192 n8192 k8192"] {
        for layout in ["nn", "nt", "tn", "tt"] {
            for format in ["f32", "f16.f32", "f16", "bf16.f32", "e4m3.f32", "i8.i32"] {
                keys.push(format!("gemm {format} {size} {layout}"));
            }
        }
    }
    for layout in ["nn", "nt", "tn", "tt"] {
        keys.push(format!("gemm f16.f32 b3 m33 n17 k29 {layout}"));
        keys.push(format!("gemm bf16.f32 b3 m36 n20 k28 {layout}"));
    }
    for format in ["f32xq8_0", "f16xq4_0.f32", "bf16xint4g64.f32", "f16xint4g128.f32"] {
        for size in ["m64 n64 k256", "m33 n17 k128", "m1 n4096 k4096"] {
            keys.push(format!("gemm {format} {size} nt"));
        }
    }
    keys.extend(companions());
    let formats = ["f32", "f16.f32", "f16", "bf16.f32", "e4m3.f32", "i8.i32", "f16xe4m3.f32", "e4m3xf32.f32"];
    for format in formats {
        for size in ["m1 n33 k29", "m3 n34 k36", "m8 n128256 k4096"] {
            keys.push(format!("gemv {format} {size}"));
        }
    }
    for format in ["f32xq8_0", "f16xq4_0.f32", "bf16xint4g64.f32", "f16xint4g128.f32", "f16xq4_0"] {
        for size in ["m1 n33 k128", "m3 n34 k256", "m8 n4096 k4096"] {
            keys.push(format!("gemv {format} {size}"));
        }
    }
    keys.iter().map(|key| key.parse().unwrap()).collect()
}

/// What stands beside products and attention in a model: whole vectors, and ends inside a word.
fn companions() -> Vec<String> {
    let mut keys = Vec::new();
    for format in ["f32", "f16.f32", "bf16.f32", "e4m3.f32"] {
        for size in ["r4096 c4096", "r70000 c64", "r3 c40000", "r3 c7"] {
            keys.extend(["softmax", "rmsnorm", "swiglu"].map(|family| format!("{family} {format} {size}")));
        }
        keys.extend(["t4096 h32 d128", "t5 h3 d6"].map(|size| format!("rope {format} {size}")));
    }
    for format in ["f32", "f16.f32", "bf16.f32", "f16xq4_0.f32", "e4m3.f32"] {
        let sizes = ["e128 k8 t64 n768 d2048 skewed", "e8 k2 t3 n7 d128 uniform"];
        keys.extend(sizes.map(|size| format!("moe {format} {size}")));
    }
    keys.extend(
        [
            "layer gemv f32 m1 n33 k29 + softmax f32 r3 c7",
            "latency i32 n64 s1024",
            "latency i32 n1048576 s1048576",
            "launch i32 d64",
        ]
        .map(str::to_owned),
    );
    for format in ["f32", "f16", "bf16"] {
        keys.extend(["r4096 c4096 v10000", "r5 c7 v3"].map(|size| format!("gather {format} {size}")));
        keys.extend(["m4096 n1000", "m7 n5"].map(|size| format!("transpose {format} {size}")));
    }
    keys
}

/// Decode steps with all that a cache can be.
fn decode_cases() -> Vec<Case> {
    let mut keys = Vec::new();
    for format in ["f32", "f16.f32", "bf16.f32", "f32xf16", "f16xq8_0.f32", "f32xe4m3"] {
        for shape in [
            "b1 hq16 hkv1 q1 kv33 d576 dv512 latent",
            "b2 hq128 hkv1 q1 kv4096 d576 dv512 page64 latent",
            "b1 hq64 hkv1 q1 kv515 d256",
            "b2 hq28 hkv4 q1 kv515 d128 page16",
            "b1 hq8 hkv8 q1 kv8192 d64 w1024",
            "b1 hq8 hkv2 q4 kv63 d192 dv128 causal",
        ] {
            keys.push(format!("attention {format} {shape}"));
        }
    }
    keys.iter().map(|key| key.parse().unwrap()).collect()
}

/// What naga finds in a text.
#[derive(Clone)]
struct Facts {
    threads: u64,
    workgroup_bytes: u64,
    /// Group, binding, and whether it is written.
    storage: Vec<(u32, u32, bool)>,
}

/// What naga finds in texts, each of which it reads once: one text serves many devices and sizes.
#[derive(Default)]
struct Texts(HashMap<String, Result<Facts, String>>);

impl Texts {
    fn facts(&mut self, wgsl: &str) -> Result<Facts, String> {
        if let Some(known) = self.0.get(wgsl) {
            return known.clone();
        }
        let found = read(wgsl);
        self.0.insert(wgsl.into(), found.clone());
        found
    }

    /// What is wrong with one step, if anything.
    fn faults(&mut self, step: &Step, device: &Capabilities) -> Vec<String> {
        let facts = match self.facts(&step.wgsl) {
            Ok(facts) => facts,
            Err(error) => return vec![error],
        };
        let mut faults = Vec::new();
        let mut check = |holds: bool, text: String| {
            if !holds {
                faults.push(text);
            }
        };
        let limits = &device.limits;
        check(facts.threads <= limits.workgroup_size, format!("{} invocations", facts.threads));
        let memory = facts.workgroup_bytes;
        check(memory <= limits.workgroup_memory, format!("{memory} B of workgroup memory"));
        for count in step.workgroups {
            check(u64::from(count) <= limits.dispatch && count > 0, format!("{count} workgroups"));
        }
        let mut bound = BTreeSet::new();
        for (group, binding, writes) in facts.storage {
            let declared = step.bindings.get(binding as usize).map(|binding| binding.writes);
            check(group == 0 && declared == Some(writes), format!("binding {binding} disagrees"));
            bound.insert(binding);
        }
        check(
            bound.len() == step.bindings.len(),
            format!("{} of {} bindings used", bound.len(), step.bindings.len()),
        );
        check(step.bindings.len() as u64 <= limits.storage_buffers, "too many bindings".into());
        faults
    }
}

/// Parses and validates a text.
fn read(wgsl: &str) -> Result<Facts, String> {
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|error| error.emit_to_string(wgsl))?;
    Validator::new(ValidationFlags::all(), NagaCapabilities::all())
        .validate(&module)
        .map_err(|error| error.emit_to_string(wgsl))?;
    let entry = module.entry_points.iter().find(|e| e.name == "main").ok_or("no entry point `main`")?;
    let workgroup_bytes = module
        .global_variables
        .iter()
        .filter(|(_, variable)| variable.space == AddressSpace::WorkGroup)
        .map(|(_, variable)| u64::from(module.types[variable.ty].inner.size(module.to_ctx())))
        .sum();
    let storage = module.global_variables.iter().filter_map(|(_, variable)| {
        let (AddressSpace::Storage { access }, Some(place)) = (variable.space, variable.binding) else {
            return None;
        };
        Some((place.group, place.binding, access.contains(StorageAccess::STORE)))
    });
    Ok(Facts {
        threads: entry.workgroup_size.iter().map(|n| u64::from(*n)).product(),
        workgroup_bytes,
        storage: storage.collect(),
    })
}

#[test]
fn every_variant_is_valid_and_keeps_to_the_limits_of_its_device() {
    let source = KernelSource::embedded();
    let (mut texts, mut broken) = (Texts::default(), Vec::new());
    let mut seen = BTreeSet::new();
    for device in devices() {
        for case in cases().into_iter().chain(decode_cases()) {
            let Ok(list) = candidates(&case, &device) else { continue };
            for (kernel, variant) in list {
                seen.insert((kernel.family, kernel.name));
                let plan = (kernel.plan)(&case, &device, &variant, &source).unwrap();
                for step in &plan.steps {
                    let faults = texts.faults(step, &device);
                    broken.extend(faults.iter().map(|f| format!("{} {case} {variant}: {f}", device.id)));
                }
                for feature in &plan.features {
                    assert!(device.has(*feature), "{case} {variant} asks {} for {feature}", device.id);
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let all: BTreeSet<_> = kernels().map(|kernel| (kernel.family, kernel.name)).collect();
    assert_eq!(seen, all, "every kernel was seen");
}

#[test]
fn a_plain_kernel_comes_last_for_every_case_that_is_no_probe_and_no_chain() {
    for device in devices() {
        for case in cases()
            .into_iter()
            .filter(|case| case.steps().is_none() && !matches!(case.family(), "stream" | "peak" | "layer"))
        {
            let Ok(list) = candidates(&case, &device) else { continue };
            assert_eq!(list.last().unwrap().0.name, "reference", "{case} on {}", device.id);
        }
    }
}

/// Prefill of dense tensors has fast kernels whatever the head dimension, mask, window and format.
#[test]
fn every_dense_prefill_case_has_more_than_the_plain_kernel() {
    for device in devices() {
        for dims in ["d64", "d96", "d128", "d192 dv128", "d192", "d256"] {
            for rest in ["", " causal", " causal w100"] {
                for format in ["f32", "f16.f32", "bf16.f32", "f16xq8_0.f32"] {
                    let key = format!("attention {format} b1 hq6 hkv2 q512 kv600 {dims}{rest}");
                    let list = candidates(&key.parse().unwrap(), &device).unwrap();
                    assert!(list.len() > 1, "{key} on {}", device.id);
                }
            }
        }
    }
}

/// The whole space keeps to the limits that it is pruned by.
#[test]
fn the_space_of_attention_and_of_products_is_valid_too() {
    let (mut texts, source) = (Texts::default(), KernelSource::embedded());
    for device in devices() {
        for key in [
            "attention f16.f32 b1 hq4 hkv4 q300 kv300 d192 dv128 causal w40",
            "gemm f32 m1000 n500 k128 nn",
            "gemm f16.f32 b2 m20 n130 k4096 tt",
        ] {
            let case: Case = key.parse().unwrap();
            let list = space(&case, &device).unwrap();
            // More would only be looked at in a search of several minutes.
            let most = if case.family() == "gemm" { 200 } else { usize::MAX };
            assert!(list.len() <= most, "{key} on {}: {} variants", device.id, list.len());
            for (kernel, variant) in list {
                let plan = (kernel.plan)(&case, &device, &variant, &source).unwrap();
                let faults: Vec<_> = plan.steps.iter().flat_map(|step| texts.faults(step, &device)).collect();
                assert!(faults.is_empty(), "{} {variant}: {}", device.id, faults.join("\n"));
            }
        }
    }
}

#[test]
fn what_a_device_lacks_is_named() {
    let devices = devices();
    let reason = |key: &str, id: &str| {
        let device = devices.iter().find(|d| d.id == id).unwrap();
        candidates(&key.parse().unwrap(), device).err().expect("not supported").to_string()
    };
    assert!(reason("peak f16.f32 matrix e16 t64 s64", "lavapipe-matrix").contains("16x16x16 f16.f32"));
    assert!(!reason("attention i8.i32 b1 hq1 q4 d64", "gpu").is_empty());
    assert!(reason("attention f32 b1 hq1 q4 d62", "gpu").contains("multiple"));
    assert!(reason("gemm f16 m8 n8 k8 nn", "swiftshader").contains("shader-f16"));
}

#[test]
fn a_plan_is_a_pure_function_of_case_device_and_variant() {
    let (source, device) = (KernelSource::embedded(), &devices()[3]);
    for case in cases() {
        let Ok(list) = candidates(&case, device) else { continue };
        for (kernel, variant) in list {
            let plan = || (kernel.plan)(&case, device, &variant, &source).unwrap();
            assert_eq!(plan().hash(), plan().hash());
        }
    }
}

/// Devices at the ends of what [`Capabilities::impossible`] lets through, as a hostile executor may report them.
fn extreme_devices() -> Vec<Capabilities> {
    let mut devices = Vec::new();
    for limit in [1, 7, 1 << 32, u64::MAX] {
        for subgroups in [(0, 0), (1, 1), (1, 1024), (1024, 1024)] {
            devices.extend(self::devices().into_iter().skip(3).step_by(5).map(|device| {
                device.but(|it| {
                    (it.subgroup_min, it.subgroup_max) = subgroups;
                    let limits = &mut it.limits;
                    (limits.workgroup_memory, limits.workgroup_size, limits.dispatch) = (limit, limit, limit);
                    (limits.binding_bytes, limits.buffer_bytes, limits.storage_buffers) =
                        (limit, limit, limit);
                })
            }));
        }
    }
    devices
}

#[test]
fn planning_for_a_device_at_the_ends_of_all_limits_never_panics() {
    let source = KernelSource::embedded();
    let every = || cases().into_iter().chain(decode_cases());
    // One case of each family and format is enough: the limits do not meet the sizes.
    let mut kinds = BTreeSet::new();
    let cases: Vec<Case> =
        every().filter(|case| kinds.insert((case.family(), case.precision().to_string()))).collect();
    for device in extreme_devices() {
        assert_eq!(device.impossible(), None);
        for case in &cases {
            let Ok(list) = candidates(case, &device) else { continue };
            let _ = space(case, &device);
            for (kernel, variant) in list {
                let _ = kernel.plan(case, &device, &variant, &source);
            }
        }
    }
}
