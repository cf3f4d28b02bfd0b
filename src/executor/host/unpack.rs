//! Elements of any format as f32, which the vector units compute with.

use super::array::{Array, e4m3_value};
use super::vector::vectorized;
use crate::workload::Tensor;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;
use std::sync::LazyLock;

/// Elements that are unpacked at a time: they stay in the first cache.
pub const BLOCK: usize = 1024;

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
        let block = &mut block[..if matches!(self.elements, Array::F32(_)) { 0 } else { len }];
        match self.elements {
            Array::F32(elements) => return &elements[start..start + len],
            Array::F16(elements) => elements[start..start + len].convert_to_f32_slice(block),
            Array::Bf16(elements) => {
                let from = &elements[start..start + len];
                vectorized(|| widen(from, block));
            }
            Array::E4m3(bytes) => {
                let table = &*E4M3;
                for (value, bits) in block.iter_mut().zip(&bytes[start..start + len]) {
                    *value = table[usize::from(*bits)];
                }
            }
            Array::I8(elements) => {
                let from = &elements[start..start + len];
                vectorized(|| block.iter_mut().zip(from).for_each(|(value, i)| *value = f32::from(*i)));
            }
            Array::I4(bytes) => {
                let from = &bytes[start / 2..start / 2 + len.div_ceil(8) * 4];
                vectorized(|| halves(from, block));
            }
            Array::I32(elements) => {
                let from = &elements[start..start + len];
                block.iter_mut().zip(from).for_each(|(value, i)| *value = *i as f32);
            }
        }
        if let Some((scales, group)) = self.scales {
            vectorized(|| {
                for (values, scale) in block.chunks_mut(group).zip(&scales[start / group..]) {
                    let scale = scale.to_f32();
                    values.iter_mut().for_each(|value| *value *= scale);
                }
            });
        }
        block
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

/// bf16 is the upper half of f32.
#[inline(always)]
fn widen(from: &[bf16], to: &mut [f32]) {
    for (value, half) in to.iter_mut().zip(from) {
        *value = f32::from_bits(u32::from(half.to_bits()) << 16);
    }
}

/// The 4-bit integers of words of eight.
#[inline(always)]
fn halves(from: &[u8], to: &mut [f32]) {
    let (words, _) = from.as_chunks::<4>();
    let (eights, rest) = to.as_chunks_mut::<8>();
    let value = |bits: u8| f32::from(bits) - 8.0;
    for (word, eight) in words.iter().zip(eights) {
        for j in 0..4 {
            eight[j] = value(word[j] & 15);
            eight[j + 4] = value(word[j] >> 4);
        }
    }
    if let Some(word) = words.last().filter(|_| !rest.is_empty()) {
        for (j, value_of) in rest.iter_mut().enumerate() {
            *value_of = value(if j < 4 { word[j] & 15 } else { word[j - 4] >> 4 });
        }
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
    use crate::workload::{DType, Inputs};

    #[test]
    fn blocks_are_what_the_oracle_reads_wherever_they_begin() {
        let inputs = Inputs::new(3, 0);
        let formats = [
            DType::F32,
            DType::F16,
            DType::Bf16,
            DType::E4m3,
            DType::I8,
            DType::Q8_0,
            DType::Q4_0,
            DType::Int4g128,
        ];
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
    fn what_is_stored_is_rounded_to_nearest() {
        let mut output = Array::zeros(DType::Bf16, 2).unwrap();
        // 1 + 2⁻⁷ is the neighbour of 1; three quarters of the way is nearer to it.
        store(&[1.0 + 0.75 / 128.0, -2.0], &mut output, 0);
        assert_eq!((output.value(0), output.value(1)), (1.0 + 1.0 / 128.0, -2.0));
    }
}
