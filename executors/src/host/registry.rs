//! Selects the kernel that computes a case on the CPU.

use super::attention::HostAttention;
use super::latency::Chase;
use super::peak::Chains;
use super::product::{MatrixProduct, VectorProduct};
use super::stream::Pass;
use super::work::Work;
use portamark_model::workload::Case;

/// Returns the kernel that computes `case`.
///
/// # Errors
/// Returns a message if no kernel supports the case or its memory cannot be allocated.
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
