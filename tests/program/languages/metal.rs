//! Kernels in Metal's language.

use super::devices;
use super::identifiers::{METAL, reserved};
use super::known::{Found, Known};
use super::matrices::{self, Fault};
use super::texts::{Text, read, texts, workgroup_bytes};
use naga::back::msl;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::ModuleInfo;
use naga::{Module, ResourceBinding, ShaderStage};

/// Faults that wait for a change of the kernels.
const KNOWN: &[Known<Fault>] = &[];

/// Writes `text` as wgpu-hal does in src/metal/device.rs. `checks`: with run-time checks.
fn written(
    module: &Module,
    info: &ModuleInfo,
    text: &Text,
    checks: bool,
    version: (u8, u8),
) -> Result<String, String> {
    let bound = text.writes.len() as u8;
    let place = |group, binding| ResourceBinding { group, binding };
    let target = |slot, mutable| msl::BindTarget { buffer: Some(slot), mutable, ..Default::default() };
    let own = text.writes.iter().enumerate();
    let mut resources: msl::BindingMap =
        own.map(|(at, writes)| (place(0, at as u32), target(at as u8, *writes))).collect();
    // The buffer by which dispatches are chained.
    resources.insert(place(1, 0), target(bound, true));
    let resources =
        msl::EntryPointResources { resources, immediates_buffer: None, sizes_buffer: Some(bound + 1) };
    let policy = if checks { BoundsCheckPolicy::Restrict } else { BoundsCheckPolicy::Unchecked };
    let options = msl::Options {
        lang_version: version,
        inline_samplers: Vec::new(),
        spirv_cross_compatibility: false,
        fake_missing_bindings: false,
        per_entry_point_map: [("main".to_string(), resources)].into_iter().collect(),
        bounds_check_policies: BoundsCheckPolicies {
            index: policy,
            buffer: policy,
            image_load: policy,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        zero_initialize_workgroup_memory: checks,
        force_loop_bounding: checks,
        task_dispatch_limits: None,
        mesh_shader_primitive_indices_clamp: checks,
        emit_int_div_checks: checks,
        ray_query_initialization_tracking: checks,
    };
    let pipeline = msl::PipelineOptions {
        entry_point: Some((ShaderStage::Compute, "main".into())),
        vertex_pulling_transform: true,
        ..Default::default()
    };
    let (source, told) =
        msl::write_string(module, info, &options, &pipeline).map_err(|error| error.to_string())?;
    told.entry_point_names[0].clone().map_err(|error| error.to_string())?;
    Ok(source)
}

#[test]
fn every_kernel_is_written_in_metal_and_has_no_fault_but_the_known_ones() {
    let mut found = Found::nothing();
    let mut broken = Vec::new();
    for text in texts(&devices::metal()) {
        let (module, info) = read(&text.wgsl).unwrap();
        for fault in matrices::faults(&module, &info) {
            found.add(&text.kernel, fault, || text.plan.clone());
        }
        let bytes = workgroup_bytes(&module);
        if bytes > 32 << 10 {
            broken.push(format!("{}: {bytes} B of threadgroup memory", text.plan));
        }
        // macOS 11, which came with the M1, and macOS 26.
        for (checks, version) in [(false, (2, 3)), (true, (4, 0))] {
            match written(&module, &info, &text, checks, version) {
                Ok(source) => {
                    let names = reserved(&source, METAL);
                    broken.extend(
                        names.iter().map(|name| format!("{}: a variable is called {name}", text.plan)),
                    );
                }
                Err(error) => broken.push(format!("{}: {error}", text.plan)),
            }
        }
    }
    broken.extend(found.differs(KNOWN));
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Why a pointer to vectors is a fault, and a stride counted in them: naga's function takes elements.
#[test]
fn a_matrix_is_loaded_in_metal_through_a_pointer_to_its_elements() {
    let wgsl = "enable f16;
        enable wgpu_cooperative_matrix;
        var<workgroup> tile: array<vec4<f16>, 64>;
        @compute @workgroup_size(32)
        fn main() {
            let x = coopLoadT<coop_mat8x8<f16, A>>(&tile[4], 6u);
        }";
    let text = Text {
        wgsl: wgsl.into(),
        writes: Vec::new(),
        half: true,
        kernel: String::new(),
        plan: String::new(),
    };
    let (module, info) = read(wgsl).unwrap();
    let source = written(&module, &info, &text, false, (4, 0)).unwrap();
    assert!(source.contains("(const threadgroup half* ptr, int stride, bool is_row_major)"), "{source}");
    assert!(source.contains("metal::half4 inner[64];"), "{source}");
    assert!(source.contains("NagaCooperativeLoad(&tile.inner[4], 6u, false)"), "{source}");
}
