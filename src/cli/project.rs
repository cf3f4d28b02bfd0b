//! `portamark project`: the time of a model from measured rows.

use super::results::{choose_devices, load_files};
use crate::analysis::{Comparison, Device, project};
use crate::catalog::{Model, Role};
use crate::error::{Error, Result};
use crate::report::{ModelOnDevice, projections};
use crate::suite::model::{Deployment, Pass, parse};
use std::path::PathBuf;

/// Projects a model's time per layer and per token from measured rows.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Model and how it is run: "llama-3.1-8b b1,8 c4096 tp2 q4_0 decode".
    model: String,
    /// Result files, or folders of them.
    #[arg(value_name = "RESULTS", default_value = "results/local")]
    results: Vec<PathBuf>,
    /// Only this device: its number in the files or part of its name; may be given several times.
    #[arg(short, long, value_name = "NAME")]
    device: Vec<String>,
    /// Price of one device, e.g. 2.0/h, for the price of a million tokens in the same currency.
    #[arg(long, value_name = "PRICE", value_parser = parse_price)]
    price: Option<f64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Reads `2.0/h` or plain `2.0`.
fn parse_price(text: &str) -> std::result::Result<f64, String> {
    let number = text.strip_suffix("/h").unwrap_or(text);
    let price = number.trim().parse::<f64>().ok().filter(|price| price.is_finite() && *price > 0.0);
    price.ok_or(format!("`{text}` is no price of an hour; write it as 2.0/h"))
}

/// Prints the projection of each pass onto each device.
pub fn run(arguments: &Arguments) -> Result<()> {
    let text = arguments.model.strip_prefix("model:").unwrap_or(&arguments.model);
    let (model, deployment) = parse(text)?;
    let passes = deployment.passes(model)?;
    let runs = load_files(&arguments.results)?;
    let comparison = Comparison::new(&runs);
    let all = || (0..comparison.devices.len()).collect();
    let devices: Vec<usize> =
        if arguments.device.is_empty() { all() } else { choose_devices(&comparison, &arguments.device)? };
    let mut found = Vec::new();
    for device in devices {
        for pass in &passes {
            found.push(on_device(&comparison.devices[device], model, &deployment, pass, arguments.price)?);
        }
    }
    if found.iter().all(|one| one.projection.parts.is_empty()) {
        return Err(Error::usage_hint(
            format!("no row tells anything of {}", model.name),
            format!("`portamark run \"model:{text}\"` measures what it needs"),
        ));
    }
    super::print(&if arguments.json {
        serde_json::to_string_pretty(&found).expect("projections are plain data") + "\n"
    } else {
        projections(&found)
    });
    Ok(())
}

fn on_device(
    device: &Device<'_>,
    model: &Model,
    deployment: &Deployment,
    pass: &Pass,
    price: Option<f64>,
) -> Result<ModelOnDevice> {
    let projection = project(device, pass);
    let heads = model.products.iter().filter(|product| product.role() == Role::Head);
    let heads: Vec<&str> = heads.map(|product| product.name.as_str()).collect();
    let in_layers = projection.parts.iter().filter(|part| !heads.contains(&part.name.as_str()));
    let layer_s = in_layers.map(|part| part.total_s()).sum::<f64>() / model.num_layers as f64;
    // All devices that share the model are paid for.
    let hour = price.map(|price| price * deployment.tensor_parallel as f64);
    let price_per_million = hour.zip(projection.tokens_per_s).map(|(hour, rate)| hour / 3600.0 / rate * 1e6);
    Ok(ModelOnDevice {
        device: device.label.clone(),
        model: model.name.clone(),
        layers: model.num_layers,
        layer_s,
        memory: deployment.memory(model, pass.batch, pass.context)?,
        device_memory_bytes: device.header.device.limits.memory_bytes,
        price_per_million,
        projection,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_that_of_an_hour() {
        assert_eq!((parse_price("2.0/h"), parse_price("0.5")), (Ok(2.0), Ok(0.5)));
        for wrong in ["", "free", "-1/h", "0/h", "inf/h", "2/d"] {
            assert!(parse_price(wrong).is_err(), "{wrong}");
        }
    }
}
