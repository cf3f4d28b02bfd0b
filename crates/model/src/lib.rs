//! Data model of portamark: workloads with their oracles and error bounds, suites of cases, device
//! capabilities, kernel variants, and published figures of accelerators and models. The rest of portamark
//! uses these types.
//!
//! A case is one workload with all its parameters fixed; its text form is its key. FLOP and bytes are
//! counted exactly. A suite is a list of cases.
//!
//! ```
//! use portamark_model::suite::Suite;
//! use portamark_model::workload::Case;
//!
//! let case: Case = "gemm f16.f32 m4096 n4096 k4096 nt".parse()?;
//! assert_eq!(case.flop(), 2 * 4096 * 4096 * 4096);
//! // Operands and result take two bytes per element; only the accumulator is f32.
//! assert_eq!(case.bytes(), 3 * 4096 * 4096 * 2);
//!
//! let suite = Suite::resolve("quick")?;
//! assert!(suite.cases.iter().any(|case| case.family() == "attention"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Adding workloads
//!
//! [`Case`](workload::Case) is a closed list of families: plans, executors and the protocol must all know
//! what a family computes, so a family added from outside could be described but not run. Two things can be
//! added from outside: a kernel for an existing family, as a WGSL file with a header (`docs/kernels.md`),
//! and an executor that computes cases in its own way (`docs/executor-protocol.md`). A new family needs a
//! change to portamark itself; `CONTRIBUTING.md` lists the files to edit.

pub mod catalog;
pub mod compiled;
pub mod device;
pub mod error;
pub mod kernel_text;
pub mod plain_text;
pub mod plan;
pub mod possible;
pub mod privacy;
pub mod schema;
pub mod suite;
pub mod text_file;
pub mod units;
pub mod variant;
pub mod vendor;
pub mod workload;
