//! Kernels of the `stream` family.

use super::registry::Kernel;

/// Preferred first.
pub const KERNELS: &[Kernel] = &[];
