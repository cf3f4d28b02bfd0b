//! Chart of the throughput of square GEMM over size.

use super::figure::{Absent, Chart, Figure};
use super::lines::{LineChart, Series, imported_series};
use super::style::{Ink, Inside, Mark, Shape};
use portamark_analysis::Comparison;
use portamark_model::workload::{Case, Gemm, Layout, Precision};
use std::collections::BTreeMap;

const TITLE: &str = "GEMM throughput over size";

/// Draws the chart of all devices, with one line for each device and format.
pub fn gemm(comparison: &Comparison) -> Chart {
    let Some(layout) = most_frequent_layout(comparison) else {
        return Err(Absent::new(TITLE, "No product with m = n = k was measured."));
    };
    let mut series: Vec<Series> = Vec::new();
    for (index, device) in comparison.devices.iter().enumerate() {
        let mut lines: BTreeMap<Precision, Series> = BTreeMap::new();
        for (_, case, rate) in device.measured() {
            let Some(gemm) = square(case).filter(|gemm| gemm.layout == layout) else { continue };
            let line = lines.entry(gemm.precision).or_insert_with(|| {
                let inside = Inside::of(gemm.precision);
                let mark = Mark { shape: Shape::Circle, inside, ink: Ink::Device(index) };
                Series::new(&device.label, gemm.precision.to_string(), mark)
            });
            line.add(gemm.m, rate);
        }
        series.extend(lines.into_values());
    }
    let mut others = imported_series(comparison, |case| {
        square(case).filter(|gemm| gemm.layout == layout).map(|gemm| (gemm.m, gemm.precision, ""))
    });
    let beside = if others.is_empty() { "" } else { " Diamonds are numbers of other programs." };
    series.append(&mut others);
    let chart = LineChart::new(series, "m = n = k", "throughput, FLOP/s")
        .ok_or_else(|| Absent::new(TITLE, "No product with m = n = k has a usable rate."))?;
    let caption = format!(
        "Square products, layout {}. Hollow marks have f16 operands. Bars are the 95 % interval of the \
         median, where it is wide enough to be seen.{beside}",
        layout.name()
    );
    Ok(Figure::new("gemm", TITLE, caption, chart.description(), |layout| chart.draw(layout)))
}

fn square(case: &Case) -> Option<&Gemm> {
    match case {
        Case::Gemm(gemm) if gemm.m == gemm.n && gemm.n == gemm.k => Some(gemm),
        _ => None,
    }
}

/// Returns the layout in which most square products were measured, the first in a tie; `None` if there are
/// none. Only one is drawn, so that lines of different layouts are not confused.
fn most_frequent_layout(comparison: &Comparison) -> Option<Layout> {
    let measured = |layout: Layout| {
        let rows = comparison.devices.iter().flat_map(|device| device.measured());
        rows.filter(|(_, case, _)| square(case).is_some_and(|gemm| gemm.layout == layout)).count()
    };
    let counts = Layout::ALL.map(|layout| (layout, measured(layout)));
    counts.into_iter().rev().max_by_key(|(_, n)| *n).filter(|(_, n)| *n > 0).map(|(layout, _)| layout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn each_device_and_format_is_a_line_with_its_numbers_in_words() {
        let runs = fixture::two_devices();
        let figure = gemm(&Comparison::new(&runs)).unwrap();
        let said = &figure.description;
        assert!(said.contains("NVIDIA H100 80GB HBM3 · 580.82.07, f32: 1.55 TFLOP/s at 128"), "{said}");
        assert!(said.contains("f16.f32: 1.59 TFLOP/s at 128 to 354 TFLOP/s at 4096"), "{said}");
        assert!(said.contains("llvmpipe · Mesa 22.3.6, f32:"), "{said}");
        assert!(figure.caption.contains("layout nn"));
    }

    #[test]
    fn numbers_of_other_programs_are_lines_beside_those_of_their_device() {
        let runs = fixture::card_and_vendor();
        let figure = gemm(&Comparison::new(&runs)).unwrap();
        let said = &figure.description;
        assert!(said.contains("580.82.07, f32, cuBLAS (nvbench 0.1.0): 2.58 TFLOP/s at 128 to"), "{said}");
        assert!(figure.caption.ends_with("Diamonds are numbers of other programs."), "{}", figure.caption);
    }

    #[test]
    fn without_square_products_the_chart_is_left_out_with_a_sentence() {
        let rows = vec![fixture::ok_row("gemm f32 m4 n4 k8 nn", 1.0)];
        let runs = [fixture::file(fixture::h100_header(), rows)];
        let absent = gemm(&Comparison::new(&runs)).unwrap_err();
        assert_eq!(absent.why, "No product with m = n = k was measured.");
    }
}
