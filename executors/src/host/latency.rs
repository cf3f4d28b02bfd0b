//! Memory latency of the CPU: dependent loads by one thread.

use super::array::Array;
use super::work::Work;
use portamark_model::workload::{LINE, Latency};

/// Kernel of the latency case: a walk from cache line to cache line, where each load gives the next address.
pub struct Chase {
    lines: u32,
    steps: u32,
}

impl Chase {
    /// Creates the kernel of `latency`.
    pub fn new(latency: &Latency) -> Self {
        Chase { lines: latency.lines as u32, steps: latency.steps as u32 }
    }
}

impl Work for Chase {
    fn kernel(&self) -> String {
        "dependent loads".into()
    }

    fn run(&mut self, inputs: &[Array], output: &mut Array) {
        let (Array::I32(a), Array::I32(y)) = (&inputs[0], output) else { panic!("latency is of i32") };
        // The number of lines is a power of two, so that a mask gives the remainder.
        let mask = self.lines - 1;
        let end = (0..self.steps)
            .fold(0u32, |at, k| (a[at as usize * LINE as usize] as u32).wrapping_add(k) & mask);
        y[0] = end as i32;
    }
}
