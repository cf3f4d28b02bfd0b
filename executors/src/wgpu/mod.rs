//! The GPU executor: runs WGSL plans through wgpu on Vulkan, Metal or DX12. Only this folder uses wgpu. The
//! executor runs in a child process; see [`super::child`].

mod adapters;
#[cfg(not(target_vendor = "apple"))]
mod declarations;
#[cfg(not(target_vendor = "apple"))]
mod executables;
#[cfg(not(target_vendor = "apple"))]
mod foreign;
mod gpu;
mod inspection;
mod layouts;
mod prepared;
mod problem;
mod service;
mod subgroups;
#[cfg(not(target_vendor = "apple"))]
mod vulkan;

pub use service::WgpuService;
