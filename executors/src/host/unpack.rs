//! Conversion of elements of any format to f32, in which the CPU computes, and of results to their format.

use super::array::{Array, e4m3_value};
use super::vector::vectorized;
use half::f16;
use half::slice::HalfFloatSliceExt;
use portamark_model::workload::Tensor;
use rayon::prelude::*;
use std::sync::LazyLock;

/// Number of elements that are unpacked at a time, so that they stay in the L1 cache.
pub const BLOCK: usize = 1024;

/// Number of consecutive elements that always share a scale: the size of the smallest group.
const SCALED: usize = 32;
/// Bit offsets of the eight 4-bit integers in a 32-bit word.
const HALVES: [u32; 8] = [0, 8, 16, 24, 4, 12, 20, 28];

static E4M3: LazyLock<[f32; 256]> = LazyLock::new(|| std::array::from_fn(|bits| e4m3_value(bits as u8)));

/// Tensor of any format: its elements, and the scales of its groups if the format has them.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a> {
    elements: &'a Array,
    scales: Option<(&'a [f16], usize)>,
}

impl<'a> Operand<'a> {
    /// Takes the one or two buffers of `tensor` from the front of `parts`. Also returns the remaining parts.
    ///
    /// # Panics
    /// Panics if `parts` does not begin with the buffers of `tensor`.
    pub fn take(tensor: &Tensor, parts: &'a [Array]) -> (Self, &'a [Array]) {
        match (tensor.dtype.group(), parts) {
            (None, [elements, rest @ ..]) => (Operand { elements, scales: None }, rest),
            (Some(group), [elements, Array::F16(scales), rest @ ..]) => {
                (Operand { elements, scales: Some((scales, group as usize)) }, rest)
            }
            _ => panic!("tensor {} has no buffer", tensor.name),
        }
    }

    /// Returns `len` elements from `start` on as f32: a slice of the buffer if it is f32, otherwise converted
    /// into `block`. If there are scales, `start` must be the first element of a group; for 4-bit formats it
    /// must also be a multiple of 8.
    #[inline]
    pub fn read<'b>(&self, start: usize, len: usize, block: &'b mut [f32]) -> &'b [f32]
    where
        'a: 'b,
    {
        if let Array::F32(elements) = self.elements {
            return &elements[start..start + len];
        }
        let block = &mut block[..len];
        vectorized(
            #[inline(always)]
            || self.read_narrow(start, block),
        );
        block
    }

    #[inline(always)]
    fn read_narrow(&self, start: usize, block: &mut [f32]) {
        let end = start + block.len();
        let scale = |at: usize| {
            self.scales.map_or(1.0, |(scales, group)| wide(scales[(start + at * SCALED) / group].to_bits()))
        };
        match self.elements {
            Array::F32(elements) => block.copy_from_slice(&elements[start..end]),
            Array::F16(elements) => {
                each(block, &elements[start..end], |half| wide(half.to_bits()));
            }
            // bf16 is the upper half of an f32.
            Array::Bf16(elements) => {
                each(block, &elements[start..end], |half| f32::from_bits(u32::from(half.to_bits()) << 16));
            }
            Array::E4m3(bytes) => {
                let table = &*E4M3;
                each(block, &bytes[start..end], |bits| table[usize::from(*bits)]);
            }
            Array::I32(_) => unreachable!("f32 does not hold every i32, which is no operand"),
            // Chunks of constant length let the compiler reduce these loops to a few vector instructions.
            Array::I8(elements) => {
                let (groups, rest) = block.as_chunks_mut::<SCALED>();
                let (from, from_rest) = elements[start..end].as_chunks::<SCALED>();
                for (at, (values, from)) in groups.iter_mut().zip(from).enumerate() {
                    let scale = scale(at);
                    each(values, from, |i| f32::from(*i) * scale);
                }
                if !rest.is_empty() {
                    let scale = scale(groups.len());
                    each(rest, from_rest, |i| f32::from(*i) * scale);
                }
            }
            Array::I4(bytes) => {
                let (words, _) = bytes[start / 2..].as_chunks::<4>();
                let (eights, rest) = block.as_chunks_mut::<8>();
                let value = |word: &[u8; 4], half: usize, scale: f32| {
                    ((u32::from_le_bytes(*word) >> HALVES[half] & 15) as f32 - 8.0) * scale
                };
                for (at, (values, word)) in eights.iter_mut().zip(words).enumerate() {
                    let scale = scale(at * 8 / SCALED);
                    *values = std::array::from_fn(|half| value(word, half, scale));
                }
                for (half, to) in rest.iter_mut().enumerate() {
                    *to = value(&words[eights.len()], half, scale(eights.len() * 8 / SCALED));
                }
            }
        }
    }

    /// Returns all elements if they are stored as f32, otherwise `None`.
    pub fn plain(&self) -> Option<&'a [f32]> {
        match self.elements {
            Array::F32(elements) => Some(elements),
            _ => None,
        }
    }

    /// Converts all elements to f32 and writes them to `values`, in parallel.
    pub fn unpack(&self, values: &mut [f32]) {
        values.par_chunks_mut(16 * BLOCK).enumerate().for_each(|(chunk, values)| {
            let start = chunk * 16 * BLOCK;
            for (block, values) in values.chunks_mut(BLOCK).enumerate() {
                let len = values.len();
                self.read(start + block * BLOCK, len, values);
            }
        });
    }
}

/// Sets each element of `to` to the value of the corresponding element of `from`.
#[inline(always)]
fn each<T>(to: &mut [f32], from: &[T], value: impl Fn(&T) -> f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = value(from);
    }
}

/// Converts the bits of a finite f16 to f32. The exponent bias of f16 is 112 less than that of f32;
/// multiplication by 2¹¹² corrects this, for subnormal numbers too. There is no branch, so that the compiler
/// can vectorize loops.
#[inline(always)]
fn wide(bits: u16) -> f32 {
    const UP: f32 = f32::from_bits((112 + 127) << 23);
    let size = f32::from_bits(u32::from(bits & 0x7fff) << 13) * UP;
    f32::from_bits(size.to_bits() | u32::from(bits & 0x8000) << 16)
}

/// Stores a whole output like [`store`], using all threads for f16 and bf16.
pub fn store_all(values: &[f32], output: &mut Array) {
    const PART: usize = 16 * BLOCK;
    let parts = values.par_chunks(PART);
    match output {
        Array::F16(elements) => {
            elements.par_chunks_mut(PART).zip(parts).for_each(|(to, from)| to.convert_from_f32_slice(from));
        }
        Array::Bf16(elements) => {
            elements.par_chunks_mut(PART).zip(parts).for_each(|(to, from)| to.convert_from_f32_slice(from));
        }
        output => store(values, output, 0),
    }
}

/// Rounds `values` to nearest and stores them in an output, from element `start` on.
///
/// # Panics
/// Panics if the format of the output is not f32, f16 or bf16.
pub fn store(values: &[f32], output: &mut Array, start: usize) {
    let end = start + values.len();
    match output {
        Array::F32(elements) => elements[start..end].copy_from_slice(values),
        Array::F16(elements) => elements[start..end].convert_from_f32_slice(values),
        Array::Bf16(elements) => elements[start..end].convert_from_f32_slice(values),
        _ => panic!("sums are stored in floating point"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::workload::{DType, Inputs};

    #[test]
    fn blocks_are_what_the_oracle_reads_wherever_they_begin() {
        let inputs = Inputs::new(3, 0);
        // A tensor of 4-bit integers always has scales, and i32 is never an operand.
        let formats = DType::all().filter(|dtype| ![DType::I4, DType::I32].contains(dtype));
        for dtype in formats {
            let tensor = Tensor::input("b", 2, dtype, 4096);
            let parts: Vec<Array> =
                tensor.parts().iter().map(|part| Array::generated(part, inputs).unwrap()).collect();
            let (operand, rest) = Operand::take(&tensor, &parts);
            assert!(rest.is_empty());
            let read = inputs.reader(&tensor);
            let mut block = [0f32; BLOCK];
            for (start, len) in [(0, BLOCK), (1024, 640), (3968, 128)] {
                let values = operand.read(start, len, &mut block);
                assert_eq!(values.len(), len);
                for (at, value) in values.iter().enumerate() {
                    assert_eq!(f64::from(*value), read((start + at) as u64), "{dtype} {at}");
                }
            }
        }
    }

    #[test]
    fn every_finite_f16_is_widened_to_itself() {
        for bits in (0..0x7c00).chain(0x8000..0xfc00) {
            let exact = f16::from_bits(bits).to_f32();
            assert_eq!(wide(bits).to_bits(), exact.to_bits(), "{bits:#x}");
        }
    }

    #[test]
    fn what_is_stored_is_rounded_to_nearest() {
        let mut output = Array::zeros(DType::Bf16, 2).unwrap();
        // 1 + 2⁻⁷ is the next bf16 after 1; a value three quarters of the way to it rounds up.
        store(&[1.0 + 0.75 / 128.0, -2.0], &mut output, 0);
        assert_eq!((output.value(0), output.value(1)), (1.0 + 1.0 / 128.0, -2.0));
    }
}
