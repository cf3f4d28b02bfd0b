//! Kernels of the `attention` family.

pub mod decode;
pub mod prefill;
pub mod reference;
mod sizes;
