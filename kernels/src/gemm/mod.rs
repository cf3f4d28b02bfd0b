//! Kernels of the `gemm` family (matrix products).

pub mod coopmat;
pub mod direct;
pub mod dot4;
mod packing;
pub mod reference;
pub(super) mod sizes;
mod space;
mod split;
pub mod tiled;
