//! WHAT is computed: one file per family, each with its parameters, its exact FLOP and byte
//! counts, its inputs, its f64 oracle and its error bound. A workload never sees a GPU.
//!
//! A new family costs one file here and one line in the list in `case.rs`; CONTRIBUTING.md lists
//! what else it touches.

mod attention;
mod case;
mod convention;
mod distribution;
mod dtype;
mod gather;
mod gemm;
mod gemv;
pub mod generator;
mod latency;
mod launch;
mod layer;
mod matrix;
mod moe;
mod parameters;
mod peak;
pub mod points;
mod products;
mod rmsnorm;
mod rope;
mod softmax;
mod stream;
mod swiglu;
mod tensor;
mod transpose;

pub use attention::Attention;
pub use case::{Case, FAMILIES, ParseCaseError, Workload};
pub use convention::{Convention, Counted};
pub use distribution::Distribution;
pub use dtype::{DType, Grid, Precision};
pub use gather::Gather;
pub use gemm::{Gemm, Layout};
pub use gemv::{Gemv, MOST_VECTORS};
pub use latency::{LINE, Latency};
pub use launch::Launch;
pub use layer::Layer;
pub use matrix::Matrix;
pub use moe::{Moe, Routing};
pub use peak::{Peak, PeakUnit, STEPS_PER_ROUND};
pub use points::Tile;
pub use rmsnorm::{RMSNORM_EPSILON, RmsNorm};
pub use rope::Rope;
pub use softmax::Softmax;
pub use stream::{READ_BLOCK, Stream, StreamOp};
pub use swiglu::Swiglu;
pub use tensor::{Expected, Inputs, Part, Role, Tensor, dist_of};
pub use transpose::Transpose;
