//! WHERE a plan or case runs: the protocol, and the executors that speak it.

mod browser;
mod child;
pub mod fake;
mod host;
pub mod loader;
mod post_mortem;
pub mod protocol;
mod remote;
mod runtime;
pub mod serve;
mod wgpu;

pub use browser::{BrowserExecutor, BrowserServer, Ended, Progress, Say};
pub use child::{ChildExecutor, Program};
pub use host::HostService;
pub use remote::{Executor, Fault, FaultKind};
pub use runtime::{RUNTIMES, Runtime};
pub use serve::{Service, serve};
pub use wgpu::WgpuService;
