//! What the invocations of a subgroup do together.

use super::arithmetic::binary;
use super::functions::{Arguments, call};
use super::layout::{leaves, width};
use super::machine::{Frame, Machine, Mask, NOWHERE, Place, Value, words_of};
use super::memory::{Access, MATRICES};
use naga::{
    BinaryOperator, CollectiveOperation, CooperativeSize, Expression, GatherMode, Handle, MathFunction,
    Scalar, SubgroupOperation,
};

impl<'a> Machine<'a> {
    /// Tells if some invocations of a subgroup do not take what all of it has to.
    pub(crate) fn whole_subgroups(&mut self, mask: &Mask, at: u32) {
        let parted = |part: &[bool]| part.iter().any(|is| *is) && !part.iter().all(|is| *is);
        if mask.chunks(self.subgroup).any(parted) {
            self.diverges("some invocations of a subgroup do not take an operation of the subgroup", at);
        }
    }

    fn subgroups(&self) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let (lanes, size) = (self.lanes, self.subgroup);
        (0..lanes).step_by(size).map(move |from| from..(from + size).min(lanes))
    }

    /// Reductions and scans.
    pub(crate) fn collective(
        &mut self,
        (op, how): (SubgroupOperation, CollectiveOperation),
        value: &[u32],
        scalar: Scalar,
        mask: &Mask,
    ) -> Result<Vec<u32>, String> {
        if how != CollectiveOperation::Reduce {
            return Err(format!("the interpreter does not know {how:?}"));
        }
        let join = |a: u32, b: u32| -> Result<u32, String> {
            let operator = match op {
                SubgroupOperation::Add => BinaryOperator::Add,
                SubgroupOperation::Mul => BinaryOperator::Multiply,
                SubgroupOperation::All | SubgroupOperation::And => BinaryOperator::And,
                SubgroupOperation::Any | SubgroupOperation::Or => BinaryOperator::InclusiveOr,
                SubgroupOperation::Xor => BinaryOperator::ExclusiveOr,
                SubgroupOperation::Min | SubgroupOperation::Max => {
                    let is_least = op == SubgroupOperation::Min;
                    let fun = if is_least { MathFunction::Min } else { MathFunction::Max };
                    let words = [vec![a], vec![b]];
                    return Ok(call(fun, &Arguments { words: &words, scalar })?[0]);
                }
            };
            Ok(binary(operator, scalar)?(a, b))
        };
        let mut result = value.to_vec();
        for word in 0..value.len() / self.lanes {
            let from = word * self.lanes;
            for lanes in self.subgroups() {
                let mut all = None;
                for lane in lanes.clone().filter(|lane| mask[*lane]) {
                    let own = value[from + lane];
                    all = Some(all.map_or(Ok(own), |all| join(all, own))?);
                }
                lanes.for_each(|lane| result[from + lane] = all.unwrap_or(0));
            }
        }
        Ok(result)
    }

    /// Broadcasts and shuffles.
    pub(crate) fn gather(
        &mut self,
        frame: &mut Frame<'a>,
        mode: GatherMode,
        value: &[u32],
        mask: &Mask,
    ) -> Result<Vec<u32>, String> {
        let index = match mode {
            GatherMode::BroadcastFirst => None,
            GatherMode::Broadcast(index)
            | GatherMode::Shuffle(index)
            | GatherMode::ShuffleDown(index)
            | GatherMode::ShuffleUp(index)
            | GatherMode::ShuffleXor(index) => Some(self.value(frame, index, mask)?),
            _ => return Err(format!("the interpreter does not know {mode:?}")),
        };
        let index = index.as_deref().map(words_of).transpose()?;
        let mut result = vec![0; value.len()];
        for lanes in self.subgroups() {
            for lane in lanes.clone() {
                let own = lane - lanes.start;
                let by = index.map_or(0, |index| index[lane] as usize);
                let from = match mode {
                    GatherMode::Broadcast(_) | GatherMode::Shuffle(_) => by,
                    GatherMode::ShuffleDown(_) => own.wrapping_add(by),
                    GatherMode::ShuffleUp(_) => own.wrapping_sub(by),
                    GatherMode::ShuffleXor(_) => own ^ by,
                    _ => 0,
                };
                if from < lanes.len() {
                    for word in 0..value.len() / self.lanes {
                        let at = word * self.lanes;
                        result[at + lane] = value[at + lanes.start + from];
                    }
                }
            }
        }
        Ok(result)
    }

    /// Loads a matrix in each subgroup, or stores one with elements `stores`: `extents` runs of elements and elements
    /// of a run, which lie side by side.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn matrix(
        &mut self,
        frame: &Frame<'a>,
        (pointer, target): (Handle<Expression>, &Value),
        stride: &[u32],
        (runs, elements): (CooperativeSize, CooperativeSize),
        stores: Option<Scalar>,
        mask: &Mask,
        at: u32,
    ) -> Result<(), String> {
        self.whole_subgroups(mask, at);
        let Value::Pointer(Place::Global(place), from) = target else {
            return Err("a matrix lies in memory".into());
        };
        let inner = frame.pointee(self.module, pointer).ok_or("a matrix needs a pointer")?;
        let parts = leaves(self.module, &inner)?;
        let element = width(parts[0].scalar);
        let unit = element * parts.len() as u32;
        for lanes in self.subgroups() {
            let first = lanes.start;
            if !mask[first] || from[first] == NOWHERE {
                continue;
            }
            let differs = |lane: usize| (from[lane], stride[lane]) != (from[first], stride[first]);
            if lanes.into_iter().any(differs) {
                self.diverges("the invocations of a subgroup disagree on where a matrix lies", at);
            }
            self.matrices += 1;
            self.memory.has_noise |= stores.is_some();
            let by = Access { who: MATRICES + self.matrices, at, atomic: false };
            for run in 0..runs as u32 {
                for i in 0..elements as u32 {
                    let offset = from[first].wrapping_add(run * stride[first] * unit + i * element);
                    let there = if stores.is_some() {
                        self.memory.note_write(*place, offset, element, 0, by, &mut self.findings)
                    } else {
                        self.memory.note_read(*place, offset, element, by, &mut self.findings)
                    };
                    if let (Some(_), true) = (stores, there) {
                        let noise =
                            self.matrices.wrapping_mul(0x9e37_79b9) ^ offset.wrapping_mul(0x85eb_ca6b);
                        // What grows lets the largest of a row move, at which kernels of attention take a way of
                        // their own.
                        let size = 64 + 32 * self.matrices as i32;
                        let number = (noise >> 8) as i32 % (2 * size + 1) - size;
                        let number = number as f32;
                        self.memory.set(*place, offset, parts[0].scalar, number.to_bits());
                    }
                }
            }
        }
        Ok(())
    }
}
