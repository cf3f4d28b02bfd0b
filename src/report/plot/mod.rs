//! Charts, one file each, drawn by plotters as SVG. CONTRIBUTING.md lists what a new one touches.

mod attention;
mod axis;
mod bandwidth;
mod canvas;
mod charts;
mod figure;
mod frame;
mod gemm;
mod lines;
mod roofline;
mod style;

pub use canvas::SCALE;
pub use charts::Charts;
pub use figure::Chart;
pub use style::{Ink, page_rules};
