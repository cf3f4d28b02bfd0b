//! An interpreter of compute shaders that finds what a driver hides: data races, accesses out of bounds, reads of
//! workgroup memory that nobody wrote, and barriers that not all invocations reach.
//!
//! All invocations of a workgroup take each statement together, under a mask, and every access to memory that is written
//! is noted with its invocation and the interval between two barriers in which it lies; for buffers that is the whole
//! dispatch. Two invocations that touch one element in one interval, one of them writing, race, whatever the order in which
//! a device would run them. So one run finds all races of the way that it takes, for its sizes and its data; other sizes
//! take other ways. This is the rule of WGSL: that the invocations of a subgroup run in step is not relied on.
//!
//! Matrices of the matrix unit have no values here: a load notes what it reads, and a store writes noise that
//! grows. Which invocation touches which element of one is not known: each load and each store counts as one more.

mod arithmetic;
mod evaluate;
mod finding;
mod functions;
mod layout;
mod machine;
mod memory;
mod pointers;
mod program;
mod statements;
mod subgroups;

pub use finding::{Finding, Kind};
pub use program::{Buffer, Dispatch, Program};
