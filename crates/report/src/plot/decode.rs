//! Chart of the bandwidth of decode steps over the length of the KV cache.

use super::figure::{Absent, Chart, Figure};
use super::lines::{LineChart, Series};
use super::style::{Ink, Inside, Mark, Shape};
use portamark_analysis::Comparison;
use portamark_model::workload::{Attention, Case, Precision};
use std::collections::BTreeMap;

const TITLE: &str = "Decode bandwidth over KV cache length";

/// Properties that all decode steps of a line share: number of sequences, query heads, key/value heads, head
/// dimension, and whether the values are part of the keys.
type Steps = (u64, u64, u64, u64, bool);

/// Draws the chart of all devices for the most frequent shape, with one line for each device and format.
pub fn decode(comparison: &Comparison) -> Chart {
    let Some(shape) = most_frequent(comparison) else {
        return Err(Absent::new(TITLE, "No shape of decode attention was measured at two lengths."));
    };
    let mut series: Vec<Series> = Vec::new();
    for (index, device) in comparison.devices.iter().enumerate() {
        let mut lines: BTreeMap<Precision, Series> = BTreeMap::new();
        for (_, case, rate) in device.measured() {
            let Some(step) = step(case).filter(|step| shape_of(step) == shape) else { continue };
            let line = lines.entry(step.precision).or_insert_with(|| {
                let inside = Inside::of(step.precision);
                let mark = Mark { shape: Shape::Diamond, inside, ink: Ink::Device(index) };
                Series::new(&device.label, step.precision.to_string(), mark)
            });
            line.add(step.keys, rate);
        }
        series.extend(lines.into_values());
    }
    let chart = LineChart::new(series, "keys in the KV cache of one sequence", "bandwidth, B/s")
        .ok_or_else(|| Absent::new(TITLE, "No decode step has a usable rate."))?;
    let (batch, heads, kv_heads, dim, latent) = shape;
    let caption = format!(
        "One query for each of {batch} {}, {heads} query heads on {kv_heads} of dimension {dim}{}. Bytes are the \
         keys and values read once; hollow marks have f16 queries.",
        if batch == 1 { "sequence" } else { "sequences" },
        if latent { ", values within the keys" } else { "" },
    );
    Ok(Figure::new("decode", TITLE, caption, chart.description(), |layout| chart.draw(layout)))
}

/// Returns the attention of `case` if it is a decode step over the whole KV cache, without a window or pages.
fn step(case: &Case) -> Option<&Attention> {
    match case {
        Case::Attention(step) if step.is_decode() && step.window.is_none() && step.page.is_none() => {
            Some(step)
        }
        _ => None,
    }
}

fn shape_of(step: &Attention) -> Steps {
    (step.batch, step.heads, step.kv_heads, step.dim, step.latent)
}

/// Returns the shape measured at the most lengths in one format on one device, the smallest in a tie; `None`
/// if no shape was measured at two lengths or more.
fn most_frequent(comparison: &Comparison) -> Option<Steps> {
    let mut counts: BTreeMap<Steps, usize> = BTreeMap::new();
    for device in &comparison.devices {
        let mut of_device: BTreeMap<(Steps, Precision), usize> = BTreeMap::new();
        for step in device.measured().filter_map(|(_, case, _)| step(case)) {
            *of_device.entry((shape_of(step), step.precision)).or_insert(0) += 1;
        }
        for ((shape, _), n) in of_device {
            let held = counts.entry(shape).or_insert(0);
            *held = n.max(*held);
        }
    }
    counts.into_iter().rev().max_by_key(|(_, n)| *n).filter(|(_, n)| *n > 1).map(|(shape, _)| shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn each_device_and_format_is_a_line_over_the_length() {
        let runs = fixture::two_devices();
        let figure = decode(&Comparison::new(&runs)).unwrap();
        let said = &figure.description;
        assert!(
            said.contains("580.82.07, f16.f32: ") && said.contains(" at 1024 to 2.06 TB/s at 32768"),
            "{said}"
        );
        let shape = "One query for each of 1 sequence, 32 query heads on 8 of dimension 128.";
        assert!(figure.caption.starts_with(shape), "{}", figure.caption);
    }

    #[test]
    fn one_length_is_no_line() {
        let key = "attention f32 b1 hq8 hkv8 q1 kv64 d64";
        let runs = [fixture::file(fixture::h100_header(), vec![fixture::ok_row(key, 1e-3)])];
        assert!(decode(&Comparison::new(&runs)).unwrap_err().why.contains("two lengths"));
    }
}
