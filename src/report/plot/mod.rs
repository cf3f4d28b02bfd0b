//! Charts, one file each, drawn by plotters as SVG. A new chart costs a file and a line in
//! `Charts`.

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
