//! The kernels that fill buffers, compiled in: inputs by the generator, outputs with a poison.

use portamark_model::workload::DType;

/// Fills any output with a value that no kernel produces.
pub(crate) const POISON: &str = include_str!("../generator/poison.wgsl");

/// The text that fills a buffer of `dtype` with generated values; `None` for formats that are stored as
/// buffers of integers and buffers of scales.
pub(crate) fn fill(dtype: DType) -> Option<String> {
    let packing = match dtype {
        DType::F32 => include_str!("../generator/f32.wgsl"),
        DType::F16 => include_str!("../generator/f16.wgsl"),
        DType::Bf16 => include_str!("../generator/bf16.wgsl"),
        DType::E4m3 => include_str!("../generator/e4m3.wgsl"),
        DType::I8 => include_str!("../generator/i8.wgsl"),
        DType::I32 => include_str!("../generator/i32.wgsl"),
        DType::I4 => include_str!("../generator/i4.wgsl"),
        DType::Q8_0 | DType::Q4_0 | DType::Int4g64 | DType::Int4g128 => return None,
    };
    Some(format!("{}\n{packing}", include_str!("../generator/fill.wgsl")))
}
