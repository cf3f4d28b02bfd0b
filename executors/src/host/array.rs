//! Buffers in host memory, in any number format.

use crate::protocol::poison;
use half::{bf16, f16};
use portamark_model::workload::generator::Keys;
use portamark_model::workload::{DType, Inputs, Part};
use rayon::prelude::*;

/// Number of elements that one task fills or counts.
const CHUNK: usize = 1 << 16;

/// One buffer: the elements of a tensor, or the scales of its quantization groups.
#[derive(Debug)]
pub enum Array {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
    I32(Vec<i32>),
    I8(Vec<i8>),
    /// FP8 (E4M3) of OCP, one byte per element.
    E4m3(Vec<u8>),
    /// 4-bit integers, stored as v + 8, eight in four bytes: byte j holds element j in its low half and
    /// element j + 4 in its high half.
    I4(Vec<u8>),
}

/// Allocates `len` zeros. Returns a message if there is not enough memory.
fn zeros<T: Copy + Default + Send + Sync>(len: usize) -> Result<Vec<T>, String> {
    let mut elements = Vec::new();
    elements
        .try_reserve_exact(len)
        .map_err(|_| format!("no room for {} bytes", len * std::mem::size_of::<T>()))?;
    // First touch by the threads of the pool, so that pages are placed near the threads that use them.
    (0..len).into_par_iter().with_min_len(CHUNK).map(|_| T::default()).collect_into_vec(&mut elements);
    Ok(elements)
}

/// Sets each element to `value(index)`, in parallel.
fn fill<T: Send>(elements: &mut [T], value: impl Fn(u64) -> T + Sync) {
    elements.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, elements)| {
        for (at, element) in elements.iter_mut().enumerate() {
            *element = value((chunk * CHUNK + at) as u64);
        }
    });
}

impl Array {
    /// Allocates `len` zeros of `dtype`.
    ///
    /// # Errors
    /// Returns a message if there is not enough memory, or if `dtype` has scales and so needs two buffers.
    pub fn zeros(dtype: DType, len: u64) -> Result<Self, String> {
        let count = usize::try_from(len).map_err(|_| format!("{len} elements are too many"))?;
        Ok(match dtype {
            DType::F32 => Array::F32(zeros(count)?),
            DType::F16 => Array::F16(zeros(count)?),
            DType::Bf16 => Array::Bf16(zeros(count)?),
            DType::I32 => Array::I32(zeros(count)?),
            DType::I8 => Array::I8(zeros(count)?),
            DType::E4m3 => Array::E4m3(zeros(count)?),
            DType::I4 => Array::I4(zeros(count.div_ceil(8) * 4)?),
            scaled => return Err(format!("{scaled} lies in two buffers")),
        })
    }

    /// Allocates a buffer with the generated elements of `part` in one buffer set.
    ///
    /// # Errors
    /// Returns a message if there is not enough memory.
    pub fn generated(part: &Part, inputs: Inputs) -> Result<Self, String> {
        let mut array = Array::zeros(part.dtype, part.len)?;
        let keys = Keys::new(inputs.seed, inputs.stream(part.number));
        let (grid, scale, dist, len) = (part.grid, part.scale, part.dist(inputs.dist), part.len);
        let value = move |index: u64| keys.value(index as u32, grid, scale, dist);
        match &mut array {
            Array::F32(elements) => fill(elements, |i| value(i) as f32),
            Array::F16(elements) => fill(elements, |i| f16::from_f64(value(i))),
            Array::Bf16(elements) => fill(elements, |i| bf16::from_f64(value(i))),
            Array::I32(elements) => fill(elements, |i| value(i) as i32),
            Array::I8(elements) => fill(elements, |i| value(i) as i8),
            Array::E4m3(elements) => fill(elements, |i| e4m3_bits(value(i))),
            Array::I4(bytes) => fill(bytes, |byte| {
                let (word, j) = (byte / 4, byte % 4);
                let half = |at: u64| if at < len { (value(at) + 8.0) as u8 } else { 0 };
                half(8 * word + j) | half(8 * word + j + 4) << 4
            }),
        }
        Ok(array)
    }

    /// Creates a buffer with the given words, e.g. the page table of a KV cache.
    pub fn table(words: &[u32]) -> Self {
        Array::I32(words.iter().map(|word| *word as i32).collect())
    }

    /// Returns the size in bytes.
    #[cfg(test)]
    pub fn bytes(&self) -> u64 {
        let bytes = match self {
            Array::F32(elements) => 4 * elements.len(),
            Array::F16(elements) => 2 * elements.len(),
            Array::Bf16(elements) => 2 * elements.len(),
            Array::I32(elements) => 4 * elements.len(),
            Array::I8(elements) => elements.len(),
            Array::E4m3(bytes) | Array::I4(bytes) => bytes.len(),
        };
        bytes as u64
    }

    /// Fills the buffer with the poison pattern. Only outputs are poisoned; their elements have 16 or 32 bits.
    pub fn poison(&mut self) {
        match self {
            Array::F32(elements) => fill(elements, |_| f32::from_bits(poison::BITS_32)),
            Array::F16(elements) => fill(elements, |_| f16::from_bits(poison::BITS_16)),
            Array::Bf16(elements) => fill(elements, |_| bf16::from_bits(poison::BITS_16)),
            Array::I32(elements) => fill(elements, |_| poison::BITS_32 as i32),
            Array::I8(_) | Array::E4m3(_) | Array::I4(_) => unreachable!("no output is of 8 or 4 bits"),
        }
    }

    /// Returns the number of elements that hold the poison pattern.
    pub fn poisoned(&self) -> u64 {
        fn count<T: Sync>(elements: &[T], is: impl Fn(&T) -> bool + Sync) -> u64 {
            let of = |chunk: &[T]| chunk.iter().filter(|element| is(element)).count() as u64;
            elements.par_chunks(CHUNK).map(of).sum()
        }
        match self {
            Array::F32(elements) => count(elements, |e| e.to_bits() == poison::BITS_32),
            Array::F16(elements) => count(elements, |e| e.to_bits() == poison::BITS_16),
            Array::Bf16(elements) => count(elements, |e| e.to_bits() == poison::BITS_16),
            Array::I32(elements) => count(elements, |e| *e as u32 == poison::BITS_32),
            Array::I8(_) | Array::E4m3(_) | Array::I4(_) => 0,
        }
    }

    /// Returns the value of element `index`, without the scale of its group.
    pub fn value(&self, index: u64) -> f64 {
        let at = index as usize;
        match self {
            Array::F32(elements) => f64::from(elements[at]),
            Array::F16(elements) => elements[at].to_f64(),
            Array::Bf16(elements) => elements[at].to_f64(),
            Array::I32(elements) => f64::from(elements[at]),
            Array::I8(elements) => f64::from(elements[at]),
            Array::E4m3(bytes) => f64::from(e4m3_value(bytes[at])),
            Array::I4(bytes) => {
                let byte = bytes[4 * (at / 8) + at % 4];
                f64::from(if at % 8 < 4 { byte & 15 } else { byte >> 4 }) - 8.0
            }
        }
    }
}

/// Decodes an FP8 (E4M3) number that is not a NaN: (−1)ˢ·2^(e−7)·(1 + m/8), or (−1)ˢ·2⁻⁶·m/8 if e is 0 (OCP
/// "OFP8", 2023).
pub fn e4m3_value(bits: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(bits >> 3 & 15), f32::from(bits & 7) / 8.0);
    let size = if exponent == 0 { mantissa / 64.0 } else { (1.0 + mantissa) * 2f32.powi(exponent - 7) };
    if bits & 0x80 == 0 { size } else { -size }
}

/// Encodes a value that FP8 (E4M3) represents exactly.
fn e4m3_bits(value: f64) -> u8 {
    let sign = if value < 0.0 { 0x80 } else { 0 };
    let size = value.abs();
    // Binary search: below 0x7f, which is a NaN, magnitudes ascend with their bits.
    let mut at = (0u8, 0x7fu8);
    while at.1 - at.0 > 1 {
        let middle = at.0.midpoint(at.1);
        at = if f64::from(e4m3_value(middle)) <= size { (middle, at.1) } else { (at.0, middle) };
    }
    sign | at.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::workload::Tensor;

    const INPUTS: Inputs = Inputs::new(7, 1);

    #[test]
    fn every_format_holds_what_the_oracle_reads() {
        // 4-bit integers have scales in a tensor.
        let formats = DType::all().filter(|dtype| *dtype != DType::I4);
        for dtype in formats {
            let tensor = Tensor::input("b", 2, dtype, 192);
            let parts: Vec<Array> =
                tensor.parts().iter().map(|part| Array::generated(part, INPUTS).unwrap()).collect();
            let read = INPUTS.reader(&tensor);
            for index in 0..192 {
                let scale = dtype.group().map_or(1.0, |group| parts[1].value(index / group));
                assert_eq!(parts[0].value(index) * scale, read(index), "{dtype} {index}");
            }
            assert_eq!(parts.iter().map(Array::bytes).sum::<u64>(), dtype.bytes(192), "{dtype}");
        }
    }

    #[test]
    fn poison_is_counted_by_its_bits() {
        for dtype in [DType::F32, DType::F16, DType::Bf16, DType::I32] {
            let mut array = Array::zeros(dtype, 100_000).unwrap();
            assert_eq!(array.poisoned(), 0);
            array.poison();
            assert_eq!(array.poisoned(), 100_000);
            match &mut array {
                // Another NaN is no poison.
                Array::F32(elements) => elements[3] = f32::NAN,
                Array::F16(elements) => elements[3] = f16::NAN,
                Array::Bf16(elements) => elements[3] = bf16::NAN,
                Array::I32(elements) => elements[3] = 0,
                _ => unreachable!(),
            }
            assert_eq!(array.poisoned(), 99_999, "{dtype}");
        }
    }

    #[test]
    fn e4m3_has_the_values_of_its_table() {
        // OFP8, table 2: 1 is 0 0111 000, the largest is 448, the smallest is 2⁻⁹.
        assert_eq!(e4m3_value(0x38), 1.0);
        assert_eq!(e4m3_value(0x7e), 448.0);
        assert_eq!(e4m3_value(0x01), 2f32.powi(-9));
        for bits in (0..0x7f).chain(0x81..0xff) {
            assert_eq!(e4m3_bits(f64::from(e4m3_value(bits))), bits);
        }
    }
}
