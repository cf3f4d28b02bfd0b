//! Shapes in the names of matrix instructions.

use regex::Regex;
use std::sync::LazyLock;

/// Returns the operations of a product whose shape stands in `name` as `16x16x16` or `m16n8k16`: two for each of m · n ·
/// k multiply-adds. `None` if no shape stands there.
pub fn flop(name: &str) -> Option<u32> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?:m(\d{1,3})n(\d{1,3})k(\d{1,3}))|(?:(\d{1,3})x(\d{1,3})x(\d{1,3}))").expect("valid")
    });
    let sizes: Vec<u32> = SHAPE
        .captures(name)?
        .iter()
        .skip(1)
        .flatten()
        .filter_map(|size| size.as_str().parse().ok())
        .collect();
    sizes.iter().try_fold(2u32, |product, size| product.checked_mul(*size))
}

#[cfg(test)]
mod tests {
    use super::flop;

    #[test]
    fn a_product_has_two_operations_for_each_multiply_add() {
        assert_eq!(flop("v_wmma_f32_16x16x16_f16"), Some(8192));
        assert_eq!(flop("hmma.m16n8k16.f32"), Some(4096));
        assert_eq!(flop("imma.m16n8k32.s8.s8"), Some(8192));
        assert_eq!(flop("v_fma_f32"), None);
    }
}
