//! What computes a case on the host's processor.

use super::array::Array;
use super::attention::HostAttention;
use super::latency::Chase;
use super::peak::Chains;
use super::product::{MatrixProduct, VectorProduct};
use super::stream::Pass;
use portamark_model::workload::Case;

/// A case that is ready to be computed, again and again.
pub trait Work: Send {
    /// What computes it, in the words of its row.
    fn kernel(&self) -> String;

    /// Bytes that it holds beside the buffers of its sets.
    fn held_bytes(&self) -> u64 {
        0
    }

    /// Computes `output` from `inputs`, the buffers of the case's inputs in their order, in the pool of
    /// threads that it is called in.
    fn run(&mut self, inputs: &[Array], output: &mut Array);
}

/// What computes `case`.
///
/// # Errors
/// In words, where nothing here does.
pub fn work(case: &Case) -> Result<Box<dyn Work>, String> {
    let none = |why: &str| Err(format!("the host executor {why}"));
    match case {
        Case::Gemm(gemm) => MatrixProduct::new(gemm).map(|work| Box::new(work) as Box<dyn Work>),
        Case::Gemv(gemv) => VectorProduct::new(gemv).map(|work| Box::new(work) as Box<dyn Work>),
        Case::Attention(attention) => {
            HostAttention::new(attention).map(|work| Box::new(work) as Box<dyn Work>)
        }
        Case::Stream(stream) => Ok(Box::new(Pass::new(stream))),
        Case::Peak(peak) => Chains::new(peak).map(|work| Box::new(work) as Box<dyn Work>),
        Case::Latency(latency) => Ok(Box::new(Chase::new(latency))),
        other => none(&format!(
            "has no {}; it computes products, attention, stream, peak and latency",
            other.family()
        )),
    }
}
