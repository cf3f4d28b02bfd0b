//! Logical tensors of a case, their memory layout, and the exact values of the inputs.

use super::distribution::Distribution;
use super::dtype::{DType, Grid};
use super::generator::Keys;
use serde::{Deserialize, Serialize};

/// Role of a tensor in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Input, filled by the generator before the run.
    Input,
    /// Output: poisoned, written by the kernel, and verified.
    Output,
}

/// Dense row-major tensor of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tensor {
    /// Name in the formula of the workload, e.g. `a`, `q`.
    pub name: String,
    /// Role: input or output.
    pub role: Role,
    /// Number format of an element.
    pub dtype: DType,
    /// Number of elements; at most 2³² − 1 because the generator counts in 32 bits.
    pub len: u64,
    /// Tensor number used by the generator; unique within a case, below 32.
    pub number: u32,
    /// Grid of values from which an input is drawn.
    pub grid: Grid,
    /// Binary exponent of the scale: inputs are multiplied by 2^scale.
    pub scale: i8,
    /// Contents that executors receive instead of generating them, as u32, e.g. the page table; `None` if
    /// the tensor is not such a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Vec<u32>>,
}

/// One of the buffers that hold a tensor: its elements, or the scales of its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Name of the tensor, followed by `_scales` for scales.
    pub name: String,
    /// Number format of an element, which has no scales of its own.
    pub dtype: DType,
    /// Number of elements.
    pub len: u64,
    /// Tensor number used by the generator.
    pub number: u32,
    /// Grid of values from which the elements are drawn.
    pub grid: Grid,
    /// Binary exponent of the scale: inputs are multiplied by 2^scale.
    pub scale: i8,
}

impl Part {
    /// Returns the distribution of this part if inputs have the distribution `dist`; scales are always
    /// uniform.
    pub fn dist(&self, dist: Distribution) -> Distribution {
        dist_of(self.number, dist)
    }
}

/// Returns the distribution of the tensor or scales with this number if inputs have the distribution
/// `dist`; scales are always uniform.
pub fn dist_of(number: u32, dist: Distribution) -> Distribution {
    if number < SCALES_FROM { dist } else { Distribution::Uniform }
}

/// Offset that is added to the number of a tensor to get the number of its scales.
const SCALES_FROM: u32 = 32;

impl Tensor {
    /// Creates an input drawn from the full grid of its format.
    pub fn input(name: &str, number: u32, dtype: DType, len: u64) -> Self {
        let grid = dtype.grid();
        Tensor { name: name.into(), role: Role::Input, dtype, len, number, grid, scale: 0, table: None }
    }

    /// Creates an input that holds `words`.
    pub fn table(name: &str, words: Vec<u32>) -> Self {
        let len = words.len() as u64;
        Tensor { table: Some(words), ..Tensor::input(name, 0, DType::I32, len) }
    }

    /// Creates an output of `len` elements.
    pub fn output(name: &str, dtype: DType, len: u64) -> Self {
        Tensor { role: Role::Output, ..Tensor::input(name, 0, dtype, len) }
    }

    /// Returns the tensor with values drawn from `grid`.
    pub fn on_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Returns the tensor with values multiplied by 2^scale.
    pub fn scaled(mut self, scale: i8) -> Self {
        self.scale = scale;
        self
    }

    /// Returns the size in bytes, including scales.
    pub fn bytes(&self) -> u64 {
        self.dtype.bytes(self.len)
    }

    /// Returns the buffers that hold the tensor: its elements, then the scales of its groups. An element of
    /// a format with scales is the product of its integer and its group's scale; the scales are drawn from
    /// [`Grid::SCALES`] so that values stay within [−1, 1].
    pub fn parts(&self) -> Vec<Part> {
        let part =
            |name: String, dtype, len, number, grid, scale| Part { name, dtype, len, number, grid, scale };
        let Some(group) = self.dtype.group() else {
            return vec![part(self.name.clone(), self.dtype, self.len, self.number, self.grid, self.scale)];
        };
        let integers = if self.dtype.bits() == 4 { DType::I4 } else { DType::I8 };
        let bits = if self.dtype.bits() == 4 { 3 } else { 7 };
        let scales = format!("{}_scales", self.name);
        let number = self.number + SCALES_FROM;
        vec![
            part(self.name.clone(), integers, self.len, self.number, integers.grid(), 0),
            part(scales, DType::F16, self.len.div_ceil(group), number, Grid::SCALES, self.scale - bits),
        ]
    }
}

/// Seed, buffer set and distribution that determine inputs; every rotated buffer set has its own values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    /// Seed of the run, from which all inputs derive.
    pub seed: u32,
    /// Index of the buffer set.
    pub set: u32,
    /// Distribution from which the inputs are drawn.
    pub dist: Distribution,
}

impl Inputs {
    /// Creates uniform inputs of the buffer set `set`.
    pub const fn new(seed: u32, set: u32) -> Self {
        Inputs { seed, set, dist: Distribution::Uniform }
    }

    /// Returns inputs with the same seed and set, drawn from `dist`.
    pub const fn of(self, dist: Distribution) -> Self {
        Inputs { dist, ..self }
    }

    /// Returns the number that the generator uses for tensor `number` in this set.
    pub fn stream(self, number: u32) -> u32 {
        self.set * 64 + number
    }

    /// Returns a function from the index of an element of `tensor` to its exact value.
    pub fn reader(self, tensor: &Tensor) -> impl Fn(u64) -> f64 + use<> {
        let group = tensor.dtype.group();
        let read: Vec<_> = tensor
            .parts()
            .iter()
            .map(|part| {
                let keys = Keys::new(self.seed, self.stream(part.number));
                (keys, part.grid, part.scale, part.dist(self.dist))
            })
            .collect();
        let value = move |part: usize, index: u64| {
            let (keys, grid, scale, dist) = read[part];
            keys.value(index as u32, grid, scale, dist)
        };
        move |index| match group {
            None => value(0, index),
            Some(group) => value(0, index) * value(1, index / group),
        }
    }
}

/// Result of the oracle for one output element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Value computed in f64 from the exact inputs.
    pub value: f64,
    /// Largest |out − value| that rounding can explain.
    pub bound: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_with_a_scale_is_the_product_of_two_parts() {
        let tensor = Tensor::input("b", 2, DType::Q8_0, 64);
        let parts = tensor.parts();
        assert_eq!((parts[0].name.as_str(), parts[0].dtype, parts[0].len), ("b", DType::I8, 64));
        assert_eq!((parts[1].name.as_str(), parts[1].dtype, parts[1].len), ("b_scales", DType::F16, 2));
        let inputs = Inputs::new(3, 1);
        let integer = Keys::new(3, 64 + 2).value(40, Grid { limit: 127, shift: 0 }, 0, Distribution::Uniform);
        let scale = Keys::new(3, 64 + 34).value(1, Grid::SCALES, -7, Distribution::Uniform);
        assert_eq!(inputs.reader(&tensor)(40), integer * scale);
        // Only the elements have another distribution.
        let zeros = inputs.of(Distribution::Zeros);
        assert!((0..64).all(|i| zeros.reader(&tensor)(i) == 0.0));
        assert_eq!(parts[1].dist(Distribution::Zeros), Distribution::Uniform);
        assert!((0..64).all(|i| inputs.reader(&tensor)(i).abs() <= 1.0));
    }
}
