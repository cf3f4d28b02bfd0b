//! Kernels of the `gemm` family.

use super::registry::Kernel;

/// Preferred first.
pub const KERNELS: &[Kernel] = &[];
