//! Memory bandwidth of the CPU: each thread processes its part of the arrays.

use super::array::Array;
use super::vector::{sum, vectorized};
use super::work::Work;
use portamark_model::workload::{READ_BLOCK, Stream, StreamOp};
use rayon::prelude::*;

/// Kernel of the stream case: one pass over arrays of f32.
pub struct Pass(StreamOp);

impl Pass {
    /// Creates the kernel of `stream`.
    pub fn new(stream: &Stream) -> Self {
        Pass(stream.op)
    }
}

fn plain(array: &Array) -> &[f32] {
    match array {
        Array::F32(elements) => elements,
        _ => panic!("stream moves f32"),
    }
}

impl Work for Pass {
    fn kernel(&self) -> String {
        "vector loop".into()
    }

    fn run(&mut self, inputs: &[Array], output: &mut Array) {
        let Array::F32(output) = output else { panic!("stream moves f32") };
        let read = self.0.arrays_read() as usize;
        let arrays: Vec<&[f32]> = inputs[..read].iter().map(plain).collect();
        let s = if self.0.uses_scalar() { plain(&inputs[read])[0] } else { 0.0 };
        // `StreamOp::Read` writes one sum per block, so threads get whole blocks.
        let block = READ_BLOCK as usize;
        let of_output = if self.0 == StreamOp::Read { 1 } else { block };
        let blocks = output.len() / of_output;
        let each = blocks.div_ceil(rayon::current_num_threads()).max(1);
        output.par_chunks_mut(each * of_output).with_max_len(1).enumerate().for_each(|(number, y)| {
            let start = number * each * block;
            let len = if self.0 == StreamOp::Read { y.len() * block } else { y.len() };
            let part = |at: usize| &arrays[at][start..start + len];
            vectorized(
                #[inline(always)]
                || match self.0 {
                    StreamOp::Copy => y.copy_from_slice(part(0)),
                    StreamOp::Write => y.fill(s),
                    StreamOp::Scale => y.iter_mut().zip(part(0)).for_each(|(y, a)| *y = s * a),
                    StreamOp::Add => {
                        y.iter_mut().zip(part(0).iter().zip(part(1))).for_each(|(y, (a, b))| *y = a + b);
                    }
                    StreamOp::Triad => {
                        y.iter_mut().zip(part(0).iter().zip(part(1))).for_each(|(y, (a, b))| *y = a + s * b);
                    }
                    StreamOp::Read => y.iter_mut().zip(part(0).chunks(block)).for_each(|(y, a)| *y = sum(a)),
                },
            );
        });
    }
}
