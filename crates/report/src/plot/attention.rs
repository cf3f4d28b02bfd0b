//! Chart of the throughput of self-attention prefill over sequence length.

use super::figure::{Absent, Chart, Figure};
use super::lines::{LineChart, Series, imported_series};
use super::style::{Ink, Inside, Mark, Shape};
use portamark_analysis::{Comparison, Device};
use portamark_model::workload::{Attention, Case, Precision};
use std::collections::BTreeMap;

const TITLE: &str = "Attention throughput over sequence length";

/// Number of query heads, number of key/value heads, and head dimension.
type Heads = (u64, u64, u64);

/// Draws the chart of all devices, with one line for each device, format and mask.
pub fn attention(comparison: &Comparison) -> Chart {
    let heads: Vec<Option<Heads>> = comparison.devices.iter().map(most_frequent_heads).collect();
    let Some(first) = heads.iter().flatten().next().copied() else {
        return Err(Absent::new(TITLE, "No prefill attention was measured."));
    };
    let alike = heads.iter().flatten().all(|heads| *heads == first);
    let mut series: Vec<Series> = Vec::new();
    for ((index, device), heads) in comparison.devices.iter().enumerate().zip(heads) {
        let Some(heads) = heads else { continue };
        let mut lines: BTreeMap<(Precision, bool), Series> = BTreeMap::new();
        for (_, case, rate) in device.measured() {
            let Some(attention) = whole(case).filter(|attention| heads_of(attention) == heads) else {
                continue;
            };
            let line = lines.entry((attention.precision, attention.causal)).or_insert_with(|| {
                let shape = if attention.causal { Shape::Triangle } else { Shape::Circle };
                let mark = Mark { shape, inside: Inside::of(attention.precision), ink: Ink::Device(index) };
                let mut what = attention.precision.to_string();
                if attention.causal {
                    what += " causal";
                }
                if !alike {
                    what += &format!(" ({})", words(heads));
                }
                Series::new(&device.label, what, mark)
            });
            line.add(attention.queries, rate);
        }
        series.extend(lines.into_values());
    }
    let mut others = imported_series(comparison, |case| {
        let attention = whole(case).filter(|attention| heads_of(attention) == first)?;
        Some((attention.queries, attention.precision, if attention.causal { " causal" } else { "" }))
    });
    let beside = if others.is_empty() { "" } else { " Diamonds are numbers of other programs." };
    series.append(&mut others);
    let chart = LineChart::new(series, "sequence length", "throughput, FLOP/s")
        .ok_or_else(|| Absent::new(TITLE, "No prefill attention has a usable rate."))?;
    let shape = if alike { words(first) } else { "the heads that each device ran most often".into() };
    let caption = format!(
        "Self-attention prefill, {shape}, the best batch at each length. Triangles are causal and count \
         only the unmasked pairs; hollow marks have f16 operands.{beside}"
    );
    Ok(Figure::new("attention", TITLE, caption, chart.description(), |layout| chart.draw(layout)))
}

/// Returns the attention of `case` if it is self-attention prefill (as many queries as keys).
fn whole(case: &Case) -> Option<&Attention> {
    match case {
        Case::Attention(attention) if attention.queries == attention.keys && !attention.is_decode() => {
            Some(attention)
        }
        _ => None,
    }
}

fn heads_of(attention: &Attention) -> Heads {
    (attention.heads, attention.kv_heads, attention.dim)
}

/// Returns the head configuration with the most rows, the smallest in a tie. Only one is drawn, because a
/// line must not mix two shapes.
fn most_frequent_heads(device: &Device) -> Option<Heads> {
    let mut counts: BTreeMap<Heads, usize> = BTreeMap::new();
    for (_, case, _) in device.measured() {
        if let Some(attention) = whole(case) {
            *counts.entry(heads_of(attention)).or_insert(0) += 1;
        }
    }
    counts.into_iter().rev().max_by_key(|(_, n)| *n).map(|(heads, _)| heads)
}

fn words((queries, keys, dim): Heads) -> String {
    if queries == keys {
        format!("{queries} heads of dimension {dim}")
    } else {
        format!("{queries} query heads on {keys} of dimension {dim}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn formats_and_masks_are_lines_of_their_own() {
        let runs = fixture::two_devices();
        let figure = attention(&Comparison::new(&runs)).unwrap();
        let said = &figure.description;
        assert!(said.contains("580.82.07, f16.f32: 234 TFLOP/s at 512 to 272 TFLOP/s at 8192"), "{said}");
        assert!(said.contains("f16.f32 causal: 169 TFLOP/s at 512"), "{said}");
        assert!(figure.caption.contains("32 query heads on 8 of dimension 128"), "{}", figure.caption);
    }

    #[test]
    fn different_heads_are_named_and_decode_steps_do_not_count() {
        let file = |header, key: &str| fixture::file(header, vec![fixture::ok_row(key, 1e-3)]);
        let runs = [
            file(fixture::h100_header(), "attention f32 b1 hq8 hkv8 q64 kv64 d64"),
            file(fixture::software_header(), "attention f32 b1 hq2 hkv1 q64 kv64 d32"),
        ];
        let figure = attention(&Comparison::new(&runs)).unwrap();
        assert!(figure.description.contains("f32 (8 heads of dimension 64)"), "{}", figure.description);
        let runs = [file(fixture::h100_header(), "attention f32 b1 hq8 hkv8 q1 kv64 d64")];
        assert!(attention(&Comparison::new(&runs)).is_err());
    }
}
