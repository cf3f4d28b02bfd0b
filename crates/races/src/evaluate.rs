//! Expressions.

use super::arithmetic::{binary, convert, unary};
use super::finding::Kind;
use super::functions::{Arguments, call, each};
use super::layout::words;
use super::machine::{Frame, Machine, Mask, Place, Value, words_of};
use super::pointers::Index;
use naga::{BinaryOperator, Expression, Handle, Literal, RelationalFunction, Scalar, ScalarKind, TypeInner};
use std::rc::Rc;

fn word_of(literal: Literal) -> Result<u32, String> {
    Ok(match literal {
        Literal::F32(value) => value.to_bits(),
        Literal::F16(value) => value.to_f32().to_bits(),
        Literal::U32(value) => value,
        Literal::I32(value) => value as u32,
        Literal::Bool(value) => value.into(),
        _ => return Err(format!("the interpreter does not know {literal:?}")),
    })
}

impl<'a> Machine<'a> {
    /// Returns the value of an expression that has been reached.
    pub(crate) fn value(
        &mut self,
        frame: &mut Frame<'a>,
        expression: Handle<Expression>,
        mask: &Mask,
    ) -> Result<Rc<Value>, String> {
        match &frame.values[expression.index()] {
            Some(value) => Ok(value.clone()),
            None => self.evaluate(frame, expression, mask),
        }
    }

    /// Computes an expression anew.
    pub(crate) fn evaluate(
        &mut self,
        frame: &mut Frame<'a>,
        expression: Handle<Expression>,
        mask: &Mask,
    ) -> Result<Rc<Value>, String> {
        let value = match &frame.function.expressions[expression] {
            Expression::FunctionArgument(number) => frame.arguments[*number as usize].clone(),
            _ => Rc::new(self.computed(frame, expression, mask)?),
        };
        frame.values[expression.index()] = Some(value.clone());
        Ok(value)
    }

    fn words(
        &mut self,
        frame: &mut Frame<'a>,
        expression: Handle<Expression>,
        mask: &Mask,
    ) -> Result<Vec<u32>, String> {
        let value = self.value(frame, expression, mask)?;
        words_of(&value).map(<[u32]>::to_vec)
    }

    fn computed(
        &mut self,
        frame: &mut Frame<'a>,
        expression: Handle<Expression>,
        mask: &Mask,
    ) -> Result<Value, String> {
        let (module, lanes) = (self.module, self.lanes);
        let at = frame.place(expression);
        Ok(match frame.function.expressions[expression] {
            Expression::Literal(literal) => Value::Words(self.spread(word_of(literal)?)),
            Expression::Constant(constant) => {
                let words = self.constant(module.constants[constant].init)?;
                Value::Words(words.into_iter().flat_map(|word| self.spread(word)).collect())
            }
            Expression::ZeroValue(ty) => {
                Value::Words(vec![0; words(module, &module.types[ty].inner)? * lanes])
            }
            Expression::Compose { ref components, .. } => {
                let mut all = Vec::new();
                for component in components {
                    let value = self.value(frame, *component, mask)?;
                    all.extend_from_slice(words_of(&value)?);
                }
                Value::Words(all)
            }
            Expression::Splat { size, value } => {
                Value::Words(self.words(frame, value, mask)?.repeat(size as usize))
            }
            Expression::Swizzle { size, vector, pattern } => {
                let from = self.words(frame, vector, mask)?;
                let part = |i: usize| &from[pattern[i] as usize * lanes..(pattern[i] as usize + 1) * lanes];
                Value::Words((0..size as usize).flat_map(|i| part(i).to_vec()).collect())
            }
            Expression::Access { base, index } => {
                let index = self.words(frame, index, mask)?;
                self.inside(frame, base, &Index::Each(&index), mask, at)?
            }
            Expression::AccessIndex { base, index } => {
                self.inside(frame, base, &Index::Same(index), mask, at)?
            }
            Expression::GlobalVariable(variable) => {
                Value::Pointer(Place::Global(variable.index()), self.spread(0))
            }
            Expression::LocalVariable(variable) => {
                Value::Pointer(Place::Local(variable.index()), self.spread(0))
            }
            Expression::Load { pointer } => {
                let target = self.value(frame, pointer, mask)?;
                self.load(frame, pointer, &target, mask, at)?
            }
            Expression::Unary { op, expr } => {
                let with = unary(op, frame.scalar(module, expr)?)?;
                let value = self.value(frame, expr, mask)?;
                Value::Words(words_of(&value)?.iter().map(|word| with(*word)).collect())
            }
            Expression::Binary { op, left, right } => {
                let scalar = frame.scalar(module, left)?;
                let (a, b) = (self.value(frame, left, mask)?, self.value(frame, right, mask)?);
                let (a, b) = (words_of(&a)?, words_of(&b)?);
                let divides = matches!(op, BinaryOperator::Divide | BinaryOperator::Modulo);
                if divides && scalar.kind != ScalarKind::Float {
                    let by_zero = |lane: &usize| {
                        mask[*lane] && b.iter().skip(*lane).step_by(lanes).any(|word| *word == 0)
                    };
                    if let Some(lane) = (0..lanes).find(by_zero) {
                        let text = || format!("invocation {lane} divides by zero");
                        self.findings.add(Kind::Division, "", at, None, text);
                    }
                }
                let with = binary(op, scalar)?;
                Value::Words(if a.len() == b.len() {
                    a.iter().zip(b).map(|(a, b)| with(*a, *b)).collect()
                } else {
                    // A scalar goes with each component of a vector.
                    let count = a.len().max(b.len());
                    let pairs = a.iter().cycle().zip(b.iter().cycle()).take(count);
                    pairs.map(|(a, b)| with(*a, *b)).collect()
                })
            }
            Expression::Select { condition, accept, reject } => {
                let condition = self.value(frame, condition, mask)?;
                let (yes, no) = (self.value(frame, accept, mask)?, self.value(frame, reject, mask)?);
                let (condition, yes, no) = (words_of(&condition)?, words_of(&yes)?, words_of(&no)?);
                let each = condition.iter().cycle().zip(yes.iter().zip(no));
                Value::Words(each.map(|(c, (yes, no))| if *c != 0 { *yes } else { *no }).collect())
            }
            Expression::Relational { fun, argument } => {
                let words = self.words(frame, argument, mask)?;
                let of_lane = |lane: usize| words.iter().skip(lane).step_by(lanes).map(|word| *word != 0);
                match fun {
                    RelationalFunction::All => {
                        Value::Words((0..lanes).map(|lane| of_lane(lane).all(|is| is).into()).collect())
                    }
                    RelationalFunction::Any => {
                        Value::Words((0..lanes).map(|lane| of_lane(lane).any(|is| is).into()).collect())
                    }
                    _ => return Err(format!("the interpreter does not know {fun:?}")),
                }
            }
            Expression::Math { fun, arg, arg1, arg2, arg3 } => {
                let scalar = frame.scalar(module, arg)?;
                let mut all = Vec::new();
                for argument in [Some(arg), arg1, arg2, arg3].into_iter().flatten() {
                    all.push(self.words(frame, argument, mask)?);
                }
                if let Some(words) = each(fun, &all, scalar) {
                    return Ok(Value::Words(words));
                }
                let mut result = Vec::new();
                for lane in 0..lanes {
                    let of_lane =
                        |words: &Vec<u32>| words.iter().skip(lane).step_by(lanes).copied().collect();
                    let words: Vec<Vec<u32>> = all.iter().map(of_lane).collect();
                    let made = call(fun, &Arguments { words: &words, scalar })?;
                    result.resize(made.len() * lanes, 0);
                    for (word, made) in made.into_iter().enumerate() {
                        result[word * lanes + lane] = made;
                    }
                }
                Value::Words(result)
            }
            Expression::As { expr, kind, convert: width } => {
                let from = frame.scalar(module, expr)?;
                let words = self.words(frame, expr, mask)?;
                match width {
                    Some(width) => {
                        let to = Scalar { kind, width };
                        Value::Words(words.into_iter().map(|word| convert(from, to, word)).collect())
                    }
                    None if from.width == 4 => Value::Words(words),
                    None => return Err(format!("the interpreter does not take the bits of {from:?}")),
                }
            }
            Expression::ArrayLength(pointer) => {
                let target = self.value(frame, pointer, mask)?;
                let inner = frame.pointee(module, pointer).ok_or("a length needs a pointer")?;
                let (Value::Pointer(Place::Global(place), from), TypeInner::Array { stride, .. }) =
                    (&*target, &*inner)
                else {
                    return Err("a length needs an array".into());
                };
                let bytes = self.memory.variables[*place].bytes.len() as u32;
                Value::Words(self.spread((bytes - from[0]) / stride))
            }
            Expression::CooperativeLoad { columns, rows, ref data, .. } => {
                let pointer = self.value(frame, data.pointer, mask)?;
                let stride = self.words(frame, data.stride, mask)?;
                let extents = if data.row_major { (rows, columns) } else { (columns, rows) };
                self.matrix(frame, (data.pointer, &pointer), &stride, extents, None, mask, at)?;
                Value::Words(self.spread(0))
            }
            Expression::CooperativeMultiplyAdd { .. } => {
                self.whole_subgroups(mask, at);
                Value::Words(self.spread(0))
            }
            ref other => return Err(format!("the interpreter does not know {other:?}")),
        })
    }

    fn inside(
        &mut self,
        frame: &mut Frame<'a>,
        base: Handle<Expression>,
        index: &Index,
        mask: &Mask,
        at: u32,
    ) -> Result<Value, String> {
        let value = self.value(frame, base, mask)?;
        match &*value {
            Value::Pointer(place, from) => self.inside_pointer(frame, (base, *place, from), index, mask, at),
            Value::Words(words) => self.inside_value(frame, (base, words), index, mask, at),
        }
    }

    /// Returns the words of an expression of the module.
    fn constant(&self, expression: Handle<Expression>) -> Result<Vec<u32>, String> {
        let module = self.module;
        Ok(match &module.global_expressions[expression] {
            Expression::Literal(literal) => vec![word_of(*literal)?],
            Expression::Constant(constant) => self.constant(module.constants[*constant].init)?,
            Expression::ZeroValue(ty) => vec![0; words(module, &module.types[*ty].inner)?],
            Expression::Splat { size, value } => self.constant(*value)?.repeat(*size as usize),
            Expression::Compose { components, .. } => {
                let mut all = Vec::new();
                for component in components {
                    all.extend(self.constant(*component)?);
                }
                all
            }
            other => return Err(format!("the interpreter does not know the constant {other:?}")),
        })
    }
}
