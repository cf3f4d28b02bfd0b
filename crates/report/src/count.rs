//! Table of the FLOP and bytes that different programs count for one case.

use super::columns::columns;
use portamark_model::units;
use portamark_model::workload::{Case, Counted};

/// Returns one line for each of `counts`. If `seconds`, the time of one execution, is given, each line also
/// has the resulting rates. The text is ASCII.
pub fn count_table(case: &Case, counts: &[Counted], seconds: Option<f64>) -> String {
    let time = seconds.map(|s| format!(" in {}", units::precise_seconds(s).replace('µ', "u")));
    let mut text = format!("{}{}\n\n", case.key(), time.unwrap_or_default());
    if let Some(routing) = case.routing() {
        text = format!("{}\n{routing}\n\n", text.trim_end());
    }
    let mut head = vec!["convention", "FLOP"];
    if seconds.is_some() {
        head.push("rate");
    }
    head.push("bytes");
    if seconds.is_some() {
        head.push("rate");
    }
    let mut lines = vec![head.into_iter().map(String::from).collect::<Vec<_>>()];
    let last = lines[0].len();
    lines[0].push("FLOP formula".into());
    for count in counts {
        let mut cells = vec![count.convention.name().to_string(), count.flop.to_string()];
        cells.extend(seconds.map(|s| units::precise_rate(count.flop as f64 / s, "FLOP/s")));
        cells.push(count.bytes.map_or("-".into(), |bytes| bytes.to_string()));
        cells.extend(
            seconds.map(|s| {
                count.bytes.map_or("-".into(), |bytes| units::precise_rate(bytes as f64 / s, "B/s"))
            }),
        );
        cells.push(count.flop_rule.into());
        lines.push(cells);
    }
    text += &columns(&lines, |column| (1..last).contains(&column));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::workload::Convention;

    fn table(key: &str, seconds: Option<f64>) -> String {
        let case: Case = key.parse().unwrap();
        let counts: Vec<Counted> = Convention::ALL.iter().filter_map(|c| c.count(&case)).collect();
        count_table(&case, &counts, seconds)
    }

    #[test]
    fn the_counts_of_an_attention_and_of_a_product_are_as_shown() {
        insta::assert_snapshot!(table("attention f16.f32 b2 hq16 q2048 d128 causal", Some(0.319e-3)));
        insta::assert_snapshot!(table("gemm f16.f32 m3456 n4096 k4096 nn", None));
        insta::assert_snapshot!(table("moe f16.f32 e256 k8 t32 n4096 d7168 uniform", None));
    }
}
