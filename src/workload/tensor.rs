//! Logical tensors of a case, and the exact values of its inputs.

use super::dtype::{DType, Grid};
use super::generator::Keys;
use serde::{Deserialize, Serialize};

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Filled by the generator before the run.
    Input,
    /// Poisoned, written by the kernel, and checked.
    Output,
}

/// A dense row-major tensor of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tensor {
    /// Name in the formula, e.g. `a`, `q`.
    pub name: String,
    /// Input or output.
    pub role: Role,
    /// Format of an element.
    pub dtype: DType,
    /// Number of elements; at most 2³² − 1 because the generator counts in 32 bits.
    pub len: u64,
    /// The generator's tensor number; unique within a case, below 64.
    pub number: u32,
    /// The values an input is drawn from.
    pub grid: Grid,
    /// Inputs are multiplied by 2^scale.
    pub scale: i8,
}

impl Tensor {
    /// An input drawn from the full grid of its format.
    pub fn input(name: &str, number: u32, dtype: DType, len: u64) -> Self {
        Tensor { name: name.into(), role: Role::Input, dtype, len, number, grid: dtype.grid(), scale: 0 }
    }

    /// An output.
    pub fn output(name: &str, dtype: DType, len: u64) -> Self {
        Tensor { role: Role::Output, ..Tensor::input(name, 0, dtype, len) }
    }

    /// The same tensor drawn from `grid`.
    pub fn on_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// The same tensor multiplied by 2^scale.
    pub fn scaled(mut self, scale: i8) -> Self {
        self.scale = scale;
        self
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        self.len * self.dtype.size()
    }
}

/// The inputs of one rotated buffer set: every set has its own values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    /// Seed of the run.
    pub seed: u32,
    /// Which buffer set.
    pub set: u32,
}

impl Inputs {
    /// The generator's number of tensor `number` in this set.
    pub fn stream(self, number: u32) -> u32 {
        self.set * 64 + number
    }

    /// A reader of the exact values of `tensor`.
    pub fn reader(self, tensor: &Tensor) -> impl Fn(u64) -> f64 + use<> {
        let keys = Keys::new(self.seed, self.stream(tensor.number));
        let (grid, scale) = (tensor.grid, tensor.scale);
        move |index| keys.value(index as u32, grid, scale)
    }
}

/// What the oracle says of one output element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The value in f64 from the exact inputs.
    pub value: f64,
    /// Largest |out − value| that rounding can explain.
    pub bound: f64,
}
