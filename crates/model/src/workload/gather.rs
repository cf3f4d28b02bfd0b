//! Embedding gather: copies rows of a table by index, `y_i = table[index_i]`.

use super::dtype::Precision;
use super::family::Workload;
use super::generator::mix;
use super::parameters::{Parameters, Words, countable};
use super::tensor::{Expected, Inputs, Tensor};
use std::collections::HashSet;

/// Gather of rows from a table. The table is dense row-major, vocabulary × columns; Y is rows × columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Gather {
    /// Number format of the table and of Y.
    pub precision: Precision,
    /// Number of rows that are gathered; at most 2²⁰.
    pub rows: u64,
    /// Number of columns of the table and of Y.
    pub columns: u64,
    /// Number of rows of the table.
    pub vocabulary: u64,
}

impl Gather {
    /// Returns the index of the table row that is copied to row `i` of Y: mix(i) mod vocabulary, see
    /// [`super::generator::mix`].
    pub fn index(&self, i: u64) -> u32 {
        mix(i as u32) % self.vocabulary as u32
    }

    fn indices(&self) -> Vec<u32> {
        (0..self.rows).map(|i| self.index(i)).collect()
    }
}

impl Workload for Gather {
    const FAMILY: &'static str = "gather";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let precision = words.moved()?;
        let (rows, columns, vocabulary) = (words.number("r")?, words.number("c")?, words.number("v")?);
        words.finish()?;
        if rows > 1 << 20 {
            return Err(format!("r{rows}: every executor is sent the list of rows, which ends at 2^20"));
        }
        countable("table", &[vocabulary, columns])?;
        countable("y", &[rows, columns])?;
        Ok(Gather { precision, rows, columns, vocabulary })
    }

    fn parameters(&self) -> Parameters {
        Parameters::of(self.precision).size("r", self.rows).size("c", self.columns).size("v", self.vocabulary)
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn flop(&self) -> u128 {
        0
    }

    /// Counts the table rows that occur, each once, the indices, and Y.
    fn bytes(&self) -> u64 {
        let distinct = self.indices().into_iter().collect::<HashSet<u32>>().len() as u64;
        self.precision.input.bytes((distinct + self.rows) * self.columns) + 4 * self.rows
    }

    fn is_bandwidth(&self) -> bool {
        true
    }

    fn tensors(&self) -> Vec<Tensor> {
        let format = self.precision.input;
        vec![
            Tensor::input("table", 1, format, self.vocabulary * self.columns),
            Tensor::table("index", self.indices()),
            Tensor::output("y", format, self.rows * self.columns),
        ]
    }

    fn output_shape(&self) -> (u64, u64) {
        (self.rows, self.columns)
    }

    fn bound_factor(&self) -> f64 {
        0.0
    }

    /// The result is exact, so the bound is 0.
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let table = inputs.reader(&self.tensors()[0]);
        let at = |&point: &u64| {
            let (i, j) = (point / self.columns, point % self.columns);
            Expected { value: table(u64::from(self.index(i)) * self.columns + j), bound: 0.0 }
        };
        points.iter().map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_occur_twice_are_read_once() {
        // mix(0) = 0 and mix(1) = 0x688990c0, an even number: with a table of two rows, both indices are 0.
        let gather = Gather::parse("f16 r2 c8 v2").unwrap();
        assert_eq!((gather.index(0), gather.index(1)), (0, 0));
        assert_eq!(gather.bytes(), 2 * 8 + 2 * 16 + 2 * 4);
        assert_eq!(gather.parameters().to_string(), "f16 r2 c8 v2");
        assert!(Gather::parse("f16 r2000000 c8 v2").is_err());
    }

    #[test]
    fn a_row_is_the_row_of_the_table_with_its_index() {
        // 0x688990c0 = 1753845952, which is 2 modulo 5.
        let gather = Gather::parse("f32 r2 c3 v5").unwrap();
        let inputs = Inputs::new(5, 0);
        let table = inputs.reader(&gather.tensors()[0]);
        assert_eq!(gather.index(1), 2);
        assert_eq!(gather.expected(inputs, &[4])[0], Expected { value: table(2 * 3 + 1), bound: 0.0 });
    }
}
