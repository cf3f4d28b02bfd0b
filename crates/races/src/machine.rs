//! The state of a workgroup that runs.

use super::finding::{Findings, Kind};
use super::layout::pointee;
use super::memory::{Access, Memory};
use naga::valid::{FunctionInfo, ModuleInfo};
use naga::{Expression, Function, Handle, Module, Scalar, TypeInner};
use std::borrow::Cow;
use std::rc::Rc;

/// An address that is none: its index was out of bounds, which has been told.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// Where a pointer points to: a variable of the module, or of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Global(usize),
    Local(usize),
}

/// The value of an expression in each invocation.
#[derive(Debug)]
pub(crate) enum Value {
    /// Words of all invocations: those of the first word, then those of the second.
    Words(Vec<u32>),
    /// Bytes from the start of a global variable, or words from that of a local one, in each invocation.
    Pointer(Place, Vec<u32>),
}

/// Which invocations take a statement.
pub(crate) type Mask = Vec<bool>;

/// A function that runs.
pub(crate) struct Frame<'a> {
    pub function: &'a Function,
    pub info: &'a FunctionInfo,
    pub values: Vec<Option<Rc<Value>>>,
    pub locals: Vec<Vec<u32>>,
    pub arguments: Vec<Rc<Value>>,
    pub returned: Option<Vec<u32>>,
    /// Invocations that left the loops and switches around, innermost last.
    pub broke: Vec<Mask>,
    /// Invocations that wait for the next turn of the loops around.
    pub continued: Vec<Mask>,
}

/// A workgroup that runs.
pub(crate) struct Machine<'a> {
    pub module: &'a Module,
    pub info: &'a ModuleInfo,
    /// Number of invocations.
    pub lanes: usize,
    /// Number of invocations of a subgroup.
    pub subgroup: usize,
    pub size: [u32; 3],
    pub group: [u32; 3],
    pub groups: [u32; 3],
    pub memory: Memory,
    pub findings: Findings,
    /// Whether an access to a component counts as one to its vector, as WGSL lets implementations do it.
    pub whole_vectors: bool,
    /// Loads and stores of matrices so far.
    pub matrices: u32,
    /// Statements so far.
    pub steps: u64,
}

impl<'a> Frame<'a> {
    pub(crate) fn ty(&self, module: &'a Module, expression: Handle<Expression>) -> &TypeInner {
        self.info[expression].ty.inner_with(&module.types)
    }

    /// Returns the scalar that the value of an expression is made of.
    pub(crate) fn scalar(
        &self,
        module: &'a Module,
        expression: Handle<Expression>,
    ) -> Result<Scalar, String> {
        let inner = self.ty(module, expression);
        inner.scalar().ok_or_else(|| format!("the interpreter expected a number and has {inner:?}"))
    }

    /// Returns what an expression that is a pointer points to.
    pub(crate) fn pointee(
        &self,
        module: &'a Module,
        expression: Handle<Expression>,
    ) -> Option<Cow<'a, TypeInner>> {
        pointee(module, self.ty(module, expression))
    }

    /// Returns where in the text an expression stands.
    pub(crate) fn place(&self, expression: Handle<Expression>) -> u32 {
        let span = self.function.expressions.get_span(expression);
        span.to_range().map_or(0, |range| range.start as u32)
    }
}

impl Machine<'_> {
    pub(crate) fn spread(&self, word: u32) -> Vec<u32> {
        vec![word; self.lanes]
    }

    /// Tells of what not all invocations take the same way.
    pub(crate) fn diverges(&mut self, what: &str, at: u32) {
        self.findings.add(Kind::Divergent, "", at, None, || what.into());
    }

    pub(crate) fn access(lane: usize, at: u32, atomic: bool) -> Access {
        Access { who: lane as u32, at, atomic }
    }
}

/// Returns the words of a value.
pub(crate) fn words_of(value: &Value) -> Result<&[u32], String> {
    match value {
        Value::Words(words) => Ok(words),
        Value::Pointer(..) => Err("the interpreter expected a number and has a pointer".into()),
    }
}
