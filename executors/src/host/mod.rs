//! The CPU executor: computes matrix products with the `gemm` crate, and everything else with loops that use
//! the CPU's vector units through `pulp`. Its results are the baseline of every machine, and the only results
//! on a machine without a GPU driver.

mod array;
mod attention;
mod few_rows;
mod latency;
mod peak;
mod processor;
mod product;
mod registry;
mod service;
mod stream;
mod unpack;
mod vector;
mod work;

pub use service::HostService;
