//! HOW a case is computed: variants, pruning by device limits, and the rendering of
//! `kernels/*.wgsl` into a plan. A plan is data; no GPU library is named here.
//!
//! A new kernel costs one WGSL file and one entry in the file of its family.

mod attention;
mod capabilities;
mod elements;
mod entry;
mod error;
mod gather;
mod gemm;
mod gemv;
mod latency;
mod launch;
mod layer;
mod moe;
mod operand;
mod own;
mod peak;
mod plan;
mod ranges;
mod registry;
mod rope;
mod rows;
mod source;
mod source_lines;
mod stream;
mod swiglu;
mod transpose;
mod tuning;
mod tuning_key;
mod variant;

pub use capabilities::{Capabilities, DeviceLimits, DeviceType, Feature, MatrixShape, Takes, TimerKind};
pub use entry::Kernel;
pub use error::PlanError;
pub use layer::chain;
pub use operand::{is_packed, needs_f16, operands};
pub use own::OwnKernel;
pub use plan::{Binding, Buffer, ByteRange, Content, PARAMETER_STRIDE, Plan, READ_BACK, Step, spread};
pub use registry::{candidates, default_plan, kernels, space};
pub use source::KernelSource;
pub use source_lines::{SourceLine, code_lines, source_lines};
pub use tuning::{Choice, TUNING_VERSION, TunedEntry, TuningTable, WGPU_VERSION, choose, named};
pub use tuning_key::TuningKey;
pub use variant::{Path, Variant};
