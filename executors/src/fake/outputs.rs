//! The simulated output buffers of a preparation: poisoned, correct, or wrong on purpose.

use super::script::Act;
use crate::protocol::{Failure, Response, encode_values, poison};
use portamark_model::workload::{Case, DType, Expected, Inputs, Tensor};

/// Outputs of all buffer sets of one preparation.
#[derive(Debug)]
pub(super) struct Outputs {
    pub case: Case,
    tensor: Tensor,
    inputs: Inputs,
    sets: Vec<Contents>,
}

/// State of the output of one buffer set.
#[derive(Debug, Clone, Copy, Default)]
struct Contents {
    /// Whether the first fifteen sixteenths of the elements are computed.
    body: bool,
    /// Whether the last sixteenth is computed.
    tail: bool,
    /// Whether some of the computed elements are wrong.
    wrong: bool,
}

impl Outputs {
    /// Creates `sets` poisoned outputs.
    pub fn new(case: Case, inputs: Inputs, sets: u32) -> Self {
        Outputs { tensor: case.output(), case, inputs, sets: vec![Contents::default(); sets as usize] }
    }

    /// Fills all outputs with the poison pattern.
    pub fn poison(&mut self) {
        self.sets.fill(Contents::default());
    }

    /// Returns how many of `k` executions from set `first_set` on find an output that is not computed.
    pub fn poisoned(&self, k: u32, first_set: u32) -> u32 {
        let sets = self.sets.len() as u64;
        let of = |execution| &self.sets[((u64::from(first_set) + execution) % sets) as usize];
        (0..u64::from(k).min(sets)).filter(|execution| !of(*execution).body).count() as u32
    }

    /// Updates the outputs as `k` executions would, with the failure `act` if there is one.
    pub fn compute(&mut self, k: u32, first_set: u32, act: Option<Act>) {
        let sets = self.sets.len() as u64;
        for execution in 0..u64::from(k).min(sets) {
            let contents = &mut self.sets[((u64::from(first_set) + execution) % sets) as usize];
            contents.body = true;
            contents.tail |= act != Some(Act::Unwritten);
            contents.wrong = act == Some(Act::Wrong);
        }
    }

    /// Returns the response to a `read` request, with the failure `act` if there is one.
    pub fn read(&self, set: u32, elements: &[u64], act: Option<Act>) -> Response {
        let refused = |reason| Response::Error { status: Failure::Failed, reason };
        let Some(mut contents) = self.sets.get(set as usize).copied() else {
            return refused(format!("there is no buffer set {set}"));
        };
        let len = self.case.output_len();
        if !elements.is_sorted_by(|a, b| a < b) || elements.last().is_some_and(|last| *last >= len) {
            return refused(format!("elements must ascend and be below {len}"));
        }
        contents.wrong |= act == Some(Act::Wrong);
        contents.tail &= act != Some(Act::Unwritten);
        // Number of elements that `Act::Unwritten` leaves poisoned.
        let tail = (len / 16).max(1);
        let poisoned = match contents {
            Contents { body: false, .. } => len,
            Contents { tail: false, .. } => tail,
            _ => 0,
        };
        let expected = if poisoned == len {
            vec![Expected { value: f64::NAN, bound: 0.0 }; elements.len()]
        } else {
            self.case.expected(Inputs { set, ..self.inputs }, elements)
        };
        let value = |(element, expected): (&u64, &Expected)| {
            if *element >= len - poisoned {
                return poison_value(self.tensor.dtype);
            }
            let exact = expected.value;
            // Large enough to exceed the error bound in the coarsest format too.
            let off = (8.0 * expected.bound).max(exact.abs() / 128.0).max(1e-3);
            let wrong = contents.wrong && element.is_multiple_of(16);
            self.tensor.dtype.round(if wrong { exact + off } else { exact })
        };
        let values: Vec<f64> = elements.iter().zip(&expected).map(value).collect();
        Response::Values { values: encode_values(&values), poisoned }
    }
}

fn poison_value(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => half::f16::from_bits(poison::BITS_16).to_f64(),
        DType::Bf16 => half::bf16::from_bits(poison::BITS_16).to_f64(),
        DType::I32 => f64::from(poison::BITS_32 as i32),
        _ => f64::from(f32::from_bits(poison::BITS_32)),
    }
}
