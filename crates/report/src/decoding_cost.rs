//! Text table of the cost of decoding.

use super::columns::columns;
use portamark_analysis::{Counting, DecodingCosts};
use portamark_model::units;

/// Maximum number of models named for each kind of attention.
const MOST_NAMED: usize = 4;

/// Returns a table of the price of a million decoded tokens by model, context, part and hardware, and a table
/// of the arithmetic intensity of each kind of attention. The text is ASCII.
pub fn decoding_cost_table(found: &DecodingCosts) -> String {
    let counting = match found.counting {
        Counting::Paper => "counted as the Step-3 report does",
        Counting::Exact => "counted exactly",
    };
    let mut text = format!("Cost per 10^6 decoded tokens, {counting}; modelled, not measured\n\n");
    let mut head: Vec<String> = ["model", "attention", "context", "FLOP/B", "part"].map(String::from).into();
    head.extend(found.hardware.iter().map(|hardware| hardware.name.clone()));
    head.extend(["disaggregated".to_string(), "on the cheapest".into()]);
    let mut lines = vec![head];
    let price = |value: &f64| format!("{value:.3}");
    for cost in &found.costs {
        let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        let both: Vec<f64> = (0..found.hardware.len()).map(|hardware| cost.together(hardware)).collect();
        let parts = [
            ("attention", &cost.attention, least(&cost.attention), &cost.attention_on),
            ("feed-forward", &cost.feed_forward, least(&cost.feed_forward), &cost.feed_forward_on),
            ("together", &both, cost.disaggregated, &String::new()),
        ];
        for (place, (part, prices, disaggregated, on)) in parts.into_iter().enumerate() {
            let mut line: Vec<String> = if place == 0 {
                let kind = cost.kind.map_or("-", |kind| kind.letters()).to_string();
                let intensity = units::significant(cost.intensity);
                vec![cost.model.clone(), kind, cost.context.to_string(), intensity]
            } else {
                vec![String::new(); 4]
            };
            line.push(part.into());
            line.extend(prices.iter().map(price));
            line.extend([price(&disaggregated), on.clone()]);
            lines.push(line);
        }
    }
    let last = lines[0].len() - 1;
    text += &columns(&lines, |column| [2, 3].contains(&column) || (5..last).contains(&column));

    text +=
        "\nArithmetic intensity of decode attention, FLOP per byte of KV cache, in full-attention layers\n\n";
    let mut lines = vec![["kind", "formula", "models"].map(String::from)];
    for kind in &found.intensities {
        // Pick models evenly from the lowest to the highest intensity.
        let (count, named) = (kind.models.len(), kind.models.len().min(MOST_NAMED));
        let named = (0..named).map(|place| {
            let (name, intensity) = &kind.models[place * (count - 1) / (named - 1).max(1)];
            format!("{name} {}", units::significant(*intensity))
        });
        let named = named.collect::<Vec<_>>().join(", ");
        let named = if count > MOST_NAMED { format!("{named}; {count} models") } else { named };
        lines.push([kind.kind.letters().into(), kind.formula.into(), named]);
    }
    text += &columns(&lines, |_| false);
    let ridges: Vec<String> =
        found.hardware.iter().map(|h| format!("{} {}", h.name, units::significant(h.ridge()))).collect();
    text += &format!(
        "\nCompute-bound from: {} FLOP/B; below that, bound by reading the KV cache.\n",
        ridges.join(", ")
    );
    let prices: Vec<String> =
        found.hardware.iter().map(|h| format!("{} {}/h", h.name, units::significant(h.per_hour))).collect();
    text += &format!("Prices: {}.\n", prices.join(", "));
    let (bytes, full_bytes) = (found.cache.bytes, found.cache.full_bytes);
    if bytes != full_bytes && !found.mixed.is_empty() {
        text += &format!(
            "Mixed models ({}): an element of the KV cache has {full_bytes} B in layers that see the whole context, {bytes} B \
             in layers with a window or chunks.\n",
            found.mixed.join(", ")
        );
    }
    text + "Not included: communication, embeddings, expert routing, the LM head, memory for weights.\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::{CacheFormat, PricedHardware, decoding_costs};
    use portamark_model::catalog::Models;

    #[test]
    fn the_costs_of_the_report_are_as_shown() {
        let find = |name| Models::embedded().find(name).unwrap();
        let models = [find("Step-3"), find("DeepSeek-V3"), find("Qwen3-235B-A22B")];
        let (contexts, hardware) = ([8192, 32768], PricedHardware::paper());
        let found = decoding_costs(&models, &contexts, Counting::Paper, CacheFormat::PAPER, hardware);
        let text = decoding_cost_table(&found);
        // Check values published in the Step-3 report, with attention and feed-forward disaggregated.
        for published in ["0.055", "0.129", "0.068", "0.211", "0.062", "0.193"] {
            assert!(text.contains(published), "{published}: {text}");
        }
        insta::assert_snapshot!(text);
    }
}
