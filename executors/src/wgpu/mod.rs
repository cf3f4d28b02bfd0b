//! The GPU executor: WGSL plans through wgpu on Vulkan, Metal or DX12. The only folder that names
//! wgpu. It runs in a child process; see [`super::child`].

mod adapters;
mod gpu;
mod prepared;
mod service;

pub use service::WgpuService;
