//! Interface that every workload family implements.

use super::dtype::Precision;
use super::parameters::Parameters;
use super::points::{self, Tile};
use super::tensor::{Expected, Inputs, Tensor};
use std::fmt;

/// Family of workloads: parameters, counts, tensors, oracle and error bound of its cases.
pub trait Workload: Clone + fmt::Debug + PartialEq {
    /// Name of the family, the first word of the key.
    const FAMILY: &'static str;
    /// Parses the key without its first word. Returns a message if a word is missing, unknown or out of
    /// range.
    fn parse(text: &str) -> Result<Self, String>;
    /// Returns the parameters, the key without its first word; [`Workload::parse`] reads their text back.
    fn parameters(&self) -> Parameters;
    /// Returns the number formats of inputs and accumulator.
    fn precision(&self) -> Precision;
    /// Returns the floating-point operations of one execution, by the project's convention. They may exceed
    /// 64 bits where every tensor can still be counted.
    fn flop(&self) -> u128;
    /// Returns the bytes that one execution must move: each input read once, each output written once.
    fn bytes(&self) -> u64 {
        self.tensors().iter().map(Tensor::bytes).sum()
    }
    /// Whether the headline rate is in bytes per second and not in FLOP/s.
    fn is_bandwidth(&self) -> bool {
        false
    }
    /// Returns the number of dependent steps if the headline is the time per step and not a rate; otherwise
    /// `None`.
    fn steps(&self) -> Option<u64> {
        None
    }
    /// Returns the logical tensors: the inputs, then exactly one output. A layer has the tensors of all its
    /// parts.
    fn tensors(&self) -> Vec<Tensor>;
    /// Returns the output shape as (rows, columns), from which the elements to verify are chosen.
    fn output_shape(&self) -> (u64, u64);
    /// Returns the indices of the output elements to verify, ascending, for a kernel that writes one `tile`
    /// per workgroup.
    fn points(&self, tile: Tile, seed: u32) -> Vec<u64> {
        let (rows, columns) = self.output_shape();
        points::choose(rows, columns, tile, seed)
    }
    /// Returns the oracle's value and error bound for each of the output elements `points`, which are
    /// ascending.
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected>;
    /// Returns the factor c of the error bound, which is stored in each result row.
    fn bound_factor(&self) -> f64;
}
