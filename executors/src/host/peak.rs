//! Arithmetic peak of the CPU: chains of dependent fused multiply-adds in vector registers.

use super::array::Array;
use super::vector::{lanes, on_registers};
use super::work::Work;
use portamark_model::workload::{DType, Peak, PeakUnit, STEPS_PER_ROUND};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::hint::black_box;

/// Number of vector registers of independent chains that are computed together. Eight keep two units busy that
/// each start one multiply-add per cycle with a latency of four cycles.
const REGISTERS: usize = 8;

/// Kernel of the peak case: repeats x ← x·1 + b for many elements x.
pub struct Chains;

impl Chains {
    /// Creates the kernel of `peak`.
    ///
    /// # Errors
    /// Returns a message if the case is not one of f32 multiply-adds.
    pub fn new(peak: &Peak) -> Result<Self, String> {
        match peak.unit {
            PeakUnit::Fma { .. } if peak.precision.input == DType::F32 => Ok(Chains),
            PeakUnit::Fma { .. } => Err(format!("the host executor has no arithmetic in {}", peak.precision)),
            PeakUnit::Dot4 { .. } => Err("the host executor has no packed dot products".into()),
            PeakUnit::Matrix { .. } => Err("the host executor has no matrix unit".into()),
        }
    }
}

/// Chains that start with the values `x` and store their results in `y`. `b` has the addend of each round, and
/// `one` is 1.
struct Part<'a> {
    x: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
    one: f32,
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let one = simd.splat_f32s(self.one);
        let (x, x_rest) = S::as_simd_f32s(self.x);
        let (y, y_rest) = S::as_mut_simd_f32s(self.y);
        let (x_eights, x_last) = x.as_chunks::<REGISTERS>();
        let (y_eights, y_last) = y.as_chunks_mut::<REGISTERS>();
        for (x, y) in x_eights.iter().zip(y_eights) {
            let mut chains = *x;
            for step in self.b {
                let step = simd.splat_f32s(*step);
                for _ in 0..STEPS_PER_ROUND {
                    for chain in &mut chains {
                        *chain = simd.mul_add_f32s(*chain, one, step);
                    }
                }
            }
            *y = chains;
        }
        for (x, y) in x_last.iter().zip(y_last) {
            *y = *x;
            for step in self.b {
                let step = simd.splat_f32s(*step);
                for _ in 0..STEPS_PER_ROUND {
                    *y = simd.mul_add_f32s(*y, one, step);
                }
            }
        }
        for (x, y) in x_rest.iter().zip(y_rest) {
            *y = *x;
            for step in self.b {
                for _ in 0..STEPS_PER_ROUND {
                    *y = *y * self.one + step;
                }
            }
        }
    }
}

impl Work for Chains {
    fn kernel(&self) -> String {
        format!("multiply-adds of {} lanes", lanes())
    }

    fn run(&mut self, inputs: &[Array], output: &mut Array) {
        let (Array::F32(x), Array::F32(b), Array::F32(y)) = (&inputs[0], &inputs[1], output) else {
            panic!("these chains are of f32")
        };
        // The compiler must not know the factor, or it would remove the multiplication.
        let one = black_box(1.0);
        // Each thread gets a multiple of the group of registers.
        let group = REGISTERS * lanes();
        let each = x.len().div_ceil(group).div_ceil(rayon::current_num_threads()).max(1) * group;
        x.par_chunks(each).zip(y.par_chunks_mut(each)).with_max_len(1).for_each(|(x, y)| {
            on_registers(Part { x, b, y, one });
        });
    }
}
