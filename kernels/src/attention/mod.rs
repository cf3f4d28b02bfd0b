//! Kernels of the `attention` family: several for prefill and for decode, and a plain one.

mod cache;
pub mod coopmat;
pub mod decode;
mod lanes;
pub mod prefill;
pub mod reference;
mod sizes;
mod split;
pub mod split_coopmat;
pub mod two_pass;
