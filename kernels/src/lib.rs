//! WGSL kernels of portamark: the variants of each kernel, which of them a device can run, and the
//! rendering of a variant into a plan. A plan is plain data; this crate uses no GPU library.
//!
//! ```
//! use portamark_kernels::{KernelSource, candidates, default_plan};
//! use portamark_model::device::Capabilities;
//! use portamark_model::workload::Case;
//!
//! let device = Capabilities::example();
//! let case: Case = "gemm f32 m512 n512 k512 nn".parse()?;
//! assert!(candidates(&case, &device)?.len() > 1);
//!
//! let plan = default_plan(&case, &device, &KernelSource::embedded())?;
//! assert!(plan.steps[0].wgsl.contains("@compute"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To add a kernel, write one WGSL file and one entry in the file of its family.

mod attention;
mod budget;
mod elements;
mod entry;
mod error;
mod gather;
mod gemm;
mod gemv;
mod latency;
mod launch;
mod layer;
mod marks;
mod moe;
mod operand;
mod own;
mod peak;
mod ranges;
mod registry;
mod rendering;
mod rope;
mod rows;
mod source;
mod source_lines;
mod stream;
mod swiglu;
mod transpose;
mod tuning;
mod tuning_key;

pub use entry::Kernel;
pub use error::PlanError;
pub use layer::chain;
pub use operand::{needs_f16, operands};
pub use own::OwnKernel;
pub use registry::{candidates, default_plan, kernels, space};
pub use rendering::{Renderer, Rendering, Template};
pub use source::KernelSource;
pub use source_lines::EmbeddedTexts;
pub use tuning::{Choice, TunedEntry, TuningTable, WGPU_VERSION, choose, named};
pub use tuning_key::TuningKey;
