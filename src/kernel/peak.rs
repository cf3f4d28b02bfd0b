//! Kernels of the `peak` family.

use super::registry::Kernel;

/// Preferred first.
pub const KERNELS: &[Kernel] = &[];
