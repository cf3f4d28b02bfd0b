//! Cost of a kernel launch: `d` dispatches that depend on each other and do almost nothing.
//!
//! The first dispatch writes x + 1, and each of the others adds 1 to the value it finds, so y = x + d. Each
//! waits for the one before it, as the small kernels of a decode step do.

use super::dtype::{DType, Grid, Precision};
use super::family::Workload;
use super::parameters::{Parameters, Words};
use super::tensor::{Expected, Inputs, Tensor};

/// Chain of dependent dispatches of one invocation each.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// Number of dispatches of one execution; at most 1024.
    pub dispatches: u64,
}

impl Workload for Launch {
    const FAMILY: &'static str = "launch";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let format = words.first("the format, i32")?;
        if format != "i32" {
            return Err(format!("`{format}`: launch counts in i32"));
        }
        let dispatches = words.number("d")?;
        words.finish()?;
        if dispatches > 1024 {
            return Err(format!("d{dispatches}: there are at most 1024 dispatches"));
        }
        Ok(Launch { dispatches })
    }

    fn parameters(&self) -> Parameters {
        Parameters::of(self.precision()).size("d", self.dispatches)
    }

    fn precision(&self) -> Precision {
        Precision::of(DType::I32, DType::I32)
    }

    fn flop(&self) -> u128 {
        0
    }

    fn steps(&self) -> Option<u64> {
        Some(self.dispatches)
    }

    fn tensors(&self) -> Vec<Tensor> {
        let grid = Grid { limit: 1 << 20, shift: 0 };
        vec![Tensor::input("x", 1, DType::I32, 1).on_grid(grid), Tensor::output("y", DType::I32, 1)]
    }

    fn output_shape(&self) -> (u64, u64) {
        (1, 1)
    }

    fn bound_factor(&self) -> f64 {
        0.0
    }

    /// The result is exact, so the bound is 0.
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let x = inputs.reader(&self.tensors()[0]);
        points.iter().map(|_| Expected { value: x(0) + self.dispatches as f64, bound: 0.0 }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dispatch_adds_one() {
        let launch = Launch::parse("i32 d64").unwrap();
        assert_eq!((launch.bytes(), launch.steps()), (8, Some(64)));
        let inputs = Inputs::new(5, 0);
        let x = inputs.reader(&launch.tensors()[0])(0);
        assert_eq!(launch.expected(inputs, &[0])[0], Expected { value: x + 64.0, bound: 0.0 });
        assert!(Launch::parse("i32 d5000").is_err());
    }
}
