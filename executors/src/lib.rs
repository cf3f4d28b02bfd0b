//! Executors run plans and cases on devices. This crate defines the protocol between the runner and an
//! executor, and contains the built-in executors.
//!
//! [`Executor`] is the runner's side. It sends requests to a child process ([`ChildExecutor`]), to a page in
//! a browser, or to a service in this process ([`InProcessExecutor`]). [`Service`] is the executor's side: it
//! answers the requests.
//!
//! ```
//! use portamark_executors::fake::{Fake, Script};
//! use portamark_executors::{Executor, InProcessExecutor, MakeService};
//! use std::time::Duration;
//!
//! let make = MakeService::new(|| Box::new(Fake::from_script(Script::default())));
//! let mut executor = InProcessExecutor::new(make);
//! let (_, devices) = executor.hello(Duration::from_secs(1))?;
//! assert_eq!(devices.len(), 1);
//! # Ok::<(), portamark_executors::Fault>(())
//! ```
//!
//! Cargo features: `wgpu` for GPUs through Vulkan, Metal or DX12, `host` for the CPU, `browser` for WebGPU in
//! a browser.

#[cfg(feature = "browser")]
mod browser;
mod child;
mod compilers;
pub mod fake;
mod family;
#[cfg(any(feature = "browser", feature = "wgpu"))]
mod generator;
#[cfg(unix)]
mod guard;
#[cfg(unix)]
mod guarding;
#[cfg(feature = "host")]
mod host;
mod in_process;
mod lengths;
pub mod loader;
mod own_limits;
mod post_mortem;
mod printed;
#[cfg(target_os = "linux")]
mod process_table;
pub mod protocol;
mod remote;
mod runtime;
pub mod serve;
#[cfg(feature = "wgpu")]
mod wgpu;

#[cfg(feature = "browser")]
pub use browser::{BrowserExecutor, BrowserServer, Ended, Progress, Say};
pub use child::{ChildExecutor, Program};
pub use compilers::{Compilers, VARIABLE as COMPILERS_VARIABLE, compiling_source};
pub use family::TemporaryFolder;
#[cfg(unix)]
pub use guard::guarded_by;
#[cfg(unix)]
pub use guarding::Guarding;
#[cfg(feature = "host")]
pub use host::HostService;
pub use in_process::{InProcessExecutor, MakeService};
pub use own_limits::limit_own_memory;
pub use printed::private_stdout;
pub use remote::{Executor, Fault, FaultKind};
pub use runtime::Runtime;
pub use serve::{Service, serve};
#[cfg(feature = "wgpu")]
pub use wgpu::WgpuService;
