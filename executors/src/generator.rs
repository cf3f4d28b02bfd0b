//! WGSL sources of the kernels that fill buffers: inputs with generated values, outputs with the poison
//! pattern. The sources are compiled into the program.

use portamark_model::workload::DType;

/// Source of the kernel that fills an output with the poison pattern, which no kernel produces.
pub(crate) const POISON: &str = include_str!("../generator/poison.wgsl");

/// Returns the source of the kernel that fills a buffer of `dtype` with generated values. `None` if the format
/// is stored in two buffers, one of integers and one of scales; each is then filled by its own format.
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
