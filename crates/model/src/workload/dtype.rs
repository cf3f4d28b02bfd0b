//! Number formats: the memory layout of elements, and the unit roundoff of each format.
//!
//! Everything that differs between formats is in this file and in `kernels/format.wgsl`: a new format needs
//! one line in the table below and one branch there, and no kernel changes.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Number format of a tensor or an accumulator.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// IEEE binary32.
    F32,
    /// IEEE binary16.
    F16,
    /// bfloat16, the upper half of binary32: 8 significant bits.
    Bf16,
    /// FP8 (E4M3), the OCP 8-bit float with 4 exponent and 3 mantissa bits ("OFP8", 2023).
    E4m3,
    /// Signed 8-bit integer.
    I8,
    /// Signed 32-bit integer, the accumulator of [`DType::I8`].
    I32,
    /// Groups of 32 signed 8-bit integers that share an f16 scale (ggml's q8_0): 8.5 bits per element.
    #[serde(rename = "q8_0")]
    Q8_0,
    /// Groups of 32 integers −8 … 7 that share an f16 scale (ggml's q4_0): 4.5 bits per element.
    #[serde(rename = "q4_0")]
    Q4_0,
    /// Groups of 64 integers −8 … 7 that share an f16 scale.
    Int4g64,
    /// Groups of 128 integers −8 … 7 that share an f16 scale (the usual group of GPTQ and AWQ).
    Int4g128,
    /// Integers of the 4-bit formats without scales: stored as v + 8, eight to a word. Byte j of a word
    /// holds element j in its low four bits and element j + 4 in its high four bits.
    I4,
}

/// Properties of a format: name, bits per element, elements per scale (0 if it has no scales), significant
/// bits p.
struct Facts(DType, &'static str, u64, u64, u8);

const FACTS: [Facts; 11] = [
    Facts(DType::F32, "f32", 32, 0, 24),
    Facts(DType::F16, "f16", 16, 0, 11),
    Facts(DType::Bf16, "bf16", 16, 0, 8),
    Facts(DType::E4m3, "e4m3", 8, 0, 4),
    Facts(DType::I8, "i8", 8, 0, 7),
    Facts(DType::I32, "i32", 32, 0, 31),
    Facts(DType::Q8_0, "q8_0", 8, 32, 7),
    Facts(DType::Q4_0, "q4_0", 4, 32, 3),
    Facts(DType::Int4g64, "int4g64", 4, 64, 3),
    Facts(DType::Int4g128, "int4g128", 4, 128, 3),
    Facts(DType::I4, "i4", 4, 0, 3),
];

impl DType {
    /// Returns every format, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = DType> {
        FACTS.iter().map(|facts| facts.0)
    }

    fn facts(self) -> &'static Facts {
        FACTS.iter().find(|facts| facts.0 == self).expect("every format is listed")
    }

    /// Returns the name used in case keys.
    pub fn name(self) -> &'static str {
        self.facts().1
    }

    /// Returns the bits of one element, without its share of a scale.
    pub fn bits(self) -> u64 {
        self.facts().2
    }

    /// Returns the number of elements that share one f16 scale; `None` for formats without scales.
    pub fn group(self) -> Option<u64> {
        Some(self.facts().3).filter(|group| *group > 0)
    }

    /// Returns the bytes of `len` elements including their scales; 2⁶⁴ − 1 if there are more.
    pub fn bytes(self, len: u64) -> u64 {
        let len = u128::from(len);
        let scales = self.group().map_or(0, |group| 2 * len.div_ceil(u128::from(group)));
        let bytes = (len * u128::from(self.bits())).div_ceil(8) + scales;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Whether elements are integers, so that their products and sums are exact.
    pub fn is_integer(self) -> bool {
        matches!(self, DType::I8 | DType::I32 | DType::I4)
    }

    /// Returns the unit roundoff u = 2⁻ᵖ for a significand of p bits, rounding to nearest (Higham 2002,
    /// §2.1); zero for integers.
    pub fn unit_roundoff(self) -> f64 {
        if self.is_integer() { 0.0 } else { 2f64.powi(-i32::from(self.facts().4)) }
    }

    /// Returns the largest error of storing `value`, which was computed in f32, in this format.
    ///
    /// Vulkan allows a driver to round conversions to f16 to nearest or towards zero, an error of up to 2u,
    /// and to flush results below the smallest normal number, 2⁻¹⁴ (Vulkan 1.3, "Precision and Operation of
    /// SPIR-V Instructions"). f32 is stored unchanged, with u for its own last rounding. Kernels round to
    /// bf16 themselves, to nearest.
    pub fn store_error(self, value: f64) -> f64 {
        let u = self.unit_roundoff();
        match self {
            DType::F16 => 2.0 * u * value.abs() + 2f64.powi(-14),
            DType::Bf16 => u * value.abs() * (1.0 + 1e-6),
            _ => u * value.abs(),
        }
    }

    /// Returns the grid of this format: the largest integer L and the shift s such that it represents k·2⁻ˢ
    /// exactly for every |k| ≤ L. Floats stay within [−1, 1]; integers have a shift of 0.
    ///
    /// The input generator draws k; see [`crate::workload::generator`].
    pub fn grid(self) -> Grid {
        let bits = self.facts().4;
        if self.is_integer() || self.group().is_some() {
            return Grid { limit: (1 << bits.min(30)) - 1, shift: 0 };
        }
        // One bit less than the significand holds, so that negation, sums and ties stay inside. e4m3 needs
        // all its four bits to cover every one of its fractions.
        let shift = if self == DType::E4m3 { bits } else { bits - 1 };
        Grid { limit: (1 << shift) - 1, shift }
    }

    /// Returns `value` rounded to this format, to nearest even. Formats with scales hold the products of
    /// their generated integers and scales exactly, so they return `value` unchanged.
    pub fn round(self, value: f64) -> f64 {
        match self {
            DType::F32 => f64::from(value as f32),
            DType::F16 => half::f16::from_f64(value).to_f64(),
            DType::Bf16 => half::bf16::from_f64(value).to_f64(),
            DType::I8 | DType::I32 | DType::I4 => value.round_ties_even(),
            DType::E4m3 | DType::Q8_0 | DType::Q4_0 | DType::Int4g64 | DType::Int4g128 => value,
        }
    }

    /// Parses a format name; `None` if there is no such format.
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().find(|dtype| dtype.name() == text)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Grid of the values k·2⁻ˢ with |k| ≤ limit, from which generated inputs are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Grid {
    /// Largest |k| of the grid.
    pub limit: u32,
    /// Exponent s of the power of two by which k is divided.
    pub shift: u8,
}

impl Grid {
    /// Values −7/8 … 7/8 in steps of 1/8; even long sums of them stay exact in every format.
    pub const COARSE: Grid = Grid { limit: 7, shift: 3 };
    /// Values −1, 0 and 1.
    pub const SIGNS: Grid = Grid { limit: 1, shift: 0 };
    /// Values −15/16 … 15/16, for the scales of formats with groups. They have four bits, so that the
    /// product with an integer of seven bits is still exact in f16, and are multiplied by a power of two
    /// that keeps them normal.
    pub const SCALES: Grid = Grid { limit: 15, shift: 4 };
}

/// Number formats of the operands and the accumulator of a case, written `f32`, `f16.f32` (inputs and
/// accumulator) or `f16xq4_0.f32` (left operand, right operand, accumulator).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Precision {
    /// Number format of the inputs, or of the left operand if the right one differs.
    pub input: DType,
    /// Number format of the right operand: the weights of a linear layer, or the KV cache of attention.
    pub right: DType,
    /// Number format of the accumulator.
    pub accumulate: DType,
}

impl Precision {
    /// Inputs and accumulator in f32.
    pub const F32: Precision = Precision::of(DType::F32, DType::F32);
    /// Inputs and output in f16, accumulator in f32.
    pub const F16_F32: Precision = Precision::of(DType::F16, DType::F32);
    /// Inputs and accumulator in f16.
    pub const F16: Precision = Precision::of(DType::F16, DType::F16);

    /// Creates a precision with both operands in `input`.
    pub const fn of(input: DType, accumulate: DType) -> Self {
        Precision { input, right: input, accumulate }
    }

    /// Returns the format of the output: f32, f16 or bf16 if the input has that format, otherwise the
    /// accumulator's format.
    pub fn output(self) -> DType {
        match self.input {
            DType::F32 | DType::F16 | DType::Bf16 => self.input,
            _ => self.accumulate,
        }
    }

    /// Whether `dtype` is one of the three formats.
    pub fn uses(self, dtype: DType) -> bool {
        [self.input, self.right, self.accumulate].contains(&dtype)
    }

    /// Parses `f32`, `f16.f32` or `f16xq4_0.f32`; the accumulator defaults to the input format. Operands
    /// with scales are allowed only on the right, and integers only with integers. Otherwise returns
    /// `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (operands, accumulate) = text.split_once('.').map_or((text, None), |(o, a)| (o, Some(a)));
        let (input, right) = operands.split_once('x').unwrap_or((operands, operands));
        let (input, right) = (DType::parse(input)?, DType::parse(right)?);
        let accumulate = accumulate.map_or(Some(input), DType::parse)?;
        let exact = input.is_integer();
        let possible = match accumulate {
            DType::F32 | DType::F16 => !exact && !right.is_integer(),
            DType::I32 => exact && right == input,
            _ => false,
        };
        (possible && input.group().is_none() && ![DType::I32, DType::I4].contains(&input)).then_some(Self {
            input,
            right,
            accumulate,
        })
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.input.fmt(f)?;
        if self.right != self.input {
            write!(f, "x{}", self.right)?;
        }
        if self.input == self.accumulate { Ok(()) } else { write!(f, ".{}", self.accumulate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grid_value_is_held_exactly() {
        for dtype in DType::all().filter(|dtype| dtype.group().is_none()) {
            let Grid { limit, shift } = dtype.grid();
            assert!(dtype.is_integer() || limit <= 1 << shift, "{dtype}: values stay within [-1, 1]");
            for k in [1, 2, 3, limit / 2, limit - 1, limit] {
                let value = f64::from(k) * 2f64.powi(-i32::from(shift));
                assert_eq!(dtype.round(value), value, "{dtype} k={k}");
            }
        }
    }

    #[test]
    fn rounding_towards_zero_and_flushing_are_allowed_when_storing_f16_and_nothing_more() {
        // 1 + 2⁻¹⁰ is the next number after 1: a value between them may be rounded to either.
        let between = 1.0 + 0.999 * 2f64.powi(-10);
        assert!((between - 1.0).abs() <= DType::F16.store_error(between));
        let subnormal = 0.9 * 2f64.powi(-14);
        assert!(subnormal <= DType::F16.store_error(subnormal));
        assert!(2.5 * 2f64.powi(-10) > DType::F16.store_error(1.0), "two steps off is wrong");
        assert!(2f64.powi(-23) > DType::F32.store_error(1.0), "f32 has no such freedom");
    }

    #[test]
    fn precision_text_reads_back() {
        for text in
            ["f32", "f16", "f16.f32", "bf16.f32", "i8.i32", "e4m3.f32", "f32xq8_0", "f16xint4g128.f32"]
        {
            assert_eq!(Precision::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Precision::parse("f8"), None);
        for text in ["f16.x", "q4_0", "f32.i32", "i8.f32", "f32xi8", "i8", "f32xi4", "f16x", "xf16"] {
            assert_eq!(Precision::parse(text), None, "{text}");
        }
    }

    #[test]
    fn bytes_count_the_scales() {
        // ggml-common.h: 34 bytes for 32 elements of q8_0, 18 for 32 of q4_0.
        assert_eq!(DType::Q8_0.bytes(64), 68);
        assert_eq!(DType::Q4_0.bytes(64), 36);
        assert_eq!(DType::Int4g128.bytes(256), 132);
        assert_eq!(DType::Bf16.bytes(3), 6);
    }

    #[test]
    fn scaled_integers_are_exact_in_f16() {
        for (q, d) in [(127u32, 15u32), (126, 13), (1, 1)] {
            let product = f64::from(q) * f64::from(d) * 2f64.powi(-11);
            assert_eq!(DType::F16.round(product), product);
        }
    }
}
