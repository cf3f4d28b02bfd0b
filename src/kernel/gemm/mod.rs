//! Kernels of the `gemm` family.

pub mod coopmat;
pub mod direct;
pub mod reference;
mod sizes;
pub mod tiled;
