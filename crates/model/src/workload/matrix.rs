//! The matrix whose rows or elements some families work on.

use super::dtype::Precision;
use super::parameters::Words;
use std::fmt;

/// A dense row-major matrix, rows × columns: `f16.f32 r4096 c4096`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Formats of the tensors, and of the arithmetic.
    pub precision: Precision,
    /// Rows.
    pub rows: u64,
    /// Columns.
    pub columns: u64,
}

impl Matrix {
    /// Reads a key without its first word.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let precision = words.computed_in_f32()?;
        let (rows, columns) = (words.number("r")?, words.number("c")?);
        words.finish()?;
        Ok(Matrix { precision, rows, columns })
    }

    /// Elements.
    pub fn elements(&self) -> u64 {
        self.rows * self.columns
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} r{} c{}", self.precision, self.rows, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_in_f32() {
        assert_eq!(Matrix::parse("f16.f32 r3 c8").unwrap().to_string(), "f16.f32 r3 c8");
        for key in ["f16 r1 c1", "i8.i32 r1 c1", "f32xq8_0 r1 c32", "f32 r1"] {
            assert!(Matrix::parse(key).is_err(), "{key}");
        }
    }
}
