//! Distributions of generated inputs: the values that are multiplied affect the power and so the clock.
//!
//! Every distribution is computed in 32-bit integers, so every executor generates the same bits. Its values
//! are integer multiples of the step of the tensor's [`Grid`](super::Grid), which every format represents
//! exactly.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Distribution from which the elements of inputs are drawn. Scales of groups, and tables, are the same for
/// all distributions.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Every value of the grid is equally likely.
    #[default]
    Uniform,
    /// Sum of four uniform bytes: bell-shaped, cut off at 3.45 standard deviations, with half the standard
    /// deviation of `uniform`.
    Normal,
    /// All elements are zero.
    Zeros,
    /// Uniform, but two of every four consecutive elements are zero, as in structured sparsity.
    Sparse,
}

/// Bit masks of the two non-zero elements of four, for each of the six patterns: four bits each.
const KEPT_OF_FOUR: u32 = 0x00ca_6953;

impl Distribution {
    /// All distributions, the default first.
    pub const ALL: [Distribution; 4] =
        [Distribution::Uniform, Distribution::Normal, Distribution::Zeros, Distribution::Sparse];

    /// Returns the name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Distribution::Uniform => "uniform",
            Distribution::Normal => "normal",
            Distribution::Zeros => "zeros",
            Distribution::Sparse => "sparse",
        }
    }

    /// Returns the number used in `executors/generator/fill.wgsl`.
    pub fn number(self) -> u32 {
        match self {
            Distribution::Uniform => 0,
            Distribution::Normal => 1,
            Distribution::Zeros => 2,
            Distribution::Sparse => 3,
        }
    }

    /// Returns the integer k, |k| ≤ `limit`, of element `index`, from its 32 random bits `hash` and those
    /// of its group of four, `group_hash`.
    ///
    /// `normal`: with s the sum of the bytes of `hash`, 0 ≤ s ≤ 1020, k = ⌊(2s + 1)·(2·limit + 1) / 2042⌋ −
    /// limit, which is symmetric about 0 at s = 510. The product is below 2³² for limits below 2²⁰. A
    /// larger limit is first reduced to its upper bits by a division by a power of two, and k is multiplied
    /// by that power again.
    pub fn integer(self, index: u32, hash: u32, group_hash: u32, limit: u32) -> i64 {
        let values = 2 * limit + 1;
        let uniform = || i64::from(hash % values) - i64::from(limit);
        match self {
            Distribution::Uniform => uniform(),
            Distribution::Normal => {
                let sum: u32 = hash.to_le_bytes().iter().map(|byte| u32::from(*byte)).sum();
                let shift = (32 - limit.leading_zeros()).saturating_sub(20);
                let limit = limit >> shift;
                (i64::from((2 * sum + 1) * (2 * limit + 1) / 2042) - i64::from(limit)) << shift
            }
            Distribution::Zeros => 0,
            Distribution::Sparse => {
                let kept = KEPT_OF_FOUR >> (4 * (group_hash % 6));
                if kept >> (index % 4) & 1 == 1 { uniform() } else { 0 }
            }
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Distribution::ALL.map(Distribution::name).join(", ");
        let found = Distribution::ALL.into_iter().find(|dist| dist.name() == text);
        found.ok_or_else(|| format!("`{text}` is not a distribution; choose from {names}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::generator::mix;
    use crate::workload::{DType, Grid};
    use proptest::prelude::*;

    #[test]
    fn normal_numbers_are_those_worked_out_by_hand() {
        let normal = |hash, limit| Distribution::Normal.integer(0, hash, 0, limit);
        // s = 0: ⌊1·255/2042⌋ = 0; s = 1020: ⌊2041·255/2042⌋ = 254; s = 510: ⌊1021·255/2042⌋ = 127.
        assert_eq!((normal(0, 127), normal(u32::MAX, 127)), (-127, 127));
        assert_eq!(normal(0xff00_ff00, 127), 0);
        // s = 255: ⌊511·255/2042⌋ = 63.
        assert_eq!(normal(0xff, 127), -64);
        // 23 bits are three too many: the limit is 2²⁰ − 1, ⌊(2²¹ − 1)/2042⌋ = 1027, and everything is
        // multiplied by 8.
        assert_eq!(normal(0, (1 << 23) - 1), (1027 - ((1 << 20) - 1)) * 8);
        // The same byte elsewhere is the same sum, and 1020 − 255 its mirror image.
        assert_eq!((normal(0xff00_0000, 127), normal(0xffff_ff00, 127)), (-64, 64));
    }

    #[test]
    fn each_of_the_six_ways_keeps_two_of_four() {
        for way in 0..6 {
            let kept: Vec<bool> = (0..4).map(|i| Distribution::Sparse.integer(i, 0, way, 7) != 0).collect();
            assert_eq!(kept.iter().filter(|kept| **kept).count(), 2, "{way}: {kept:?}");
        }
        let ways: std::collections::BTreeSet<u32> =
            (0..6).map(|way| KEPT_OF_FOUR >> (4 * way) & 15).collect();
        assert_eq!(ways.len(), 6);
        // 3 = elements 0 and 1.
        assert_eq!([0, 1, 2, 3].map(|i| Distribution::Sparse.integer(i, 0, 0, 7)), [-7, -7, 0, 0]);
    }

    #[test]
    fn a_normal_has_half_the_spread_of_a_uniform() {
        let limit = DType::F32.grid().limit;
        let spread = |dist: Distribution| {
            let n = 100_000u32;
            let part = |i: u32| dist.integer(i, mix(i), mix(!i), limit) as f64 / f64::from(limit);
            ((0..n).map(|i| part(i).powi(2)).sum::<f64>() / f64::from(n)).sqrt()
        };
        // Uniform on [−1, 1]: 1/√3. A byte has the variance (256² − 1)/12, four of them have four times
        // that, and 510 of the sum are 1 here: √(4·65535/12)/510 = 0.2898. Sparse: 1/√6.
        assert!((spread(Distribution::Uniform) - 0.5774).abs() < 0.005);
        assert!((spread(Distribution::Normal) - 0.2898).abs() < 0.005);
        assert!((spread(Distribution::Sparse) - 0.4082).abs() < 0.005);
        assert_eq!(spread(Distribution::Zeros), 0.0);
    }

    #[test]
    fn names_are_read_back_and_others_are_refused_with_the_list() {
        for dist in Distribution::ALL {
            assert_eq!(dist.name().parse(), Ok(dist));
            assert_eq!(serde_json::to_value(dist).unwrap(), dist.name());
        }
        assert!("gauss".parse::<Distribution>().unwrap_err().contains("uniform, normal, zeros, sparse"));
    }

    proptest! {
        #[test]
        fn every_number_is_on_its_grid(index: u32, hash: u32, group: u32, wide in 1u32..1 << 30) {
            let grids = [Grid::COARSE, Grid::SIGNS, DType::F16.grid(), DType::F32.grid(), DType::I4.grid()];
            for limit in grids.map(|grid| grid.limit).into_iter().chain([wide]) {
                for dist in Distribution::ALL {
                    let k = dist.integer(index, hash, group, limit);
                    prop_assert!(k.unsigned_abs() <= u64::from(limit), "{} of {}: {}", dist, limit, k);
                }
            }
        }
    }
}
