//! Pointers, loads and stores.

use super::finding::Kind;
use super::layout::{elements, leaves, member, width, words};
use super::machine::{Frame, Machine, Mask, NOWHERE, Place, Value};
use naga::{Expression, Handle, TypeInner};
use std::rc::Rc;

/// An index: one for all invocations, or one of each.
pub(crate) enum Index<'a> {
    Same(u32),
    Each(&'a [u32]),
}

impl Index<'_> {
    fn of(&self, lane: usize) -> u32 {
        match self {
            Index::Same(index) => *index,
            Index::Each(indices) => indices[lane],
        }
    }
}

impl<'a> Machine<'a> {
    /// Returns a pointer to an element or member of what `base` points to.
    pub(crate) fn inside_pointer(
        &mut self,
        frame: &Frame<'a>,
        (base, place, from): (Handle<Expression>, Place, &[u32]),
        index: &Index,
        mask: &Mask,
        at: u32,
    ) -> Result<Value, String> {
        let module = self.module;
        let inner = frame.pointee(module, base).ok_or("the interpreter expected a pointer")?;
        let is_local = matches!(place, Place::Local(_));
        if let Index::Same(index) = index
            && let Some((bytes, before, _)) = member(module, &inner, *index)?
        {
            let by = if is_local { before as u32 } else { bytes };
            let moved = from.iter().map(|at| if *at == NOWHERE { NOWHERE } else { at + by });
            return Ok(Value::Pointer(place, moved.collect()));
        }
        let parts = elements(module, &inner)?;
        let step = u64::from(if is_local { parts.words as u32 } else { parts.stride });
        let mut moved = vec![NOWHERE; self.lanes];
        for lane in (0..self.lanes).filter(|lane| mask[*lane] && from[*lane] != NOWHERE) {
            let held = |place: usize| self.memory.variables[place].bytes.len() as u64;
            let count = match (parts.count, place) {
                (Some(count), _) => u64::from(count),
                (None, Place::Global(place)) => held(place).saturating_sub(from[lane].into()) / step,
                (None, Place::Local(_)) => return Err("a variable of a function has no length".into()),
            };
            let i = index.of(lane);
            if u64::from(i) < count {
                moved[lane] = (u64::from(from[lane]) + u64::from(i) * step) as u32;
            } else {
                let name = match place {
                    Place::Global(place) => self.memory.variables[place].name.clone(),
                    Place::Local(_) => "a variable of the function".into(),
                };
                self.findings.add(Kind::OutOfBounds, &name, at, None, || {
                    format!("invocation {lane} takes element {i} of `{name}`, which has {count}")
                });
            }
        }
        Ok(Value::Pointer(place, moved))
    }

    /// Returns an element or member of a value.
    pub(crate) fn inside_value(
        &mut self,
        frame: &Frame<'a>,
        (base, from): (Handle<Expression>, &[u32]),
        index: &Index,
        mask: &Mask,
        at: u32,
    ) -> Result<Value, String> {
        let (module, lanes) = (self.module, self.lanes);
        let inner = frame.ty(module, base);
        if let Index::Same(index) = index {
            let (before, count) = match member(module, inner, *index)? {
                Some((_, before, count)) => (before, count),
                None => {
                    let parts = elements(module, inner)?;
                    (*index as usize * parts.words, parts.words)
                }
            };
            return Ok(Value::Words(from[before * lanes..(before + count) * lanes].to_vec()));
        }
        let parts = elements(module, inner)?;
        let count = parts.count.ok_or("a value has no length")?;
        let mut taken = vec![0; parts.words * lanes];
        for lane in (0..lanes).filter(|lane| mask[*lane]) {
            let i = index.of(lane);
            if i >= count {
                self.findings.add(Kind::OutOfBounds, "", at, None, || {
                    format!("invocation {lane} takes element {i} of a value that has {count}")
                });
                continue;
            }
            for word in 0..parts.words {
                taken[word * lanes + lane] = from[(i as usize * parts.words + word) * lanes + lane];
            }
        }
        Ok(Value::Words(taken))
    }

    /// Where an access to a component counts as one to its vector, returns that vector's start and bytes.
    fn around(
        &self,
        frame: &Frame<'a>,
        pointer: Handle<Expression>,
    ) -> Result<Option<(Rc<Value>, u32)>, String> {
        if !self.whole_vectors {
            return Ok(None);
        }
        let (Expression::Access { base, .. } | Expression::AccessIndex { base, .. }) =
            frame.function.expressions[pointer]
        else {
            return Ok(None);
        };
        let Some(inner) = frame.pointee(self.module, base) else { return Ok(None) };
        let TypeInner::Vector { size, scalar } = *inner else { return Ok(None) };
        let value = frame.values[base.index()].clone();
        Ok(value.map(|value| (value, size as u32 * width(scalar))))
    }

    /// Loads through a pointer.
    pub(crate) fn load(
        &mut self,
        frame: &Frame<'a>,
        pointer: Handle<Expression>,
        target: &Value,
        mask: &Mask,
        at: u32,
    ) -> Result<Value, String> {
        let Value::Pointer(place, from) = target else { return Err("a load needs a pointer".into()) };
        let (module, lanes) = (self.module, self.lanes);
        let inner = frame.pointee(module, pointer).ok_or("a load needs a pointer")?;
        let place = match place {
            Place::Global(place) => *place,
            Place::Local(local) => {
                let (count, held) = (words(module, &inner)?, &frame.locals[*local]);
                let mut found = vec![0; count * lanes];
                for lane in (0..lanes).filter(|lane| mask[*lane] && from[*lane] != NOWHERE) {
                    for word in 0..count {
                        found[word * lanes + lane] = held[(from[lane] as usize + word) * lanes + lane];
                    }
                }
                return Ok(Value::Words(found));
            }
        };
        let is_atomic = matches!(*inner, TypeInner::Atomic(_));
        let whole = self.around(frame, pointer)?;
        let leaves = leaves(module, &inner)?;
        let mut found = vec![0; leaves.len() * lanes];
        for lane in (0..lanes).filter(|lane| mask[*lane] && from[*lane] != NOWHERE) {
            let by = Self::access(lane, at, is_atomic);
            if let Some((vector, bytes)) = &whole
                && let Value::Pointer(_, starts) = &**vector
            {
                self.memory.note_read(place, starts[lane], *bytes, by, &mut self.findings);
            }
            for (word, leaf) in leaves.iter().enumerate() {
                let offset = from[lane] + leaf.offset;
                if self.memory.note_read(place, offset, width(leaf.scalar), by, &mut self.findings) {
                    found[word * lanes + lane] = self.memory.get(place, offset, leaf.scalar);
                }
            }
        }
        Ok(Value::Words(found))
    }

    /// Stores words through a pointer.
    pub(crate) fn store(
        &mut self,
        frame: &mut Frame<'a>,
        pointer: Handle<Expression>,
        target: &Value,
        value: &[u32],
        mask: &Mask,
        at: u32,
    ) -> Result<(), String> {
        let Value::Pointer(place, to) = target else { return Err("a store needs a pointer".into()) };
        let (module, lanes) = (self.module, self.lanes);
        let place = match place {
            Place::Global(place) => *place,
            Place::Local(local) => {
                let held = &mut frame.locals[*local];
                for lane in (0..lanes).filter(|lane| mask[*lane] && to[*lane] != NOWHERE) {
                    for word in 0..value.len() / lanes {
                        held[(to[lane] as usize + word) * lanes + lane] = value[word * lanes + lane];
                    }
                }
                return Ok(());
            }
        };
        let inner = frame.pointee(module, pointer).ok_or("a store needs a pointer")?;
        let is_atomic = matches!(*inner, TypeInner::Atomic(_));
        let whole = self.around(frame, pointer)?;
        let leaves = leaves(module, &inner)?;
        for lane in (0..lanes).filter(|lane| mask[*lane] && to[*lane] != NOWHERE) {
            let by = Self::access(lane, at, is_atomic);
            if let Some((vector, bytes)) = &whole
                && let Value::Pointer(_, starts) = &**vector
            {
                self.memory.note_write(place, starts[lane], *bytes, 0, by, &mut self.findings);
            }
            for (word, leaf) in leaves.iter().enumerate() {
                let (offset, word) = (to[lane] + leaf.offset, value[word * lanes + lane]);
                if self.memory.note_write(place, offset, width(leaf.scalar), word, by, &mut self.findings) {
                    self.memory.set(place, offset, leaf.scalar, word);
                }
            }
        }
        Ok(())
    }
}
