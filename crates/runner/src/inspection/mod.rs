//! Compiles kernels for chips that are here and for chips that are not, and collects what their compilers made of them.

mod asked;
mod demand;
mod foreign;
mod kept;
mod of_plan;
mod sweep;
mod target;

pub(crate) use asked::Asked;
pub use foreign::{Foreign, inspect_foreign};
pub use kept::Kept;
pub use sweep::{Wanted, compiled, inspect};
pub use target::Target;
