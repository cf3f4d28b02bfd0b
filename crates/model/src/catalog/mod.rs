//! Published figures of accelerators, each with its source; the lookup of the accelerator that a device is;
//! and the shapes of published models.

mod accelerator;
mod check;
mod embedded;
mod lookup;
mod model;
mod names;

pub use accelerator::{Accelerator, Catalog, Dies, MeasuredElsewhere, Reach, Source};
pub use check::CatalogError;
pub use model::{AttentionLayers, Model, Models, ProductLayers, Role};
