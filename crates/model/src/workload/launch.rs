//! The cost of a dispatch: `d` dispatches that depend on each other and do next to nothing.
//!
//! The first writes x + 1, each other one adds 1 to what it finds: y = x + d. Each waits for the one
//! before it, as the small kernels of a decode step do.

use super::case::Workload;
use super::dtype::{DType, Grid, Precision};
use super::parameters::Words;
use super::tensor::{Expected, Inputs, Tensor};

/// A chain of dispatches of one invocation each.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// Dispatches of one execution.
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

    fn parameters(&self) -> String {
        format!("i32 d{}", self.dispatches)
    }

    fn precision(&self) -> Precision {
        Precision::of(DType::I32, DType::I32)
    }

    fn flop(&self) -> u64 {
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

    /// Exact.
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
