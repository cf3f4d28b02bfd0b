//! Kernels of the `gemm` family.

pub mod direct;
pub mod reference;
pub(super) mod sizes;
pub mod tiled;
