//! Statements: who takes which, and what they do to memory.

use super::layout::words;
use super::machine::{Frame, Machine, Mask, Value, words_of};
use naga::valid::FunctionInfo;
use naga::{Block, Expression, Function, Handle, Statement, SwitchValue};
use std::rc::Rc;

/// Statements after which a kernel is taken for one that does not end.
const MOST: u64 = 20_000_000;

fn any(mask: &Mask) -> bool {
    mask.iter().any(|is| *is)
}

fn with(mask: &Mask, words: &[u32], wanted: bool) -> Mask {
    mask.iter().zip(words).map(|(is, word)| *is && (*word != 0) == wanted).collect()
}

fn join(mask: &mut Mask, other: &Mask) {
    mask.iter_mut().zip(other).for_each(|(is, other)| *is |= other);
}

/// Takes all invocations out of `mask`, into the innermost of `lists`.
fn leave(mask: &mut Mask, lists: &mut [Mask]) -> Result<(), String> {
    join(lists.last_mut().ok_or("nothing to leave is around")?, mask);
    mask.fill(false);
    Ok(())
}

impl<'a> Machine<'a> {
    /// Runs a function and returns its words.
    pub(crate) fn call(
        &mut self,
        function: &'a Function,
        info: &'a FunctionInfo,
        arguments: Vec<Rc<Value>>,
        mask: &Mask,
    ) -> Result<Vec<u32>, String> {
        let mut locals = Vec::new();
        for (_, variable) in function.local_variables.iter() {
            let inner = &self.module.types[variable.ty].inner;
            locals.push(vec![0; words(self.module, inner)? * self.lanes]);
        }
        let mut frame = Frame {
            function,
            info,
            values: vec![None; function.expressions.len()],
            locals,
            arguments,
            returned: None,
            broke: Vec::new(),
            continued: Vec::new(),
        };
        for (number, (_, variable)) in function.local_variables.iter().enumerate() {
            let Some(init) = variable.init else { continue };
            let value = self.value(&mut frame, init, mask)?;
            frame.locals[number].copy_from_slice(words_of(&value)?);
        }
        let mut mask = mask.clone();
        self.block(&mut frame, &function.body, &mut mask)?;
        Ok(frame.returned.unwrap_or_default())
    }

    /// Runs a block. Those who leave it are no longer in `mask` then.
    fn block(&mut self, frame: &mut Frame<'a>, block: &'a Block, mask: &mut Mask) -> Result<(), String> {
        for (statement, span) in block.span_iter() {
            if !any(mask) {
                return Ok(());
            }
            self.steps += 1;
            if self.steps > MOST {
                return Err(format!("the kernel has not ended after {MOST} statements"));
            }
            let at = span.to_range().map_or(0, |range| range.start as u32);
            self.statement(frame, statement, at, mask)?;
        }
        Ok(())
    }

    fn statement(
        &mut self,
        frame: &mut Frame<'a>,
        statement: &'a Statement,
        at: u32,
        mask: &mut Mask,
    ) -> Result<(), String> {
        match statement {
            Statement::Emit(range) => {
                for expression in range.clone() {
                    self.evaluate(frame, expression, mask)?;
                }
            }
            Statement::Block(block) => self.block(frame, block, mask)?,
            Statement::If { condition, accept, reject } => {
                let condition = self.value(frame, *condition, mask)?;
                let mut yes = with(mask, words_of(&condition)?, true);
                let mut no = with(mask, words_of(&condition)?, false);
                self.block(frame, accept, &mut yes)?;
                self.block(frame, reject, &mut no)?;
                join(&mut yes, &no);
                *mask = yes;
            }
            Statement::Switch { selector, cases } => {
                let selector = self.value(frame, *selector, mask)?;
                let selector = words_of(&selector)?.to_vec();
                let mut left = mask.clone();
                let mut through = vec![false; self.lanes];
                frame.broke.push(vec![false; self.lanes]);
                let number = |value: &SwitchValue| match value {
                    SwitchValue::I32(value) => Some(*value as u32),
                    SwitchValue::U32(value) => Some(*value),
                    SwitchValue::Default => None,
                };
                let named: Vec<u32> = cases.iter().filter_map(|case| number(&case.value)).collect();
                for case in cases {
                    let takes = |word: u32| match number(&case.value) {
                        Some(value) => word == value,
                        None => !named.contains(&word),
                    };
                    let mut taken: Mask =
                        (0..self.lanes).map(|lane| left[lane] && takes(selector[lane])).collect();
                    left.iter_mut().zip(&taken).for_each(|(left, taken)| *left &= !taken);
                    join(&mut taken, &through);
                    self.block(frame, &case.body, &mut taken)?;
                    through = if case.fall_through { taken } else { self.past_case(frame, taken) };
                }
                *mask = frame.broke.pop().ok_or("no switch is around")?;
                join(mask, &left);
                join(mask, &through);
            }
            Statement::Loop { body, continuing, break_if } => {
                self.turns(frame, body, continuing, *break_if, mask)?;
            }
            Statement::Break => leave(mask, &mut frame.broke)?,
            Statement::Continue => leave(mask, &mut frame.continued)?,
            Statement::Return { value } => {
                if let Some(value) = value {
                    let value = self.value(frame, *value, mask)?;
                    let (words, lanes) = (words_of(&value)?, self.lanes);
                    let returned = frame.returned.get_or_insert_with(|| vec![0; words.len()]);
                    for (i, word) in words.iter().enumerate().filter(|(i, _)| mask[i % lanes]) {
                        returned[i] = *word;
                    }
                }
                mask.fill(false);
            }
            Statement::ControlBarrier(_) => self.barrier(mask, at),
            Statement::MemoryBarrier(_) => {}
            Statement::Store { pointer, value } => {
                let target = self.value(frame, *pointer, mask)?;
                let value = self.value(frame, *value, mask)?;
                self.store(frame, *pointer, &target, words_of(&value)?, mask, at)?;
            }
            Statement::WorkGroupUniformLoad { pointer, result } => {
                self.barrier(mask, at);
                let target = self.value(frame, *pointer, mask)?;
                let value = self.load(frame, *pointer, &target, mask, at)?;
                self.barrier(mask, at);
                frame.values[result.index()] = Some(Rc::new(value));
            }
            Statement::Call { function, arguments, result } => {
                let mut values = Vec::new();
                for argument in arguments {
                    values.push(self.value(frame, *argument, mask)?);
                }
                let (callee, info) = (&self.module.functions[*function], &self.info[*function]);
                let words = self.call(callee, info, values, mask)?;
                if let Some(result) = result {
                    frame.values[result.index()] = Some(Rc::new(Value::Words(words)));
                }
            }
            Statement::SubgroupCollectiveOperation { op, collective_op, argument, result } => {
                let value = self.value(frame, *argument, mask)?;
                let scalar = frame.scalar(self.module, *argument)?;
                self.whole_subgroups(mask, at);
                let words = self.collective((*op, *collective_op), words_of(&value)?, scalar, mask)?;
                frame.values[result.index()] = Some(Rc::new(Value::Words(words)));
            }
            Statement::SubgroupGather { mode, argument, result } => {
                let value = self.value(frame, *argument, mask)?;
                self.whole_subgroups(mask, at);
                let words = self.gather(frame, *mode, words_of(&value)?, mask)?;
                frame.values[result.index()] = Some(Rc::new(Value::Words(words)));
            }
            Statement::CooperativeStore { target, data } => {
                let pointer = self.value(frame, data.pointer, mask)?;
                let stride = self.value(frame, data.stride, mask)?;
                let naga::TypeInner::CooperativeMatrix { columns, rows, scalar, .. } =
                    *frame.ty(self.module, *target)
                else {
                    return Err("a matrix is stored that is none".into());
                };
                let extents = if data.row_major { (rows, columns) } else { (columns, rows) };
                let target = (data.pointer, &*pointer);
                self.matrix(frame, target, words_of(&stride)?, extents, Some(scalar), mask, at)?;
            }
            other => return Err(format!("the interpreter does not know the statement {other:?}")),
        }
        Ok(())
    }

    /// Those who come to the end of a case leave the switch.
    fn past_case(&self, frame: &mut Frame<'a>, taken: Mask) -> Mask {
        if let Some(broke) = frame.broke.last_mut() {
            join(broke, &taken);
        }
        vec![false; self.lanes]
    }

    fn turns(
        &mut self,
        frame: &mut Frame<'a>,
        body: &'a Block,
        continuing: &'a Block,
        break_if: Option<Handle<Expression>>,
        mask: &mut Mask,
    ) -> Result<(), String> {
        frame.broke.push(vec![false; self.lanes]);
        while any(mask) {
            frame.continued.push(vec![false; self.lanes]);
            self.block(frame, body, mask)?;
            join(mask, &frame.continued.pop().ok_or("no loop is around")?);
            self.block(frame, continuing, mask)?;
            if let (Some(condition), true) = (break_if, any(mask)) {
                let value = self.value(frame, condition, mask)?;
                let leaving = with(mask, words_of(&value)?, true);
                mask.iter_mut().zip(&leaving).for_each(|(is, leaves)| *is &= !leaves);
                join(frame.broke.last_mut().ok_or("no loop is around")?, &leaving);
            }
        }
        *mask = frame.broke.pop().ok_or("no loop is around")?;
        Ok(())
    }

    fn barrier(&mut self, mask: &Mask, at: u32) {
        if !mask.iter().all(|is| *is) {
            self.diverges("not all invocations reach a barrier", at);
        }
        self.memory.interval += 1;
    }
}
