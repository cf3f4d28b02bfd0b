//! The functions of WGSL that kernels use.

use super::arithmetic::float;
use half::f16;
use naga::{MathFunction as M, Scalar, ScalarKind};

/// The arguments of a function, in words.
pub(crate) struct Arguments<'a> {
    /// Words of each argument; those of a vector follow one another.
    pub words: &'a [Vec<u32>],
    pub scalar: Scalar,
}

/// Returns what `fun` makes of its arguments in one invocation.
pub(crate) fn call(fun: M, arguments: &Arguments) -> Result<Vec<u32>, String> {
    let words = arguments.words;
    let unknown = || format!("the interpreter does not know {fun:?} of {:?}", arguments.scalar);
    Ok(match fun {
        M::Dot => vec![dot(&words[0], &words[1], arguments.scalar)],
        M::Length => {
            vec![float(f32::from_bits(dot(&words[0], &words[0], arguments.scalar)).sqrt(), arguments.scalar)]
        }
        M::Dot4I8Packed => vec![packed(words[0][0], words[1][0], |byte| i32::from(byte as i8))],
        M::Dot4U8Packed => vec![packed(words[0][0], words[1][0], i32::from)],
        M::Pack2x16float => {
            let half = |at: usize| u32::from(f16::from_f32(f32::from_bits(words[0][at])).to_bits());
            vec![half(0) | half(1) << 16]
        }
        M::Unpack2x16float => {
            let half = |bits: u32| f16::from_bits(bits as u16).to_f32().to_bits();
            vec![half(words[0][0]), half(words[0][0] >> 16)]
        }
        M::Unpack4xI8 => words[0][0].to_le_bytes().map(|byte| byte as i8 as i32 as u32).to_vec(),
        M::Unpack4xU8 => words[0][0].to_le_bytes().map(u32::from).to_vec(),
        M::Pack4xI8 | M::Pack4xU8 => {
            vec![(0..4).fold(0, |all, i| all | (words[0][i] & 255) << (8 * i))]
        }
        M::ExtractBits => {
            let (offset, count) = (words[1][0].min(32), words[2][0]);
            let each = |word: &u32| bits(*word, offset, count, arguments.scalar.kind);
            words[0].iter().map(each).collect()
        }
        _ => each(fun, words, arguments.scalar).ok_or_else(unknown)?,
    })
}

/// Returns what a function makes that takes the scalars of its arguments one by one; `None` if it does not.
pub(crate) fn each(fun: M, words: &[Vec<u32>], of: Scalar) -> Option<Vec<u32>> {
    let [a, b, c] = [0, 1, 2].map(|i| words.get(i).unwrap_or(&words[0]));
    if a.len() != b.len() || a.len() != c.len() {
        return None;
    }
    let all = a.iter().zip(b).zip(c).map(|((a, b), c)| scalar(fun, *a, *b, *c, of));
    all.collect()
}

fn dot(a: &[u32], b: &[u32], scalar: Scalar) -> u32 {
    let pairs = a.iter().zip(b);
    if scalar.kind == ScalarKind::Float {
        let sum = pairs.map(|(a, b)| f32::from_bits(*a) * f32::from_bits(*b)).sum();
        float(sum, scalar)
    } else {
        pairs.fold(0u32, |sum, (a, b)| sum.wrapping_add(a.wrapping_mul(*b)))
    }
}

fn packed(a: u32, b: u32, number: impl Fn(u8) -> i32) -> u32 {
    let products = a.to_le_bytes().into_iter().zip(b.to_le_bytes()).map(|(a, b)| number(a) * number(b));
    products.sum::<i32>() as u32
}

fn bits(word: u32, offset: u32, count: u32, kind: ScalarKind) -> u32 {
    let count = count.min(32 - offset);
    if count == 0 {
        return 0;
    }
    let high = word << (32 - offset - count);
    if kind == ScalarKind::Sint { ((high as i32) >> (32 - count)) as u32 } else { high >> (32 - count) }
}

/// Returns what `fun` makes of up to three scalars; `None` if it is not known.
fn scalar(fun: M, a: u32, b: u32, c: u32, scalar: Scalar) -> Option<u32> {
    let (x, y, z) = (f32::from_bits(a), f32::from_bits(b), f32::from_bits(c));
    let (i, j, k) = (a as i32, b as i32, c as i32);
    let value = match (scalar.kind, fun) {
        (ScalarKind::Float, _) => match fun {
            M::Abs => x.abs(),
            M::Min => x.min(y),
            M::Max => x.max(y),
            M::Clamp => x.max(y).min(z),
            M::Saturate => x.clamp(0.0, 1.0),
            M::Cos => x.cos(),
            M::Sin => x.sin(),
            M::Tanh => x.tanh(),
            M::Ceil => x.ceil(),
            M::Floor => x.floor(),
            M::Round => x.round_ties_even(),
            M::Trunc => x.trunc(),
            M::Fract => x - x.floor(),
            M::Exp => x.exp(),
            M::Exp2 => x.exp2(),
            M::Log => x.ln(),
            M::Log2 => x.log2(),
            M::Pow => x.powf(y),
            M::Sqrt => x.sqrt(),
            M::InverseSqrt => 1.0 / x.sqrt(),
            M::Sign if x == 0.0 => 0.0,
            M::Sign => x.signum(),
            M::Fma => x.mul_add(y, z),
            M::Mix => x * (1.0 - z) + y * z,
            // The exponent is an integer.
            M::Ldexp => x * (j as f32).exp2(),
            _ => return None,
        },
        (ScalarKind::Uint, M::Abs) => return Some(a),
        (ScalarKind::Uint, M::Min) => return Some(a.min(b)),
        (ScalarKind::Uint, M::Max) => return Some(a.max(b)),
        (ScalarKind::Uint, M::Clamp) => return Some(a.max(b).min(c)),
        (ScalarKind::Sint, M::Abs) => return Some(i.wrapping_abs() as u32),
        (ScalarKind::Sint, M::Min) => return Some(i.min(j) as u32),
        (ScalarKind::Sint, M::Max) => return Some(i.max(j) as u32),
        (ScalarKind::Sint, M::Clamp) => return Some(i.max(j).min(k) as u32),
        (ScalarKind::Sint, M::Sign) => return Some(i.signum() as u32),
        (_, M::CountLeadingZeros) => return Some(a.leading_zeros()),
        (_, M::CountTrailingZeros) => return Some(a.trailing_zeros()),
        (_, M::CountOneBits) => return Some(a.count_ones()),
        (ScalarKind::Uint, M::FirstLeadingBit) => return Some(31u32.wrapping_sub(a.leading_zeros())),
        _ => return None,
    };
    Some(float(value, scalar))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_bytes_are_taken_as_wgsl_takes_them() {
        let of = |fun, words: &[Vec<u32>], scalar| call(fun, &Arguments { words, scalar }).unwrap();
        let (unsigned, signed) = (Scalar::U32, Scalar::I32);
        assert_eq!(of(M::ExtractBits, &[vec![0xf0], vec![4], vec![4]], unsigned), [0xf]);
        assert_eq!(of(M::ExtractBits, &[vec![0xf0], vec![4], vec![4]], signed), [u32::MAX]);
        assert_eq!(of(M::Unpack4xI8, &[vec![0xff00_0102]], unsigned), [2, 1, 0, u32::MAX]);
        // 2 * 3 + 1 * -1
        assert_eq!(of(M::Dot4I8Packed, &[vec![0x0102], vec![0xff03]], unsigned), [5]);
        let pair = vec![1f32.to_bits(), (-2f32).to_bits()];
        let whole = of(M::Pack2x16float, std::slice::from_ref(&pair), Scalar::F32);
        assert_eq!(whole, [0xc000_3c00]);
        assert_eq!(of(M::Unpack2x16float, &[whole], Scalar::F32), pair);
    }
}
