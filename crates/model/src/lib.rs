//! What is computed, and on what: workloads with their oracles and error bounds, suites of cases, what a
//! device says of itself, the variants of kernels, and published figures of accelerators and models.
//! The rest of portamark speaks of these.
//!
//! A case is one workload with all its parameters; its text form is its key. FLOP and bytes are counted
//! exactly, and a suite is a list of cases.
//!
//! ```
//! use portamark_model::suite::Suite;
//! use portamark_model::workload::Case;
//!
//! let case: Case = "gemm f16.f32 m4096 n4096 k4096 nt".parse()?;
//! assert_eq!(case.flop(), 2 * 4096 * 4096 * 4096);
//! // Operands and result in two bytes each; only the sums are f32.
//! assert_eq!(case.bytes(), 3 * 4096 * 4096 * 2);
//!
//! let suite = Suite::resolve("quick")?;
//! assert!(suite.cases.iter().any(|case| case.family() == "attention"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Workloads of one's own
//!
//! [`Case`](workload::Case) is a closed list of families: plans, executors and the protocol each have to know
//! what a family computes, so one that is added from outside could be described but not run. What can be
//! added from outside is a kernel for a family that exists, as a WGSL file with a header
//! (`docs/kernels.md`), and an executor that computes cases in its own way
//! (`docs/executor-protocol.md`). A new family is a change of portamark; `CONTRIBUTING.md` lists its files.

pub mod catalog;
pub mod device;
pub mod error;
pub mod kernel_text;
pub mod plan;
pub mod schema;
pub mod suite;
pub mod units;
pub mod variant;
pub mod workload;
