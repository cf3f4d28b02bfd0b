//! The tensors of a case as `kernels/format.wgsl` wants to be told of them.

use super::capabilities::{Capabilities, Feature};
use super::plan::Buffer;
use crate::workload::{Case, DType, Tensor};
use serde_json::{Map, Value, json};

/// Whether 16-bit floats of this device lie in words: it has no f16 type.
pub fn is_packed(tensor: &Tensor, device: &Capabilities) -> bool {
    match tensor.dtype {
        DType::F16 => !device.has(Feature::ShaderF16),
        DType::Bf16 => true,
        _ => false,
    }
}

/// By name, what the templates need of each tensor of `case`: `{name, format, binding, packed}`, and
/// `{scales, group}` where groups of elements have a scale. Bindings count the buffers of
/// [`Buffer::all`].
pub fn operands(case: &Case, device: &Capabilities) -> Map<String, Value> {
    let mut operands = Map::new();
    let mut binding = 0;
    for tensor in case.tensors() {
        let mut operand = json!({
            "name": tensor.name,
            "format": tensor.dtype.name(),
            "binding": binding,
            "packed": is_packed(&tensor, device),
            "scales": Value::Null,
        });
        binding += Buffer::of(&tensor).count();
        if let Some(group) = tensor.dtype.group() {
            operand["scales"] = json!(binding - 1);
            operand["group"] = json!(group);
        }
        operands.insert(tensor.name, operand);
    }
    operands
}

/// Whether a text that computes `case` needs `enable f16;`.
pub fn needs_f16(case: &Case, device: &Capabilities) -> bool {
    let native = |tensor: &Tensor| tensor.dtype == DType::F16 && !is_packed(tensor, device);
    let computes = case.precision().accumulate == DType::F16 && case.flop() > 0;
    computes || case.tensors().iter().any(native)
}

#[cfg(test)]
mod tests {
    use super::super::capabilities::{DeviceLimits, DeviceType, Takes, TimerKind};
    use super::*;

    fn device() -> Capabilities {
        Capabilities {
            id: "test".into(),
            name: "test".into(),
            api: "test".into(),
            driver: String::new(),
            driver_version: String::new(),
            vendor_id: 0,
            device_id: 0,
            device_type: DeviceType::Discrete,
            takes: Takes::Plans,
            features: vec![Feature::ShaderF16],
            subgroup_min: 0,
            subgroup_max: 0,
            limits: DeviceLimits {
                workgroup_memory: 16_384,
                workgroup_size: 256,
                dispatch: 65_535,
                binding_bytes: 128 << 20,
                buffer_bytes: 256 << 20,
                storage_buffers: 8,
            },
            matrix_shapes: Vec::new(),
            timer: TimerKind::Host,
        }
    }

    #[test]
    fn scales_take_the_binding_after_their_tensor() {
        let case = "gemm f16xq8_0.f32 m4 n32 k64 nt".parse().unwrap();
        let mut device = device();
        let with = operands(&case, &device);
        assert_eq!(with["a"]["binding"], 0);
        assert_eq!((&with["b"]["binding"], &with["b"]["scales"]), (&json!(1), &json!(2)));
        assert_eq!((&with["c"]["binding"], &with["c"]["packed"]), (&json!(3), &json!(false)));
        assert!(needs_f16(&case, &device));
        device.features.clear();
        assert_eq!(operands(&case, &device)["c"]["packed"], true);
        assert!(!needs_f16(&case, &device));
    }
}
