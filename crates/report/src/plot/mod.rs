//! Charts, one module each, drawn by plotters as SVG. CONTRIBUTING.md lists what to change to add one.

mod attention;
mod axis;
mod bandwidth;
mod canvas;
mod cascade;
mod charts;
mod curve;
mod decode;
mod decoding_cost;
mod drift;
mod errors;
mod figure;
mod frame;
mod gemm;
mod heat_map;
mod letter;
mod lines;
mod navigation;
mod ranking;
mod ratios;
mod roofline;
mod samples;
mod style;
mod vendor;

pub use canvas::SCALE;
pub use charts::{Charts, PlacedChart, Section};
pub use decoding_cost::decoding_cost as decoding_cost_chart;
pub use figure::Chart;
pub use letter::letter;
pub use ranking::ranking as ranking_chart;
pub use style::{Ink, page_rules};
