//! Number formats and the rounding unit of each.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A number format of a tensor or of an accumulator.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// IEEE binary32.
    F32,
    /// IEEE binary16.
    F16,
}

impl DType {
    /// Every format, in the order of the documentation.
    pub const ALL: [DType; 2] = [DType::F32, DType::F16];

    /// The name in a case key.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
        }
    }

    /// Bytes of one element in memory.
    pub fn size(self) -> u64 {
        match self {
            DType::F32 => 4,
            DType::F16 => 2,
        }
    }

    /// Unit roundoff u = 2⁻ᵖ for a significand of p bits, rounding to nearest (Higham 2002, §2.1).
    pub fn unit_roundoff(self) -> f64 {
        match self {
            DType::F32 => 2f64.powi(-24),
            DType::F16 => 2f64.powi(-11),
        }
    }

    /// Largest error of storing `value`, which was computed in f32, in this format.
    ///
    /// Vulkan lets a driver round conversions to nearest or towards zero, which errs by up to 2u,
    /// and flush results below the smallest normal number, 2⁻¹⁴ for f16 (Vulkan 1.3, "Precision and
    /// Operation of SPIR-V Instructions"). f32 is stored as it is: u for its own last rounding.
    pub fn store_error(self, value: f64) -> f64 {
        let u = self.unit_roundoff();
        match self {
            DType::F32 => u * value.abs(),
            DType::F16 => 2.0 * u * value.abs() + 2f64.powi(-14),
        }
    }

    /// Largest integer L and the shift s such that k·2⁻ˢ is held exactly for every |k| ≤ L ≤ 2ˢ.
    ///
    /// The input generator draws k; see [`crate::workload::generator`].
    pub fn grid(self) -> Grid {
        match self {
            DType::F32 => Grid { limit: (1 << 23) - 1, shift: 23 },
            DType::F16 => Grid { limit: (1 << 10) - 1, shift: 10 },
        }
    }

    /// `value` rounded to this format, to nearest even.
    pub fn round(self, value: f64) -> f64 {
        match self {
            DType::F32 => f64::from(value as f32),
            DType::F16 => half::f16::from_f64(value).to_f64(),
        }
    }

    /// Reads the name back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == text)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The values k·2⁻ˢ with |k| ≤ limit: what a generated input is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Grid {
    /// Largest |k|.
    pub limit: u32,
    /// The power of two that k is divided by.
    pub shift: u8,
}

impl Grid {
    /// −7/8 … 7/8 in steps of 1/8: sums of such values stay exact in every format for long.
    pub const COARSE: Grid = Grid { limit: 7, shift: 3 };
}

/// Formats of inputs, accumulator and output of a case, written `f32` or `f16.f32`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Precision {
    /// Format of the inputs, and of the output unless the workload says otherwise.
    pub input: DType,
    /// Format of the accumulator.
    pub accumulate: DType,
}

impl Precision {
    /// f32 throughout.
    pub const F32: Precision = Precision { input: DType::F32, accumulate: DType::F32 };
    /// f16 in and out, f32 accumulator.
    pub const F16_F32: Precision = Precision { input: DType::F16, accumulate: DType::F32 };
    /// f16 throughout.
    pub const F16: Precision = Precision { input: DType::F16, accumulate: DType::F16 };

    /// Reads `f32`, `f16` or `f16.f32`; the accumulator is the input format when it is not named.
    pub fn parse(text: &str) -> Option<Self> {
        let (input, accumulate) = text.split_once('.').unwrap_or((text, text));
        Some(Self { input: DType::parse(input)?, accumulate: DType::parse(accumulate)? })
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.input == self.accumulate {
            self.input.fmt(f)
        } else {
            write!(f, "{}.{}", self.input, self.accumulate)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grid_value_is_held_exactly() {
        for dtype in DType::ALL {
            let Grid { limit, shift } = dtype.grid();
            assert!(limit <= 1 << shift, "{dtype}: values stay within [-1, 1]");
            for k in [1, 2, 3, limit / 2, limit - 1, limit] {
                let value = f64::from(k) * 2f64.powi(-i32::from(shift));
                assert_eq!(dtype.round(value), value, "{dtype} k={k}");
            }
        }
    }

    #[test]
    fn rounding_towards_zero_and_flushing_are_allowed_when_storing_f16_and_nothing_more() {
        // 1 + 2⁻¹⁰ is the neighbour of 1: whatever lies between may become either.
        let between = 1.0 + 0.999 * 2f64.powi(-10);
        assert!((between - 1.0).abs() <= DType::F16.store_error(between));
        let subnormal = 0.9 * 2f64.powi(-14);
        assert!(subnormal <= DType::F16.store_error(subnormal));
        assert!(2.5 * 2f64.powi(-10) > DType::F16.store_error(1.0), "two steps off is wrong");
        assert!(2f64.powi(-23) > DType::F32.store_error(1.0), "f32 has no such freedom");
    }

    #[test]
    fn precision_text_reads_back() {
        for text in ["f32", "f16", "f16.f32"] {
            assert_eq!(Precision::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Precision::parse("f8"), None);
        assert_eq!(Precision::parse("f16.x"), None);
    }
}
