//! Elements of any format as f32, which the vector units compute with.

use super::array::{Array, e4m3_value};
use super::vector::vectorized;
use half::f16;
use half::slice::HalfFloatSliceExt;
use portamark_model::workload::Tensor;
use rayon::prelude::*;
use std::sync::LazyLock;

/// Elements that are unpacked at a time: they stay in the first cache.
pub const BLOCK: usize = 1024;

/// Elements that surely share a scale: the smallest group.
const SCALED: usize = 32;
/// How far each of eight 4-bit integers lies from the lowest bit of its word.
const HALVES: [u32; 8] = [0, 8, 16, 24, 4, 12, 20, 28];

static E4M3: LazyLock<[f32; 256]> = LazyLock::new(|| std::array::from_fn(|bits| e4m3_value(bits as u8)));

/// A tensor of any format in memory: its elements, and the scales of its groups.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a> {
    elements: &'a Array,
    scales: Option<(&'a [f16], usize)>,
}

impl<'a> Operand<'a> {
    /// The first operand in `parts`, of the format of `tensor`, and the parts after it.
    ///
    /// # Panics
    /// When `parts` are not those of `tensor`.
    pub fn take(tensor: &Tensor, parts: &'a [Array]) -> (Self, &'a [Array]) {
        match (tensor.dtype.group(), parts) {
            (None, [elements, rest @ ..]) => (Operand { elements, scales: None }, rest),
            (Some(group), [elements, Array::F16(scales), rest @ ..]) => {
                (Operand { elements, scales: Some((scales, group as usize)) }, rest)
            }
            _ => panic!("tensor {} has no buffer", tensor.name),
        }
    }

    /// `len` elements from `start` on, as they lie there where they are f32, otherwise in `block`. Where
    /// there are scales, `start` is at the beginning of a group, and of a word of eight.
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
            // bf16 is the upper half of f32.
            Array::Bf16(elements) => {
                each(block, &elements[start..end], |half| f32::from_bits(u32::from(half.to_bits()) << 16));
            }
            Array::E4m3(bytes) => {
                let table = &*E4M3;
                each(block, &bytes[start..end], |bits| table[usize::from(*bits)]);
            }
            Array::I32(_) => unreachable!("f32 does not hold every i32, which is no operand"),
            // Lengths that the compiler knows make these loops a few instructions each.
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

    /// All elements, where they are f32 already.
    pub fn plain(&self) -> Option<&'a [f32]> {
        match self.elements {
            Array::F32(elements) => Some(elements),
            _ => None,
        }
    }

    /// Unpacks all elements into `values`.
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

/// Each value of `to` from the element of `from` in its place.
#[inline(always)]
fn each<T>(to: &mut [f32], from: &[T], value: impl Fn(&T) -> f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = value(from);
    }
}

/// A finite f16 as f32: its exponent is 112 less. A product with 2¹¹² makes up for it, and gives
/// numbers below the smallest normal one their exponents, without a branch that would keep loops from
/// the vector units.
#[inline(always)]
fn wide(bits: u16) -> f32 {
    const UP: f32 = f32::from_bits((112 + 127) << 23);
    let size = f32::from_bits(u32::from(bits & 0x7fff) << 13) * UP;
    f32::from_bits(size.to_bits() | u32::from(bits & 0x8000) << 16)
}

/// Stores all of an output, as [`store`] does, by all threads.
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

/// Stores `values`, rounded to nearest, in the elements of an output from `start` on.
///
/// # Panics
/// When the output is of no floating-point format.
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
        // 4-bit integers have scales in a tensor, and i32 is no operand.
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
        // 1 + 2⁻⁷ is the neighbour of 1; three quarters of the way is nearer to it.
        store(&[1.0 + 0.75 / 128.0, -2.0], &mut output, 0);
        assert_eq!((output.value(0), output.value(1)), (1.0 + 1.0 / 128.0, -2.0));
    }
}
