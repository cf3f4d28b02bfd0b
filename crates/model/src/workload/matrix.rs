//! Matrix on whose rows or elements some families work.

use super::dtype::Precision;
use super::parameters::{Parameters, Words, countable};

/// Dense row-major matrix, rows × columns, written `f16.f32 r4096 c4096`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Number formats of the tensors and of the arithmetic.
    pub precision: Precision,
    /// Number of rows.
    pub rows: u64,
    /// Number of columns.
    pub columns: u64,
}

impl Matrix {
    /// Parses a key without its first word.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let precision = words.computed_in_f32()?;
        let (rows, columns) = (words.number("r")?, words.number("c")?);
        words.finish()?;
        countable("x", &[rows, columns])?;
        Ok(Matrix { precision, rows, columns })
    }

    /// Returns the parameters of the key: formats, rows and columns.
    pub(super) fn parameters(&self) -> Parameters {
        Parameters::of(self.precision).size("r", self.rows).size("c", self.columns)
    }

    /// Returns the number of elements.
    pub fn elements(&self) -> u64 {
        self.rows * self.columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_in_f32() {
        assert_eq!(Matrix::parse("f16.f32 r3 c8").unwrap().parameters().to_string(), "f16.f32 r3 c8");
        for key in ["f16 r1 c1", "i8.i32 r1 c1", "f32xq8_0 r1 c32", "f32 r1"] {
            assert!(Matrix::parse(key).is_err(), "{key}");
        }
    }
}
