//! Kernels of the `attention` family.

use super::registry::Kernel;

/// Preferred first.
pub const KERNELS: &[Kernel] = &[];
