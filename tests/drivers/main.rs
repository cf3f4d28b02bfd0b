//! Kernels, measuring and whole runs on real drivers.
//!
//! `./test` runs this once for each software driver, chosen by the Vulkan loader's own variable.
//! Without any device the tests pass with a note, unless PORTAMARK_REQUIRE_DEVICE is set.

mod attention_matrices;
mod cache;
mod device;
mod every_variant;
#[cfg(target_os = "linux")]
mod gpu_day;
mod inputs;
#[cfg(unix)]
mod isolation;
#[cfg(target_os = "linux")]
mod manifests;
mod matrices;
mod proofs;
mod shapes;
mod shares;
mod start;
mod whole_runs;
