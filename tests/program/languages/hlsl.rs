//! Kernels in DirectX's language. With PORTAMARK_HLSL_TEXTS, the texts are left in that folder, for
//! `scripts/hlsl-check.sh`.

use super::devices;
use super::identifiers::{DIRECTX, reserved, says};
use super::texts::{Text, read, texts, workgroup_bytes};
use naga::back::hlsl::{BindTarget, Options, PipelineOptions, ShaderModel, Writer};
use naga::valid::ModuleInfo;
use naga::{Module, ResourceBinding, ShaderStage};
use portamark_model::device::Capabilities;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// What one of Microsoft's compilers is given.
struct Dialect {
    name: &'static str,
    model: ShaderModel,
    devices: Vec<Capabilities>,
}

fn dialects() -> [Dialect; 2] {
    [
        // wgpu takes the minor version of DXC (1.8, the oldest that it supports) for that of the shader model.
        Dialect { name: "dxc", model: ShaderModel::V6_8, devices: devices::dxc() },
        Dialect { name: "fxc", model: ShaderModel::V5_1, devices: vec![devices::fxc()] },
    ]
}

/// Writes `text` as wgpu-hal does in src/dx12/device.rs. `checks`: with run-time checks.
fn written(
    module: &Module,
    info: &ModuleInfo,
    text: &Text,
    checks: bool,
    model: ShaderModel,
) -> Result<String, String> {
    let target = |register| BindTarget { register, ..Default::default() };
    let place = |group, binding| ResourceBinding { group, binding };
    // Registers are counted by kind: t of what is read, u of what is written.
    let (mut read, mut write) = (0, 0);
    let mut options = Options { shader_model: model, fake_missing_bindings: false, ..Default::default() };
    for (at, writes) in text.writes.iter().enumerate() {
        let next = if *writes { &mut write } else { &mut read };
        options.binding_map.insert(place(0, at as u32), target(*next));
        *next += 1;
    }
    // The buffer by which dispatches are chained, and the constants by which naga knows the number of workgroups.
    options.binding_map.insert(place(1, 0), target(write));
    options.special_constants_binding = Some(target(0));
    options.zero_initialize_workgroup_memory = checks;
    options.restrict_indexing = checks;
    options.force_loop_bounding = checks;
    options.mesh_shader_primitive_indices_clamp = checks;
    options.ray_query_initialization_tracking = checks;
    let pipeline = PipelineOptions { entry_point: Some((ShaderStage::Compute, "main".into())) };
    let mut source = String::new();
    let told = Writer::new(&mut source, &options, &pipeline).write(module, info, None);
    let told = told.map_err(|error| error.to_string())?;
    told.entry_point_names[0].clone().map_err(|error| error.to_string())?;
    Ok(source)
}

/// Returns the registers that a text binds, in order.
fn registers(source: &str) -> Vec<&str> {
    let bound = source.split("register(").skip(1);
    bound.map(|rest| rest.split(')').next().unwrap_or_default().trim()).collect()
}

/// Returns what is wrong with the text that was written.
fn faults(source: &str, half: bool) -> Vec<String> {
    let mut faults: Vec<String> =
        reserved(source, DIRECTX).iter().map(|name| format!("a variable is called {name}")).collect();
    let bound = registers(source);
    let distinct: BTreeSet<_> = bound.iter().map(|register| register.replace(", space0", "")).collect();
    if distinct.len() < bound.len() {
        faults.push(format!("a register is bound twice: {}", bound.join(" ")));
    }
    // Both are 16 bits wide only where the device was opened for that, and unknown to FXC.
    if !half && ["half", "float16_t"].iter().any(|word| source.contains(word) && says(source, word)) {
        faults.push("f16 without the feature".into());
    }
    faults
}

#[test]
fn every_kernel_is_written_for_directx_and_has_no_fault() {
    let mut broken = Vec::new();
    let left = std::env::var_os("PORTAMARK_HLSL_TEXTS").map(PathBuf::from);
    for dialect in dialects() {
        let texts = texts(&dialect.devices);
        assert!(!texts.is_empty());
        for (number, text) in texts.iter().enumerate() {
            let (module, info) = read(&text.wgsl).unwrap();
            let bytes = workgroup_bytes(&module);
            if bytes > 32 << 10 {
                broken.push(format!("{}: {bytes} B of groupshared memory", text.plan));
            }
            // Kernels run without checks unless the user asks for them, and checks are the same in all.
            let ways = if number % 3 == 0 { &[false, true][..] } else { &[false] };
            for &checks in ways {
                let source = match written(&module, &info, text, checks, dialect.model) {
                    Ok(source) => source,
                    Err(error) => {
                        broken.push(format!("{} {}: {error}", dialect.name, text.plan));
                        continue;
                    }
                };
                let found = faults(&source, text.half);
                broken.extend(found.iter().map(|fault| format!("{} {}: {fault}", dialect.name, text.plan)));
                if let Some(folder) = &left {
                    let checked = if checks { "checked" } else { "unchecked" };
                    let file = format!("{}-{number:04}-{checked}.hlsl", dialect.name);
                    let half = if text.half { " f16" } else { "" };
                    let head = format!("// {}{half}\n// {}\n", dialect.model.to_str(), text.plan);
                    fs::write(folder.join(file), head + &source).unwrap();
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_directx_refuses_is_found() {
    let good = "ByteAddressBuffer a : register(t0);\nRWByteAddressBuffer b : register(u0);\n\
                RWByteAddressBuffer c : register(u1, space0);\ngroupshared float tile[4];";
    assert!(faults(good, false).is_empty());
    let twice = good.replace("u1, space0", "u0, space0");
    assert_eq!(faults(&twice, true), ["a register is bound twice: t0 u0 u0, space0"]);
    assert_eq!(faults(&good.replace("float tile", "half tile"), false), ["f16 without the feature"]);
    assert_eq!(faults(&good.replace("tile", "matrix"), false), ["a variable is called matrix"]);
}
