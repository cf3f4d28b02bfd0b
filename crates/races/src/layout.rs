//! Where the parts of a type lie: in bytes in memory, and in words in values and variables of a function, where each
//! scalar has one.

use naga::{ArraySize, Module, Scalar, TypeInner};
use std::borrow::Cow;

/// A scalar of a type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf {
    /// Bytes from the start of the type.
    pub offset: u32,
    pub scalar: Scalar,
}

/// The elements of a type that is indexed.
pub(crate) struct Elements {
    /// Number of elements; `None` where the buffer sets it.
    pub count: Option<u32>,
    /// Bytes from one to the next.
    pub stride: u32,
    /// Words of one.
    pub words: usize,
}

fn unknown(inner: &TypeInner) -> String {
    format!("the interpreter does not know the type {inner:?}")
}

/// Returns the number of words of a value.
pub(crate) fn words(module: &Module, inner: &TypeInner) -> Result<usize, String> {
    Ok(match inner {
        TypeInner::Scalar(_) | TypeInner::Atomic(_) | TypeInner::CooperativeMatrix { .. } => 1,
        TypeInner::Vector { size, .. } => *size as usize,
        TypeInner::Array { base, size: ArraySize::Constant(count), .. } => {
            count.get() as usize * words(module, &module.types[*base].inner)?
        }
        TypeInner::Struct { members, .. } => {
            let each = members.iter().map(|member| words(module, &module.types[member.ty].inner));
            each.sum::<Result<usize, String>>()?
        }
        _ => return Err(unknown(inner)),
    })
}

/// Returns the scalars of a type, in the order of its words.
pub(crate) fn leaves(module: &Module, inner: &TypeInner) -> Result<Vec<Leaf>, String> {
    let mut found = Vec::new();
    add_leaves(module, inner, 0, &mut found)?;
    Ok(found)
}

fn add_leaves(module: &Module, inner: &TypeInner, from: u32, to: &mut Vec<Leaf>) -> Result<(), String> {
    match inner {
        TypeInner::Scalar(scalar) | TypeInner::Atomic(scalar) => {
            to.push(Leaf { offset: from, scalar: *scalar });
        }
        TypeInner::Vector { size, scalar } => {
            let each = (0..*size as u32).map(|i| Leaf { offset: from + i * width(*scalar), scalar: *scalar });
            to.extend(each);
        }
        TypeInner::Array { base, size: ArraySize::Constant(count), stride } => {
            for i in 0..count.get() {
                add_leaves(module, &module.types[*base].inner, from + i * stride, to)?;
            }
        }
        TypeInner::Struct { members, .. } => {
            for member in members {
                add_leaves(module, &module.types[member.ty].inner, from + member.offset, to)?;
            }
        }
        _ => return Err(unknown(inner)),
    }
    Ok(())
}

/// Returns the elements of what is indexed by a number that is only known when it runs.
pub(crate) fn elements(module: &Module, inner: &TypeInner) -> Result<Elements, String> {
    Ok(match inner {
        TypeInner::Vector { size, scalar } => {
            Elements { count: Some(*size as u32), stride: width(*scalar), words: 1 }
        }
        TypeInner::Array { base, size, stride } => {
            let count = match size {
                ArraySize::Constant(count) => Some(count.get()),
                _ => None,
            };
            let words = words(module, &module.types[*base].inner)?;
            Elements { count, stride: *stride, words }
        }
        _ => return Err(unknown(inner)),
    })
}

/// Returns bytes and words before member `index` of a struct, and its words.
pub(crate) fn member(
    module: &Module,
    inner: &TypeInner,
    index: u32,
) -> Result<Option<(u32, usize, usize)>, String> {
    let TypeInner::Struct { members, .. } = inner else { return Ok(None) };
    let mut before = 0;
    for member in &members[..index as usize] {
        before += words(module, &module.types[member.ty].inner)?;
    }
    let member = &members[index as usize];
    Ok(Some((member.offset, before, words(module, &module.types[member.ty].inner)?)))
}

/// Returns what a pointer points to.
pub(crate) fn pointee<'a>(module: &'a Module, inner: &TypeInner) -> Option<Cow<'a, TypeInner>> {
    match inner {
        TypeInner::Pointer { base, .. } => Some(Cow::Borrowed(&module.types[*base].inner)),
        TypeInner::ValuePointer { size: Some(size), scalar, .. } => {
            Some(Cow::Owned(TypeInner::Vector { size: *size, scalar: *scalar }))
        }
        TypeInner::ValuePointer { size: None, scalar, .. } => Some(Cow::Owned(TypeInner::Scalar(*scalar))),
        _ => None,
    }
}

/// Returns the bytes of a scalar in memory.
pub(crate) fn width(scalar: Scalar) -> u32 {
    u32::from(scalar.width)
}
