//! Published figures of accelerators, each with its source, and which of them a device is.

mod accelerator;
mod check;
mod names;

pub use accelerator::{Accelerator, Catalog, MeasuredElsewhere, Reach, Source};
pub use check::CatalogError;
