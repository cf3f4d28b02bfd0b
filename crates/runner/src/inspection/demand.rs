//! What a case asks of a chip.

use portamark_inspect::Demand;
use portamark_model::device::Capabilities;
use portamark_model::workload::Case;

/// Operations for each byte from which on arithmetic bounds a case: above the ratio of peak and bandwidth of a device without
/// a matrix unit, e.g. 64 for an RX 7900 XTX in f32 and 38 for an RTX 3090.
const COMPUTES: u128 = 32;

/// Returns what `case` asks of `device`.
pub fn demand(case: &Case, device: &Capabilities) -> Demand {
    let computes = case.flop() >= COMPUTES * u128::from(case.bytes());
    let multiplies = matches!(case, Case::Gemm(_) | Case::Moe(_) | Case::Attention(_));
    let precision = case.precision();
    let takes = device
        .matrix_shapes
        .iter()
        .any(|shape| precision.uses(shape.input) && shape.accumulate == precision.accumulate);
    Demand::new(computes && multiplies && takes, computes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::device::MatrixShape;
    use portamark_model::workload::DType;

    #[test]
    fn products_in_a_format_of_the_matrix_unit_demand_it_where_arithmetic_bounds_them() {
        let with = |shapes: Vec<MatrixShape>| Capabilities::example().but(|it| it.matrix_shapes = shapes);
        let device = with(vec![MatrixShape::new(16, DType::F16, DType::F32)]);
        let of = |key: &str, device: &Capabilities| {
            let demand = demand(&key.parse().unwrap(), device);
            (demand.matrix, demand.computes)
        };
        let product = "gemm f16.f32 m4096 n4096 k4096 nt";
        assert_eq!(of(product, &device), (true, true));
        assert_eq!(of(product, &with(Vec::new())), (false, true));
        assert_eq!(of("gemm f32 m4096 n4096 k4096 nt", &device), (false, true));
        assert_eq!(of("attention f16.f32 b1 hq32 hkv8 q2048 kv2048 d128 causal", &device), (true, true));
        // One token: 2 operations for each element of 2 bytes.
        assert_eq!(of("gemm f16.f32 m1 n4096 k4096 nt", &device), (false, false));
        assert_eq!(of("gemv f16.f32 m1 n4096 k4096", &device), (false, false));
    }
}
