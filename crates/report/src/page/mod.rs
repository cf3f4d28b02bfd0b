//! Content of the HTML page. All values are already formatted as text; the template only arranges them.

mod answer;
mod device;
mod figures;
mod whole;

pub use answer::family_title;
pub use whole::Page;
