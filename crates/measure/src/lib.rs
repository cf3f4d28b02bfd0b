//! The measuring method: timer self-test, verification against an f64 oracle, warm-up, batched sampling with
//! buffer rotation, stopping rule, clock sentinels, and kernel tuning. It works with any executor that speaks
//! the protocol.
//!
//! ```
//! use portamark_executors::fake::{Fake, Script};
//! use portamark_kernels::{KernelSource, default_plan};
//! use portamark_measure::{Config, Session, measure, test_timer};
//! use portamark_model::workload::Case;
//!
//! let (mut executor, device) = (Fake::from_script(Script::default()), Script::device());
//! let (config, source) = (Config::default(), KernelSource::embedded());
//! let timer = test_timer(&mut executor, &device, &config, &source)?;
//! let case: Case = "gemm f32 m64 n64 k64 nn".parse()?;
//! let plan = default_plan(&case, &device, &source)?;
//! let mut session = Session::new(&mut executor, &device, &timer);
//! let measured = measure(&mut session, &config, &case, Some(&plan), None);
//! assert!(measured.timing.unwrap().summary.median > 0.0);
//! assert!(measured.verification.unwrap().passed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch_time;
mod budget;
mod cache;
mod config;
pub mod conformance;
mod decoy;
mod evidence;
mod fixed_work;
mod freshness;
mod host;
mod interleaved;
mod measurement;
mod memory;
mod prove;
mod rotating;
mod rotation;
mod sampling;
mod self_test;
mod sentinel;
mod session;
mod settle;
mod tune;
mod tuning_order;
mod verify;

pub use budget::{Budget, Predictor};
pub use cache::{assumed_cache, measure_cache};
pub use config::{Config, METHOD};
pub use host::{Host, HostMemory};
pub use interleaved::{Contestant, measure_interleaved};
pub use measurement::{Ended, Measurement, measure};
pub use memory::{TooLarge, fits, memory_limit};
pub use prove::prove;
pub use self_test::{self_test, test_timer};
pub use sentinel::Sentinels;
pub use session::Session;
pub use settle::settle;
pub use tune::{Effort, FINAL, Fate, Tuned, Untuned, tune};
pub use tuning_order::Experience;
pub use verify::{Oracle, OutputProof};
