//! Kernels of the `attention` family.

mod cache;
pub mod coopmat;
pub mod decode;
mod lanes;
pub mod prefill;
pub mod reference;
mod sizes;
mod split;
pub mod two_pass;
