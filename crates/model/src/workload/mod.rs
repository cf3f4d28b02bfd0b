//! Workloads: one file per family, with its parameters, exact FLOP and byte counts, inputs, f64 oracle and
//! error bound. Workload code never uses a GPU.
//!
//! A new family needs one file here and one name in the list in `case.rs`; CONTRIBUTING.md lists the other
//! files to change.

mod attention;
mod case;
mod convention;
mod distribution;
mod dtype;
mod family;
mod gather;
mod gemm;
mod gemv;
pub mod generator;
mod latency;
mod launch;
mod layer;
mod matrix;
mod moe;
mod order;
mod parameters;
mod peak;
pub mod points;
mod products;
mod rmsnorm;
mod rope;
mod routing;
mod softmax;
mod stream;
mod swiglu;
mod tensor;
mod transpose;

pub use attention::Attention;
pub use case::{Case, FAMILIES, ParseCaseError};
pub use convention::{Convention, Counted};
pub use distribution::Distribution;
pub use dtype::{DType, Grid, Precision};
pub use family::Workload;
pub use gather::Gather;
pub use gemm::{Gemm, Layout};
pub use gemv::{Gemv, MOST_VECTORS};
pub use latency::{LINE, Latency};
pub use launch::Launch;
pub use layer::Layer;
pub use matrix::Matrix;
pub use moe::{MOST_ROWS, Moe};
pub use order::compare_keys;
pub use parameters::{Parameter, Parameters};
pub use peak::{Peak, PeakUnit, STEPS_PER_ROUND};
pub use points::Tile;
pub use rmsnorm::{RMSNORM_EPSILON, RmsNorm};
pub use rope::Rope;
pub use routing::{Routing, key_of_older_row};
pub use softmax::Softmax;
pub use stream::{READ_BLOCK, Stream, StreamOp};
pub use swiglu::Swiglu;
pub use tensor::{Expected, Inputs, Part, Role, Tensor, dist_of};
pub use transpose::Transpose;
