//! Computes cases on the host's processor: products by the `gemm` crate, the rest by loops that use
//! the machine's vector units through `pulp`. Its rows are the baseline of every machine, and all
//! there is on one without a GPU driver.

mod array;
mod attention;
mod few_rows;
mod latency;
mod peak;
mod processor;
mod product;
mod service;
mod stream;
mod unpack;
mod vector;
mod work;

pub use service::HostService;
