//! Everything that the page shows, as text: the template only places it.

mod answer;
mod device;
mod figures;
mod whole;

pub use answer::family_title;
pub use whole::Page;
pub(super) use whole::facts;
