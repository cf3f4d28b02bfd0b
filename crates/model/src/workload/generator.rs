//! Input generator: element i of tensor t is a pure function of (seed, t, i), so inputs need not be sent.
//!
//! Every executor generates the inputs where they are used, so the oracle and the device see the same bits
//! and gigabytes of input cost no transfer. The hash is `lowbias32`, a 32-bit bijection found by search
//! over multiply-xorshift rounds (C. Wellons, "Prospecting for Hash Functions", 2018), applied twice with
//! two keys so that tensors are not permutations of each other:
//!
//! ```text
//! key1 = mix(seed ^ (tensor · 0x9E3779B9))          all in 32-bit wrapping arithmetic
//! key2 = mix(key1 + 0x85EBCA6B)
//! h(i) = mix(mix(i ^ key1) + key2)
//! k(i) = h(i) mod (2·limit + 1) − limit                    for the uniform distribution
//! x(i) = k(i) · 2^(scale − shift)
//! ```
//!
//! Other distributions compute k from the same bits and from those of a group of four elements,
//! `g(i) = mix(mix(⌊i/4⌋ ^ key2) + key1)`; see [`Distribution::integer`](super::Distribution::integer).
//! `limit` and `shift` come from the tensor's [`Grid`], whose values every format represents exactly. The
//! WGSL source is `executors/generator/fill.wgsl`; test vectors are below.

use super::distribution::Distribution;
use super::dtype::Grid;

/// Computes the 32-bit finaliser `lowbias32` of `x`.
pub fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^= x >> 16;
    x
}

/// Two hash keys of one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// Key that is XORed into the element index.
    pub first: u32,
    /// Key that is added between the two rounds.
    pub second: u32,
}

impl Keys {
    /// Creates the keys for `tensor` of a run seeded with `seed`.
    pub fn new(seed: u32, tensor: u32) -> Self {
        let first = mix(seed ^ tensor.wrapping_mul(0x9E37_79B9));
        Keys { first, second: mix(first.wrapping_add(0x85EB_CA6B)) }
    }

    /// Returns 32 random bits for element `index`.
    pub fn hash(self, index: u32) -> u32 {
        mix(mix(index ^ self.first).wrapping_add(self.second))
    }

    /// Returns 32 random bits for the group of four elements that contains `index`. The keys are swapped,
    /// so that the bits differ from those of elements.
    pub fn group_hash(self, index: u32) -> u32 {
        mix(mix((index / 4) ^ self.second).wrapping_add(self.first))
    }

    /// Returns the value of element `index`, exact in f64.
    pub fn value(self, index: u32, grid: Grid, scale: i8, dist: Distribution) -> f64 {
        let k = dist.integer(index, self.hash(index), self.group_hash(index), grid.limit);
        k as f64 * 2f64.powi(i32::from(scale) - i32::from(grid.shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::DType;

    /// Published with the protocol: any executor in any language must give these.
    #[test]
    fn test_vectors_hold() {
        assert_eq!(mix(0), 0);
        assert_eq!(mix(1), 0x6889_90c0);
        let keys = Keys::new(42, 1);
        let first: Vec<u32> = (0..4).map(|i| keys.hash(i)).collect();
        assert_eq!(first, VECTORS);
    }

    const VECTORS: [u32; 4] = [0x05b6_6f04, 0xcf92_ddb0, 0x5df8_12e9, 0xdb6e_4cd6];

    #[test]
    fn values_have_zero_mean_and_the_variance_of_a_uniform() {
        // 2·limit+1 equally likely k: mean 0, variance (limit²+limit)/3 · 4^-shift ≈ 1/3.
        let keys = Keys::new(7, 3);
        for grid in [DType::F32.grid(), DType::F16.grid()] {
            let n = 100_000u32;
            let values: Vec<f64> = (0..n).map(|i| keys.value(i, grid, 0, Distribution::Uniform)).collect();
            let mean = values.iter().sum::<f64>() / f64::from(n);
            let variance = values.iter().map(|v| v * v).sum::<f64>() / f64::from(n);
            // Standard error of the mean is 0.577/√n = 0.0018.
            assert!(mean.abs() < 0.009, "{mean}");
            assert!((variance - 1.0 / 3.0).abs() < 0.01, "{variance}");
        }
    }

    #[test]
    fn tensors_and_seeds_are_unrelated() {
        let a = Keys::new(1, 1);
        for other in [Keys::new(1, 2), Keys::new(2, 1)] {
            let equal = (0..10_000).filter(|&i| a.hash(i) & 0xff == other.hash(i) & 0xff).count();
            // Expected 10_000/256 = 39, standard deviation 6.2.
            assert!((10..80).contains(&equal), "{equal}");
        }
    }
}
