//! Matrix products with the `gemm` crate, and memory-bound products of a matrix with a few vectors, as loops
//! over the rows of the weights.

use super::array::Array;
use super::unpack::{BLOCK, Operand, store, store_all};
use super::vector::dot;
use super::work::Work;
use gemm::Parallelism;
use portamark_model::workload::{DType, Gemm, Gemv, Precision, Tensor, Workload};
use rayon::prelude::*;

/// Name and version of the crate, for the result rows.
const CRATE: &str = "gemm crate 0.19";

/// Sizes and strides, in elements, of one product C = A·B of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Number of rows of A and C.
    pub m: usize,
    /// Number of columns of B and C.
    pub n: usize,
    /// Number of columns of A and of rows of B.
    pub k: usize,
    /// Row stride and column stride of A.
    pub a: (isize, isize),
    /// Row stride and column stride of B.
    pub b: (isize, isize),
    /// Row stride of C; its column stride is 1.
    pub c: isize,
}

/// Computes C = A·B, or C = C + A·B if `add` is set, with `threads` threads.
///
/// # Panics
/// Panics if a slice is too short for the shape.
pub fn product<T: 'static + Copy>(
    shape: Shape,
    a: &[T],
    b: &[T],
    c: &mut [T],
    [zero, one]: [T; 2],
    add: bool,
    threads: usize,
) {
    let Shape { m, n, k, .. } = shape;
    let last = |rows: usize, columns: usize, (row, column): (isize, isize)| {
        rows.saturating_sub(1) * row as usize + columns.saturating_sub(1) * column as usize
    };
    assert!(last(m, k, shape.a) < a.len() && last(k, n, shape.b) < b.len());
    assert!(last(m, n, (shape.c, 1)) < c.len());
    let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
    // SAFETY: the last element of each matrix is within its slice, and C is borrowed exclusively.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            shape.c,
            add,
            a.as_ptr(),
            shape.a.1,
            shape.a.0,
            b.as_ptr(),
            shape.b.1,
            shape.b.0,
            if add { one } else { zero },
            one,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Preparation of the operands for the `gemm` crate.
enum Way {
    /// All tensors are f32 and are used as they are.
    Plain,
    /// In each execution, operands are unpacked to f32, and the product is rounded to the format of the
    /// output. A buffer is empty if its tensor is f32.
    Unpacked { a: Vec<f32>, b: Vec<f32>, c: Vec<f32> },
}

/// Kernel of the gemm case: one matrix product or a batch.
pub struct MatrixProduct {
    batch: usize,
    shape: Shape,
    operands: [Tensor; 2],
    way: Way,
}

/// Returns a message if `precision` does not accumulate in f32.
fn in_f32(precision: Precision) -> Result<(), String> {
    match precision.accumulate {
        DType::F32 => Ok(()),
        DType::F16 => Err("the host executor sums in f32, not in f16".into()),
        other => Err(format!("the host executor sums in f32, not in {other}")),
    }
}

impl MatrixProduct {
    /// Creates the kernel of `gemm`.
    ///
    /// # Errors
    /// Returns a message if the case does not accumulate in f32, or if there is not enough memory.
    pub fn new(gemm: &Gemm) -> Result<Self, String> {
        in_f32(gemm.precision)?;
        let (m, n, k) = (gemm.m as isize, gemm.n as isize, gemm.k as isize);
        let shape = Shape {
            m: m as usize,
            n: n as usize,
            k: k as usize,
            a: if gemm.layout.a_transposed() { (1, m) } else { (k, 1) },
            b: if gemm.layout.b_transposed() { (1, k) } else { (n, 1) },
            c: n,
        };
        let [a, b, c]: [Tensor; 3] = gemm.tensors().try_into().expect("a product has three tensors");
        let room = |tensor: &Tensor| {
            let mut room = Vec::new();
            let needed = if tensor.dtype == DType::F32 { 0 } else { tensor.len as usize };
            room.try_reserve_exact(needed).map_err(|_| format!("no room to unpack {}", tensor.name))?;
            room.resize(needed, 0f32);
            Ok::<_, String>(room)
        };
        let is_plain = [&a, &b, &c].iter().all(|tensor| tensor.dtype == DType::F32);
        let way =
            if is_plain { Way::Plain } else { Way::Unpacked { a: room(&a)?, b: room(&b)?, c: room(&c)? } };
        Ok(MatrixProduct { batch: gemm.batch as usize, shape, operands: [a, b], way })
    }
}

/// Computes all products of a batch: in parallel with one thread each if there are at least as many products as
/// threads, otherwise one after another with all threads.
fn batched(batch: usize, shape: Shape, a: &[f32], b: &[f32], c: &mut [f32]) {
    let threads = rayon::current_num_threads();
    let (of_a, of_b, of_c) = (shape.m * shape.k, shape.k * shape.n, shape.m * shape.n);
    let one = |number: usize, c: &mut [f32], threads: usize| {
        let (a, b) = (&a[number * of_a..][..of_a], &b[number * of_b..][..of_b]);
        product(shape, a, b, c, [0.0, 1.0], false, threads);
    };
    if batch >= threads && batch > 1 {
        c.par_chunks_mut(of_c).enumerate().for_each(|(number, c)| one(number, c, 1));
    } else {
        c.chunks_mut(of_c).enumerate().for_each(|(number, c)| one(number, c, threads));
    }
}

impl Work for MatrixProduct {
    fn kernel(&self) -> String {
        match self.way {
            Way::Plain => format!("{CRATE}, f32"),
            Way::Unpacked { .. } => format!("{CRATE}, f32 after unpacking"),
        }
    }

    fn held_bytes(&self) -> u64 {
        match &self.way {
            Way::Plain => 0,
            Way::Unpacked { a, b, c } => 4 * (a.len() + b.len() + c.len()) as u64,
        }
    }

    fn run(&mut self, inputs: &[Array], output: &mut Array) {
        let (a, rest) = Operand::take(&self.operands[0], inputs);
        let (b, _) = Operand::take(&self.operands[1], rest);
        match (&mut self.way, output) {
            (Way::Plain, Array::F32(c)) => {
                let (a, b) = (a.plain().expect("plain"), b.plain().expect("plain"));
                batched(self.batch, self.shape, a, b, c);
            }
            (Way::Unpacked { a: a_room, b: b_room, c: c_room }, output) => {
                let unpacked = |operand: Operand, room: &mut [f32]| {
                    if operand.plain().is_none() {
                        operand.unpack(room);
                    }
                };
                unpacked(a, a_room);
                unpacked(b, b_room);
                let a = a.plain().unwrap_or(a_room);
                let b = b.plain().unwrap_or(b_room);
                match output {
                    Array::F32(c) => batched(self.batch, self.shape, a, b, c),
                    output => {
                        batched(self.batch, self.shape, a, b, c_room);
                        store_all(c_room, output);
                    }
                }
            }
            (Way::Plain, _) => unreachable!("a plain product has a plain output"),
        }
    }
}

/// Kernel of the gemv case: Y = X·Wᵀ for a few vectors X. Each thread processes a part of the rows of W.
pub struct VectorProduct {
    m: usize,
    n: usize,
    k: usize,
    operands: [Tensor; 2],
    x: Vec<f32>,
    /// Yᵀ, so that the results of one row of W are contiguous.
    y: Vec<f32>,
}

impl VectorProduct {
    /// Creates the kernel of `gemv`.
    ///
    /// # Errors
    /// Returns a message if the case does not accumulate in f32.
    pub fn new(gemv: &Gemv) -> Result<Self, String> {
        let Gemm { precision, m, n, k, .. } = gemv.product;
        in_f32(precision)?;
        let [x, w, _]: [Tensor; 3] = gemv.tensors().try_into().expect("a product has three tensors");
        Ok(VectorProduct {
            m: m as usize,
            n: n as usize,
            k: k as usize,
            operands: [x, w],
            x: vec![0.0; (m * k) as usize],
            y: vec![0.0; (m * n) as usize],
        })
    }
}

impl Work for VectorProduct {
    fn kernel(&self) -> String {
        "dot products by row".into()
    }

    fn held_bytes(&self) -> u64 {
        4 * (self.x.len() + self.y.len()) as u64
    }

    fn run(&mut self, inputs: &[Array], output: &mut Array) {
        let (x, rest) = Operand::take(&self.operands[0], inputs);
        let (w, _) = Operand::take(&self.operands[1], rest);
        let (m, n, k) = (self.m, self.n, self.k);
        match x.plain() {
            Some(x) => self.x.copy_from_slice(x),
            None => x.unpack(&mut self.x),
        }
        let x = &self.x;
        let rows_each = n.div_ceil(4 * rayon::current_num_threads()).max(1);
        self.y.par_chunks_mut(rows_each * m).enumerate().for_each(|(number, y)| {
            let mut block = [0f32; BLOCK];
            for (at, y) in y.chunks_mut(m).enumerate() {
                let row = (number * rows_each + at) * k;
                y.fill(0.0);
                for start in (0..k).step_by(BLOCK) {
                    let len = BLOCK.min(k - start);
                    let weights = w.read(row + start, len, &mut block);
                    for (vector, y) in y.iter_mut().enumerate() {
                        *y += dot(weights, &x[vector * k + start..][..len]);
                    }
                }
            }
        });
        if m == 1 {
            store(&self.y, output, 0);
            return;
        }
        let mut line = vec![0f32; n];
        for vector in 0..m {
            line.iter_mut().enumerate().for_each(|(row, value)| *value = self.y[row * m + vector]);
            store(&line, output, vector * n);
        }
    }
}
