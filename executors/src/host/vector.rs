//! Vectorized loops. The vector instructions are selected at run time from those that the CPU supports.

use pulp::{Arch, Simd, WithSimd};
use std::sync::LazyLock;

/// Widest vector instructions that this CPU supports.
static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Runs `work`, which uses vector registers explicitly, with the widest vector instructions of this CPU.
#[inline(always)]
pub fn on_registers<W: WithSimd>(work: W) -> W::Output {
    ARCH.dispatch(work)
}

/// Runs `work`, whose loops the compiler vectorizes, in the version for the widest vector instructions of this
/// CPU.
#[inline(always)]
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    ARCH.dispatch(work)
}

/// Returns the number of f32 lanes in one vector register.
pub fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    on_registers(Lanes)
}

/// Returns the dot product of two vectors of equal length, summed in four independent chains per lane.
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    struct Dot<'a>(&'a [f32], &'a [f32]);
    impl WithSimd for Dot<'_> {
        type Output = f32;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            let (x, x_rest) = S::as_simd_f32s(self.0);
            let (y, y_rest) = S::as_simd_f32s(self.1);
            let mut sums = [simd.splat_f32s(0.0); 4];
            let (x_fours, x_last) = x.as_chunks::<4>();
            let (y_fours, y_last) = y.as_chunks::<4>();
            for (x, y) in x_fours.iter().zip(y_fours) {
                for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
                    *sum = simd.mul_add_f32s(*x, *y, *sum);
                }
            }
            for (x, y) in x_last.iter().zip(y_last) {
                sums[0] = simd.mul_add_f32s(*x, *y, sums[0]);
            }
            let [a, b, c, d] = sums;
            let sum = simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d));
            let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
            simd.reduce_sum_f32s(sum) + rest
        }
    }
    on_registers(Dot(x, y))
}

/// Returns the sum of `x`, computed in 32 independent chains that the compiler vectorizes.
#[inline(always)]
pub fn sum(x: &[f32]) -> f32 {
    let mut lanes = [0f32; 32];
    let (whole, rest) = x.as_chunks::<32>();
    for chunk in whole {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Returns the largest element of `x`, or −∞ if `x` is empty.
#[inline(always)]
pub fn largest(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [f32::NEG_INFINITY; 32];
    let (whole, rest) = x.as_chunks::<32>();
    for chunk in whole {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *value);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

/// Returns e^x for x ≤ 0, with an error of at most 2 units in the last place. Below −87, near the end of the
/// f32 range, the result is 0.
///
/// It splits x = n·ln 2 + r with |r| ≤ ln 2/2, evaluates the Taylor polynomial of e^r of degree 7, and adds n
/// to the exponent. There is no branch, so that the compiler can vectorize loops.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LN2_HI: f32 = 0.693_359_4;
    const LN2_LO: f32 = -2.121_944_4e-4;
    /// 1.5·2²³: adding it rounds to an integer, which is then in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x < -87.0 { -87.0 } else { x };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (clamped - n * LN2_HI) - n * LN2_LO;
    let mut p = 1.0 / 5040.0;
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p * r + c;
    }
    let two_to_n = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < -87.0 { 0.0 } else { p * two_to_n }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sums_of_whole_numbers_are_exact_at_every_length() {
        for len in [0, 1, 7, 31, 32, 33, 100, 1023] {
            let x: Vec<f32> = (0..len).map(|i| (i % 13) as f32 - 6.0).collect();
            let y: Vec<f32> = (0..len).map(|i| (i % 7) as f32 - 3.0).collect();
            assert_eq!(dot(&x, &y), x.iter().zip(&y).map(|(x, y)| x * y).sum::<f32>(), "{len}");
            assert_eq!(sum(&x), x.iter().sum::<f32>(), "{len}");
            assert_eq!(largest(&x), x.iter().copied().fold(f32::NEG_INFINITY, f32::max), "{len}");
        }
        assert!(lanes().is_power_of_two());
    }

    #[test]
    fn e_to_nothing_is_one_and_far_below_it_is_nothing() {
        assert_eq!((exp(0.0), exp(-88.0), exp(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
    }

    proptest! {
        #[test]
        fn the_exponential_is_that_of_the_standard_library(x in -87.0f32..=0.0) {
            let (found, exact) = (f64::from(exp(x)), f64::from(x).exp());
            // Two units in the last place: 2·2⁻²³.
            prop_assert!((found / exact - 1.0).abs() <= 2.4e-7, "{x}: {found} for {exact}");
        }
    }
}
