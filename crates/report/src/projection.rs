//! Projected time, memory, price and energy of models on devices, as text for a terminal.

use super::table::style;
use comfy_table::{Cell, CellAlignment, Table};
use portamark_analysis::{Basis, ChainCheck, PartTime, PowerBasis, Projection};
use portamark_model::suite::ModelMemory;
use portamark_model::units;
use std::fmt::Write;

/// Projection of one pass of a model on one device, with memory, price and energy.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ModelOnDevice {
    /// Label of the device.
    pub device: String,
    /// Name of the model.
    pub model: String,
    /// Number of layers of the model.
    pub layers: u64,
    /// Projected time of the pass.
    #[serde(flatten)]
    pub projection: Projection,
    /// Time of one layer in seconds: the sum of all parts that belong to layers, divided by the number of
    /// layers.
    pub layer_s: f64,
    /// Memory that one device needs for weights and KV cache.
    pub memory: ModelMemory,
    /// Memory of the device in bytes, as reported by it or as published; `None` if unknown.
    pub device_memory_bytes: Option<u64>,
    /// Price per hour of all devices that share the model; `None` if unknown.
    pub price_per_hour: Option<f64>,
    /// Price of 10⁶ tokens; `None` if the price of the device is unknown.
    pub price_per_million: Option<f64>,
    /// Energy of 10⁶ tokens; `None` if the power of the device is unknown.
    pub energy: Option<EnergyOfTokens>,
    /// Comparison of a layer run as one chain with the sum of its parts; `None` unless `run --chain` measured
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainCheck>,
}

/// Energy needed for 10⁶ tokens, decoded or prefilled.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct EnergyOfTokens {
    /// Energy of 10⁶ tokens, in kWh.
    pub kwh_per_million: f64,
    /// Power of all devices that share the model, in W.
    pub watts: f64,
    /// Origin of the power figure: given, measured, or published.
    pub basis: PowerBasis,
}

impl ModelOnDevice {
    /// Returns whether weights and KV cache fit in the device's memory; `None` if its size is unknown.
    pub fn fits(&self) -> Option<bool> {
        self.device_memory_bytes.map(|has| self.memory.total() <= has)
    }
}

/// Note on what projections do not include.
pub(super) const LEFT_OUT: &str =
    "Not included: norms, activations, embeddings, sampling, communication between devices, host overhead.\n";

/// Returns each projection as a heading, one line for each part, and the totals. The text is ASCII.
pub fn projections(found: &[ModelOnDevice]) -> String {
    let mut text = String::new();
    for one in found {
        write_one(&mut text, one).expect("writing into text does not fail");
        text.push('\n');
    }
    text += LEFT_OUT;
    text
}

fn write_one(text: &mut String, one: &ModelOnDevice) -> std::fmt::Result {
    let projection = &one.projection;
    let plural = if projection.batch == 1 { "" } else { "s" };
    writeln!(
        text,
        "{} on {}{}, {}: {} sequence{plural} of {} tokens",
        one.model,
        one.device,
        match (is_bound(one), projection.predicted) {
            (true, _) => " (compiled, not measured)",
            (false, true) => " (predicted)",
            (false, false) => "",
        },
        projection.phase,
        projection.batch,
        projection.context
    )?;
    let mut table = Table::new();
    table.load_style(style(false));
    table.set_header(["part", "times", "case", "time", "share", "bound by", "basis"].map(Cell::new));
    for part in &projection.parts {
        let share = part.total_s() / projection.seconds;
        let cells = [
            part.name.clone(),
            part.times.to_string(),
            part.case.clone(),
            time(part),
            format!("{:.1} %", 100.0 * share),
            part.binds.unwrap_or("-").into(),
            basis(&part.basis),
        ];
        table.add_row(cells.into_iter().enumerate().map(|(place, cell)| {
            let right = [1, 3, 4].contains(&place);
            Cell::new(cell).set_alignment(if right { CellAlignment::Right } else { CellAlignment::Left })
        }));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        writeln!(text, "{}", line.trim_end())?;
    }
    for part in projection.parts.iter().filter(|part| part.pieces > 1) {
        let (name, pieces) = (&part.name, part.pieces);
        writeln!(
            text,
            "  {name} is computed in {pieces} pieces per layer, since one case would be too large"
        )?;
    }
    let mut routings: Vec<&String> =
        projection.parts.iter().filter_map(|part| part.routing.as_ref()).collect();
    routings.dedup();
    for routing in routings {
        writeln!(text, "  {routing}")?;
    }
    let estimated = projection.parts.iter().filter(|part| part.basis != Basis::Measured);
    let estimated: f64 = estimated.map(PartTime::total_s).sum::<f64>() / projection.seconds;
    let range = projection
        .lo
        .zip(projection.hi)
        .map(|(lo, hi)| format!(" ({} to {})", ascii(&units::seconds(lo)), ascii(&units::seconds(hi))));
    let (known, missing) = (projection.parts.len(), projection.missing.len());
    let bounds = is_bound(one);
    let origin = if bounds {
        "a bound: compiled, not measured; nothing is faster by the published peaks".into()
    } else if projection.predicted {
        "predicted from published peaks, not measured".into()
    } else if estimated > 0.0 {
        format!("{:.0} % extrapolated from measured cases", 100.0 * estimated)
    } else {
        let all = if missing == 0 { "all parts" } else { "these parts" };
        format!("{all} measured")
    };
    let seconds = ascii(&units::seconds(projection.seconds));
    let range = range.unwrap_or_default();
    if known == 0 {
        writeln!(text, "  none of {missing} parts has a time")?;
    } else if missing > 0 {
        // Never as the time of the pass: what is missing may take most of it.
        let least = if bounds { "at least " } else { "" };
        writeln!(text, "  {least}{seconds} for {known} of {} parts{range}; {origin}", known + missing)?;
    } else {
        let layer = ascii(&units::seconds(one.layer_s));
        let least = if bounds { "at least " } else { "" };
        writeln!(text, "  {least}{seconds} per pass{range}, {layer} per layer; {origin}")?;
    }
    if let Some(check) = &one.chain {
        let [parts, chain] = [check.parts_s, check.chain_s].map(|seconds| ascii(&units::seconds(seconds)));
        let part = units::percent(check.ratio);
        writeln!(
            text,
            "  sum of the parts of a layer: {parts}, {part} of the layer run as one chain ({chain})"
        )?;
    }
    match projection.tokens_per_s {
        Some(rate) => {
            let least = if bounds { "at least " } else { "" };
            let price = one
                .price_per_million
                .map(|price| format!("; {least}{} per million tokens", units::significant(price)));
            // The highest rate at the highest power bounds the energy from neither side.
            let energy = one.energy.filter(|_| !bounds).map(|energy| {
                let kwh = units::significant(energy.kwh_per_million);
                format!("; {kwh} kWh per million tokens ({:.0} W, {})", energy.watts, energy.basis.words())
            });
            let if_it_fit = if one.fits() == Some(false) { " (hypothetical: does not fit)" } else { "" };
            writeln!(
                text,
                "  {}{} tokens/s{if_it_fit}{}{}",
                if bounds { "at most " } else { "" },
                units::significant(rate),
                price.unwrap_or_default(),
                energy.unwrap_or_default()
            )?;
        }
        None => {
            writeln!(text, "  no estimate is given, because of these parts:")?;
            for reason in &projection.missing {
                writeln!(text, "    {reason}")?;
            }
        }
    }
    let needs = format!(
        "  memory: weights {}, KV cache {}",
        units::memory(one.memory.weights_bytes),
        units::memory(one.memory.cache_bytes)
    );
    match one.device_memory_bytes {
        Some(has) => {
            let fits = if one.fits() == Some(true) { "fits" } else { "DOES NOT FIT" };
            writeln!(text, "{needs}; {fits} in {}", units::memory(has))
        }
        None => writeln!(text, "{needs}; the memory size of the device is unknown"),
    }
}

/// Whether the times are bounds by compiled kernels.
pub(super) fn is_bound(one: &ModelOnDevice) -> bool {
    one.projection.parts.iter().any(|part| matches!(part.basis, Basis::Compiled { .. }))
}

fn time(part: &PartTime) -> String {
    ascii(&units::seconds(part.seconds))
}

fn basis(basis: &Basis) -> String {
    match basis {
        Basis::Measured => "measured".into(),
        Basis::Interpolated { smaller, larger } => format!("interpolated between {smaller} and {larger}"),
        Basis::Extrapolated { from } => format!("extrapolated from {from}"),
        Basis::Predicted { efficiency, from } => {
            ascii(&format!("predicted: {} of the published roof ({from})", units::percent(*efficiency)))
        }
        Basis::Compiled { variant, ceiling: Some(share) } => {
            ascii(&format!("bound: {variant} can issue {} of the published peak", units::percent(*share)))
        }
        Basis::Compiled { variant, ceiling: None } => {
            ascii(&format!("bound: published bandwidth ({variant})"))
        }
    }
}

fn ascii(text: &str) -> String {
    text.replace('µ', "u").replace('·', "-")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use portamark_model::workload::Case;

    fn part(name: &str, case: &str, times: u64, seconds: f64, basis: Basis) -> PartTime {
        let (lo, hi) = (Some(0.9 * seconds), Some(1.1 * seconds));
        PartTime {
            name: name.into(),
            case: case.into(),
            routing: case.parse::<Case>().ok().and_then(|case| case.routing()),
            times,
            pieces: 1,
            seconds,
            lo,
            hi,
            process_s: vec![seconds; 5],
            basis,
            binds: Some("memory"),
        }
    }

    pub(crate) fn example() -> ModelOnDevice {
        let between = Basis::Interpolated {
            smaller: "gemv f16.f32 m1 n1024 k1024".into(),
            larger: "gemv f16.f32 m1 n8192 k8192".into(),
        };
        let parts = vec![
            part("qkv", "gemv f16.f32 m1 n6144 k4096", 32, 2.5e-5, Basis::Measured),
            part("o", "gemv f16.f32 m1 n4096 k4096", 32, 7.5e-5, between),
        ];
        ModelOnDevice {
            device: "Example GPU".into(),
            model: "Llama-3.1-8B".into(),
            layers: 32,
            projection: Projection {
                phase: "decode".into(),
                batch: 1,
                context: 4096,
                predicted: false,
                tokens: 1,
                seconds: 3.2e-3,
                lo: Some(2.88e-3),
                hi: Some(3.52e-3),
                tokens_per_s: Some(312.5),
                parts,
                missing: Vec::new(),
            },
            layer_s: 1e-4,
            memory: ModelMemory { weights_bytes: 16_060_000_000, cache_bytes: 536_870_912 },
            device_memory_bytes: Some(85_000_000_000),
            price_per_hour: Some(2.0),
            price_per_million: Some(1.7777),
            energy: None,
            chain: Some(ChainCheck {
                case: "layer gemv f16.f32 m1 n8 k8 + gemv f16.f32 m1 n16 k8".into(),
                parts_s: 97e-6,
                chain_s: 100e-6,
                ratio: 0.97,
            }),
        }
    }

    #[test]
    fn a_projection_is_as_shown() {
        insta::assert_snapshot!(projections(&[example()]));
    }

    #[test]
    fn nothing_measured_is_not_all_measured() {
        let mut one = example();
        one.projection.parts.clear();
        one.projection.missing = vec!["qkv, `gemv ...`: not measured".into()];
        (one.projection.seconds, one.projection.tokens_per_s) = (0.0, None);
        let text = projections(&[one]);
        assert!(text.contains("  none of 1 parts has a time\n") && !text.contains("0 s"), "{text}");
    }

    #[test]
    fn pieces_of_an_operation_are_told() {
        let mut one = example();
        one.projection.parts[1].pieces = 4;
        let text = projections(&[one]);
        assert!(
            text.contains("  o is computed in 4 pieces per layer, since one case would be too large\n"),
            "{text}"
        );
    }

    #[test]
    fn the_routing_of_experts_is_told_once() {
        let mut one = example();
        for n in [4096, 7168] {
            let case = format!("moe f16.f32 e256 k8 t32 n{n} d2048 uniform");
            one.projection.parts.push(part("experts", &case, 58, 1e-3, Basis::Measured));
        }
        let text = projections(&[one]);
        assert_eq!(text.matches("  uniform routing: 163 of 256 experts have rows").count(), 1, "{text}");
    }

    #[test]
    fn a_prediction_says_so_and_energy_says_of_what_power() {
        let mut one = example();
        one.projection.predicted = true;
        for part in &mut one.projection.parts {
            part.basis = Basis::Predicted { efficiency: 0.5, from: "given for gemv".into() };
        }
        let basis = portamark_analysis::PowerBasis::BoardPower;
        one.energy = Some(EnergyOfTokens { kwh_per_million: 0.355, watts: 400.0, basis });
        insta::assert_snapshot!(projections(&[one]));
    }

    #[test]
    fn what_is_missing_takes_the_place_of_the_rate_and_what_does_not_fit_is_loud() {
        let mut one = example();
        one.projection.tokens_per_s = None;
        one.projection.missing = vec!["down, `gemv ...`: it is skipped there".into()];
        one.device_memory_bytes = Some(8 << 30);
        let text = projections(&[one]);
        assert!(
            text.contains(
                "no estimate is given, because of these parts:\n    down, `gemv ...`: it is skipped there"
            ),
            "{text}"
        );
        assert!(text.contains("  3.20 ms for 2 of 3 parts (2.88 ms to 3.52 ms); "), "{text}");
        assert!(text.contains("DOES NOT FIT in 8.00 GiB") && text.is_ascii(), "{text}");
    }
}
