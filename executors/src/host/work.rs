//! Interface of all kernels of the CPU executor.

use super::array::Array;

/// Kernel prepared for one case, which can run any number of times.
pub trait Work: Send {
    /// Returns the name of the kernel for the result row.
    fn kernel(&self) -> String;

    /// Returns the size of its temporary buffers in bytes, excluding the buffers of the sets.
    fn held_bytes(&self) -> u64 {
        0
    }

    /// Computes `output` from `inputs`, the buffers of the case's inputs in order. It uses the thread pool from
    /// which it is called.
    fn run(&mut self, inputs: &[Array], output: &mut Array);
}
