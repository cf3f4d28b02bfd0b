//! Published figures of accelerators, each with its source, and which of them a device is; the shapes
//! of published models.

mod accelerator;
mod check;
mod model;
mod names;

pub use accelerator::{Accelerator, Catalog, MeasuredElsewhere, Reach, Source};
pub use check::CatalogError;
pub use model::{AttentionLayers, Model, Models, ProductLayers, Role};
