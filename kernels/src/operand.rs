//! Descriptions of the tensors of a case, in the form that `kernels/format.wgsl` expects.

use portamark_model::device::{Capabilities, Feature};
use portamark_model::plan::Buffer;
use portamark_model::variant::Variant;
use portamark_model::workload::{Case, DType, Role, Tensor};
use serde_json::{Map, Value, json};

/// Whether the 16-bit floats of `tensor` are read and written as 32-bit words of two: bf16 always, f16 if
/// the device lacks that type, and f16 inputs on software drivers, which take as long to load one f16 as
/// to load a word of two.
pub fn is_packed(tensor: &Tensor, device: &Capabilities) -> bool {
    match tensor.dtype {
        DType::F16 => !device.has(Feature::ShaderF16) || device.is_software() && tensor.role == Role::Input,
        DType::Bf16 => true,
        _ => false,
    }
}

/// Returns what templates need to know of each tensor of `case`, by tensor name: `{name, format, binding,
/// packed}`, plus `{scales, group}` if groups of elements have a scale. Bindings are indices into
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

/// Whether the WGSL that computes `case` needs `enable f16;`.
pub fn needs_f16(case: &Case, device: &Capabilities) -> bool {
    let native = |tensor: &Tensor| tensor.dtype == DType::F16 && !is_packed(tensor, device);
    let computes = case.precision().accumulate == DType::F16 && case.flop() > 0;
    computes || case.tensors().iter().any(native)
}

/// Whether f16 can represent every value of `dtype` that the input generator makes. A scale of a real
/// model may need more digits; its products would then be rounded once.
pub(super) fn fits_f16(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::E4m3) || dtype.group().is_some()
}

/// Values that every template gets for `case`: the scalar type of its arithmetic, whether it needs
/// `enable f16;`, and its tensors. Cases that only move elements use f32, which can hold every format.
pub fn case_values(case: &Case, device: &Capabilities) -> Map<String, Value> {
    let value = if case.flop() == 0 { "f32" } else { case.precision().accumulate.name() };
    let mut values = operands(case, device);
    values.insert("value".into(), json!(value));
    values.insert("enable_f16".into(), json!(needs_f16(case, device)));
    values
}

/// Merges [`case_values`], the knobs of `variant` and the object `more`; later ones replace earlier ones of
/// the same name.
pub(super) fn template_values(case: &Case, device: &Capabilities, variant: &Variant, more: Value) -> Value {
    let mut values = case_values(case, device);
    values.extend(variant.knobs.iter().map(|(knob, value)| (knob.clone(), json!(value))));
    if let Value::Object(more) = more {
        values.extend(more);
    }
    Value::Object(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_take_the_binding_after_their_tensor() {
        let case = "gemm f16xq8_0.f32 m4 n32 k64 nt".parse().unwrap();
        let mut device = Capabilities::example();
        device.features = vec![Feature::ShaderF16];
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
