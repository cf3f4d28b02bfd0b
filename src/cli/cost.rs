//! `portamark cost`: cost of decoding, by the model of the Step-3 report.

use super::output::{print, write_figure};
use super::values::parse_positive;
use crate::error::{Error, Result};
use portamark_analysis::{
    CacheFormat, Counting, PricedHardware, decoding_costs, priced_hardware, read_prices,
};
use portamark_model::catalog::{Model, Models};
use portamark_model::suite::{model::find_model, parse_list};
use portamark_model::text_file::read_text;
use portamark_report as report;
use std::path::{Path, PathBuf};

/// Models of the tables of the Step-3 report.
const PAPER_MODELS: [&str; 9] = [
    "DeepSeek-V3",
    "Kimi-K2",
    "Qwen3-235B-A22B",
    "Qwen3-32B",
    "Llama-4-Maverick",
    "MiniMax-M1",
    "ERNIE-4.5-300B-A47B",
    "Pangu-Pro-MoE",
    "Step-3",
];

/// Context lengths, in tokens, plotted in the chart in addition to those on the command line.
const CHART_CONTEXTS: [u64; 8] = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];

/// Convention for counting FLOP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Count {
    /// As the report counts: with a latent cache, values have the width of keys.
    Paper,
    /// Every multiplication and addition executed.
    Exact,
}

/// Estimates the cost of decoding by model, context and hardware, from published peaks and prices.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Models to estimate [default: those of the Step-3 report].
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// Set the context lengths in tokens: a list or range.
    #[arg(short, long, value_name = "N,..", default_value = "8192,32768")]
    context: String,
    /// Read hardware and prices from this file instead of the report.
    #[arg(long, value_name = "FILE.toml")]
    prices: Option<PathBuf>,
    /// Set the price per hour of a device, e.g. h20=0.8/h; adds the device from the catalogue if needed.
    #[arg(long, value_name = "NAME=PRICE", value_delimiter = ',', value_parser = parse_named_price)]
    price: Vec<(String, f64)>,
    /// Select hardware by name.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    hardware: Vec<String>,
    /// Choose how FLOP are counted.
    #[arg(long, value_enum, default_value_t = Count::Paper)]
    counting: Count,
    /// Set the bytes per element of the KV cache in all layers [default: as in the report: 1, and 2 in the full-attention layers of models that mix them with layers that see only a part of the context].
    #[arg(long, value_name = "BYTES", value_parser = parse_positive)]
    cache_bytes: Option<f64>,
    /// Write a chart of cost over context length to this SVG file.
    #[arg(short, long, value_name = "FILE.svg")]
    output: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Parses `h20=0.8/h`.
fn parse_named_price(text: &str) -> std::result::Result<(String, f64), String> {
    let wrong = || format!("`{text}` is not a hardware price; write it as h20=0.8/h");
    let (name, price) = text.rsplit_once('=').ok_or_else(wrong)?;
    let price = parse_positive(price.strip_suffix("/h").unwrap_or(price)).map_err(|_| wrong())?;
    if name.trim().is_empty() { Err(wrong()) } else { Ok((name.trim().into(), price)) }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    let models = models(&arguments.models)?;
    let contexts = parse_list(&arguments.context)?;
    if contexts.contains(&0) {
        return Err(Error::usage("a context length must be above zero"));
    }
    let hardware = hardware(arguments)?;
    let counting = match arguments.counting {
        Count::Paper => Counting::Paper,
        Count::Exact => Counting::Exact,
    };
    let cache =
        arguments.cache_bytes.map_or(CacheFormat::PAPER, |bytes| CacheFormat { bytes, full_bytes: bytes });
    let found = decoding_costs(&models, &contexts, counting, cache, hardware.clone());
    print(&if arguments.json {
        serde_json::to_string_pretty(&found).expect("costs are plain data") + "\n"
    } else {
        report::decoding_cost_table(&found)
    })?;
    if let Some(path) = &arguments.output {
        let mut contexts: Vec<u64> = contexts.into_iter().chain(CHART_CONTEXTS).collect();
        contexts.sort_unstable();
        contexts.dedup();
        let found = decoding_costs(&models, &contexts, counting, cache, hardware);
        let figure = report::decoding_cost_chart(&found)
            .map_err(|absent| Error::usage(format!("no chart: {}", absent.why)))?;
        write_figure(path, &figure.standalone())?;
    }
    Ok(())
}

/// Returns the named models, each once.
fn models(names: &[String]) -> Result<Vec<&'static Model>> {
    if names.is_empty() {
        let paper = PAPER_MODELS.iter().filter_map(|name| Models::embedded().find(name));
        return Ok(paper.collect());
    }
    let mut found: Vec<&Model> = Vec::new();
    for name in names {
        let model = find_model(name.strip_prefix("model:").unwrap_or(name))?;
        if !model.decodes() {
            return Err(Error::usage(format!("{} has no decoder, so it has no decoding cost", model.name)));
        }
        if found.contains(&model) {
            return Err(Error::usage(format!("the model {} is named a second time", model.name)));
        }
        found.push(model);
    }
    Ok(found)
}

/// Returns the selected hardware of the file or the report, with the prices given on the command line.
fn hardware(arguments: &Arguments) -> Result<Vec<PricedHardware>> {
    let mut all = match &arguments.prices {
        Some(path) => read(path)?,
        None => PricedHardware::paper(),
    };
    for (name, price) in &arguments.price {
        match all.iter_mut().find(|one| is_called(one, name)) {
            Some(one) => one.per_hour = *price,
            None => all.push(priced_hardware(name, *price, None, None).map_err(|message| {
                Error::usage_hint(
                    message,
                    "--prices FILE.toml can give flop_rate and byte_rate along with the price",
                )
            })?),
        }
    }
    if arguments.hardware.is_empty() {
        return Ok(all);
    }
    let mut wanted: Vec<PricedHardware> = Vec::new();
    for name in &arguments.hardware {
        let one = all.iter().find(|one| is_called(one, name)).ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
            Error::usage_hint(
                format!("no price is known for `{name}`; prices are known for {}", known.join(", ")),
                format!("give one with --price {name}=2.0/h"),
            )
        })?;
        if !wanted.contains(one) {
            wanted.push(one.clone());
        }
    }
    Ok(wanted)
}

/// Whether `name` is a name of `hardware`, in the price table or in the catalogue.
fn is_called(hardware: &PricedHardware, name: &str) -> bool {
    let catalog = portamark_model::catalog::Catalog::embedded();
    let same = || Some(catalog.named(name)?.id == catalog.named(&hardware.name)?.id);
    hardware.name.eq_ignore_ascii_case(name.trim()) || same().unwrap_or(false)
}

fn read(path: &Path) -> Result<Vec<PricedHardware>> {
    let text = read_text(path)?;
    read_prices(&text).map_err(|message| Error::input(path, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_of_the_report_is_in_the_catalogue() {
        assert_eq!(models(&[]).unwrap().len(), PAPER_MODELS.len());
        assert!(models(&["bert-large".into()]).unwrap_err().to_string().contains("has no decoder"));
    }

    #[test]
    fn a_price_names_its_hardware() {
        assert_eq!(parse_named_price("h20=0.8/h"), Ok(("h20".into(), 0.8)));
        for wrong in ["0.8", "=1", "h20=", "h20=0", "h20=free"] {
            assert!(parse_named_price(wrong).is_err(), "{wrong}");
        }
    }
}
