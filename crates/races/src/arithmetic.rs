//! Operators on scalars. Each is a word: its bits, those of an f32 for numbers in f16, and 1 or 0 for truth.

use half::f16;
use naga::{BinaryOperator, Scalar, ScalarKind, UnaryOperator};

fn unknown(what: &dyn std::fmt::Debug, scalar: Scalar) -> String {
    format!("the interpreter does not know {what:?} of {scalar:?}")
}

/// Returns the word of a float, rounded to its width.
pub(crate) fn float(value: f32, scalar: Scalar) -> u32 {
    if scalar.width == 2 { f16::from_f32(value).to_f32().to_bits() } else { value.to_bits() }
}

/// Returns the function of two words that `op` is. Integers wrap around; what is divided by zero stays, as WGSL has it.
pub(crate) fn binary(op: BinaryOperator, scalar: Scalar) -> Result<fn(u32, u32) -> u32, String> {
    use BinaryOperator as B;
    Ok(match (scalar.kind, op) {
        (_, B::Equal) if scalar.kind != ScalarKind::Float => |a, b| u32::from(a == b),
        (_, B::NotEqual) if scalar.kind != ScalarKind::Float => |a, b| u32::from(a != b),
        (_, B::And) => |a, b| a & b,
        (_, B::InclusiveOr) => |a, b| a | b,
        (_, B::ExclusiveOr) => |a, b| a ^ b,
        (ScalarKind::Bool, B::LogicalAnd) => |a, b| a & b,
        (ScalarKind::Bool, B::LogicalOr) => |a, b| a | b,
        (ScalarKind::Uint | ScalarKind::Sint, B::Add) => u32::wrapping_add,
        (ScalarKind::Uint | ScalarKind::Sint, B::Subtract) => u32::wrapping_sub,
        (ScalarKind::Uint | ScalarKind::Sint, B::Multiply) => u32::wrapping_mul,
        (ScalarKind::Uint | ScalarKind::Sint, B::ShiftLeft) => |a, b| a << (b & 31),
        (ScalarKind::Uint, B::ShiftRight) => |a, b| a >> (b & 31),
        (ScalarKind::Sint, B::ShiftRight) => |a, b| ((a as i32) >> (b & 31)) as u32,
        (ScalarKind::Uint, B::Divide) => |a, b| a.checked_div(b).unwrap_or(a),
        (ScalarKind::Uint, B::Modulo) => |a, b| a.checked_rem(b).unwrap_or(0),
        (ScalarKind::Sint, B::Divide) => |a, b| (a as i32).checked_div(b as i32).unwrap_or(a as i32) as u32,
        (ScalarKind::Sint, B::Modulo) => |a, b| (a as i32).checked_rem(b as i32).unwrap_or(0) as u32,
        (ScalarKind::Uint, B::Less) => |a, b| u32::from(a < b),
        (ScalarKind::Uint, B::LessEqual) => |a, b| u32::from(a <= b),
        (ScalarKind::Uint, B::Greater) => |a, b| u32::from(a > b),
        (ScalarKind::Uint, B::GreaterEqual) => |a, b| u32::from(a >= b),
        (ScalarKind::Sint, B::Less) => |a, b| u32::from((a as i32) < b as i32),
        (ScalarKind::Sint, B::LessEqual) => |a, b| u32::from(a as i32 <= b as i32),
        (ScalarKind::Sint, B::Greater) => |a, b| u32::from(a as i32 > b as i32),
        (ScalarKind::Sint, B::GreaterEqual) => |a, b| u32::from(a as i32 >= b as i32),
        (ScalarKind::Float, _) => return of_floats(op, scalar),
        _ => return Err(unknown(&op, scalar)),
    })
}

macro_rules! floats {
    ($scalar:expr, $a:ident, $b:ident, $result:expr) => {
        if $scalar.width == 2 {
            |x, y| {
                let ($a, $b) = (f32::from_bits(x), f32::from_bits(y));
                f16::from_f32($result).to_f32().to_bits()
            }
        } else {
            |x, y| {
                let ($a, $b) = (f32::from_bits(x), f32::from_bits(y));
                ($result).to_bits()
            }
        }
    };
}

fn of_floats(op: BinaryOperator, scalar: Scalar) -> Result<fn(u32, u32) -> u32, String> {
    use BinaryOperator as B;
    Ok(match op {
        B::Add => floats!(scalar, a, b, a + b),
        B::Subtract => floats!(scalar, a, b, a - b),
        B::Multiply => floats!(scalar, a, b, a * b),
        B::Divide => floats!(scalar, a, b, a / b),
        B::Modulo => floats!(scalar, a, b, a % b),
        B::Equal => |a, b| u32::from(f32::from_bits(a) == f32::from_bits(b)),
        B::NotEqual => |a, b| u32::from(f32::from_bits(a) != f32::from_bits(b)),
        B::Less => |a, b| u32::from(f32::from_bits(a) < f32::from_bits(b)),
        B::LessEqual => |a, b| u32::from(f32::from_bits(a) <= f32::from_bits(b)),
        B::Greater => |a, b| u32::from(f32::from_bits(a) > f32::from_bits(b)),
        B::GreaterEqual => |a, b| u32::from(f32::from_bits(a) >= f32::from_bits(b)),
        _ => return Err(unknown(&op, scalar)),
    })
}

/// Returns what `op` makes of a word.
pub(crate) fn unary(op: UnaryOperator, scalar: Scalar) -> Result<fn(u32) -> u32, String> {
    Ok(match (op, scalar.kind) {
        (UnaryOperator::Negate, ScalarKind::Float) => |a| a ^ 0x8000_0000,
        (UnaryOperator::Negate, ScalarKind::Sint) => u32::wrapping_neg,
        (UnaryOperator::LogicalNot, ScalarKind::Bool) => |a| a ^ 1,
        (UnaryOperator::BitwiseNot, ScalarKind::Uint | ScalarKind::Sint) => |a| !a,
        _ => return Err(unknown(&op, scalar)),
    })
}

/// Converts a word to another kind of scalar.
pub(crate) fn convert(from: Scalar, to: Scalar, word: u32) -> u32 {
    let number = f32::from_bits(word);
    match (from.kind, to.kind) {
        (ScalarKind::Float, ScalarKind::Float) => float(number, to),
        (ScalarKind::Float, ScalarKind::Uint) => number as u32,
        (ScalarKind::Float, ScalarKind::Sint) => number as i32 as u32,
        (ScalarKind::Float, ScalarKind::Bool) => u32::from(number != 0.0),
        (ScalarKind::Sint, ScalarKind::Float) => float(word as i32 as f32, to),
        (_, ScalarKind::Float) => float(word as f32, to),
        (_, ScalarKind::Bool) => u32::from(word != 0),
        _ => word,
    }
}
