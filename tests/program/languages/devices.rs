//! Devices of other systems, as wgpu describes them there.

use portamark_model::device::{Capabilities, DeviceType, Feature, MatrixShape};
use portamark_model::workload::DType;

fn device(id: &str, api: &str, device_type: DeviceType) -> Capabilities {
    Capabilities::example().but(|it| {
        it.id = id.into();
        it.api = api.into();
        it.device_type = device_type;
        it.limits.workgroup_memory = 32 << 10;
        it.limits.workgroup_size = 1024;
        it.limits.binding_bytes = (2 << 30) - 4;
        it.limits.buffer_bytes = (2 << 30) - 4;
        it.limits.storage_buffers = 16;
    })
}

fn with_subgroups(device: Capabilities, least: u32, most: u32) -> Capabilities {
    device.but(|it| {
        it.features = vec![Feature::ShaderF16, Feature::Subgroup];
        (it.subgroup_min, it.subgroup_max) = (least, most);
    })
}

fn with_matrices(device: Capabilities, shapes: &[MatrixShape]) -> Capabilities {
    device.but(|it| {
        it.features.push(Feature::CooperativeMatrix);
        it.matrix_shapes = shapes.to_vec();
    })
}

/// GPUs of Apple's M series. wgpu 30 reports subgroups of 4 to 64 for all of them, they have 32.
pub fn metal() -> Vec<Capabilities> {
    let shape = |input, accumulate| MatrixShape::new(8, input, accumulate);
    // The list of wgpu-hal's src/metal/adapter.rs.
    let shapes =
        [shape(DType::F32, DType::F32), shape(DType::F16, DType::F16), shape(DType::F16, DType::F32)];
    let of = |id: &str, least, most| {
        let plain = device(id, "metal", DeviceType::Integrated);
        with_matrices(with_subgroups(plain, least, most), &shapes)
    };
    vec![of("M-series", 32, 32), of("M-series as wgpu 30 reports it", 4, 64)]
}

/// GPUs through DirectX 12 with Microsoft's newer compiler, DXC: subgroups of one size as NVIDIA has them, and of
/// several. wgpu offers no matrices there.
pub fn dxc() -> Vec<Capabilities> {
    let of = |id: &str, least, most| with_subgroups(device(id, "dx12", DeviceType::Discrete), least, most);
    vec![of("NVIDIA", 32, 32), of("AMD", 32, 64)]
}

/// A GPU through DirectX 12 with the older compiler, FXC, which wgpu takes where dxcompiler.dll is not found: neither
/// f16 nor subgroups.
pub fn fxc() -> Capabilities {
    device("any, by FXC", "dx12", DeviceType::Discrete).but(|it| {
        it.features = Vec::new();
        (it.subgroup_min, it.subgroup_max) = (0, 0);
    })
}
