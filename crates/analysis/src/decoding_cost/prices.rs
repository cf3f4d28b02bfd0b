//! Hardware prices for the cost of decoding: those of the report, or the user's own from a file.

use super::model::PricedHardware;
use portamark_model::catalog::{Accelerator, Catalog};
use portamark_model::possible::is_sensible;
use serde::Deserialize;

/// Price file: one `[[hardware]]` table per accelerator.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    hardware: Vec<Entry>,
}

/// One accelerator with its price; rates that are not given come from the report's table or from the
/// catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// Price per hour.
    per_hour: f64,
    /// Peak FLOP/s; `None` takes the known figure.
    flop_rate: Option<f64>,
    /// Peak memory bandwidth in bytes per second; `None` takes the known figure.
    byte_rate: Option<f64>,
}

/// Catalogue fields for the peak of decoding, narrowest format first: the report takes FP8 where the hardware
/// has it.
const PEAKS: [&str; 3] = ["fp8", "bf16", "fp16"];

/// Returns the hardware called `name` at the price `per_hour`. Rates that are not given come from the
/// report's table 4, otherwise from the catalogue.
///
/// # Errors
/// Returns a message if a number is not positive, or if a rate is neither given nor known.
pub fn priced_hardware(
    name: &str,
    per_hour: f64,
    flop_rate: Option<f64>,
    byte_rate: Option<f64>,
) -> Result<PricedHardware, String> {
    for (what, value) in [("per_hour", Some(per_hour)), ("flop_rate", flop_rate), ("byte_rate", byte_rate)] {
        if let Some(value) = value.filter(|value| !is_sensible(*value)) {
            return Err(format!("{name}: {what} is {value}, which is no positive number of a sensible size"));
        }
    }
    let paper = PricedHardware::paper().into_iter().find(|row| row.name.eq_ignore_ascii_case(name));
    let row = Catalog::embedded().named(name);
    let label = match (&paper, row) {
        (Some(paper), _) => paper.name.clone(),
        (None, Some(row)) => row.name.clone(),
        (None, None) => name.to_string(),
    };
    let peak = |row: &Accelerator| PEAKS.iter().find_map(|field| row.peak_per_second(field));
    let unknown = |what: &str, field: &str| match (row, Catalog::embedded().nearest(name)) {
        (Some(_), _) => format!("{name}: {what} is not published; give {field}"),
        (None, nearest) => {
            format!("{name} is not in the catalogue (similar names: {}); give {field}", nearest.join(", "))
        }
    };
    let flop_rate = flop_rate.or(paper.as_ref().map(|paper| paper.flop_rate)).or_else(|| peak(row?));
    let byte_rate = byte_rate.or(paper.as_ref().map(|p| p.byte_rate)).or_else(|| row?.bandwidth_per_second());
    Ok(PricedHardware {
        name: label,
        per_hour,
        flop_rate: flop_rate.ok_or_else(|| unknown("a peak", "flop_rate"))?,
        byte_rate: byte_rate.ok_or_else(|| unknown("the bandwidth", "byte_rate"))?,
    })
}

/// Parses a price file in TOML.
///
/// # Errors
/// Returns a message if the text is malformed, has no hardware, has the same hardware twice, or lacks a rate
/// that is not known.
pub fn read_prices(text: &str) -> Result<Vec<PricedHardware>, String> {
    let prices: Prices = toml::from_str(text).map_err(|error| error.message().replace('\n', ", "))?;
    if prices.hardware.is_empty() {
        return Err("it has no hardware".into());
    }
    let mut found: Vec<PricedHardware> = Vec::new();
    for entry in prices.hardware {
        let one = priced_hardware(&entry.name, entry.per_hour, entry.flop_rate, entry.byte_rate)?;
        if found.iter().any(|other| other.name == one.name) {
            return Err(format!("{} is there twice", one.name));
        }
        found.push(one);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_the_user_s_then_the_report_s_then_the_published_ones() {
        let text = r#"
            [[hardware]]
            name = "h20"
            per_hour = 0.9
            [[hardware]]
            name = "nvidia-h100-sxm"
            per_hour = 2.5
            [[hardware]]
            name = "Mine"
            per_hour = 0.1
            flop_rate = 1e14
            byte_rate = 1e12
        "#;
        let found = read_prices(text).unwrap();
        // Table 4 has 296 TFLOP/s in FP8 for the H20, for which the catalogue has no source.
        assert_eq!((found[0].name.as_str(), found[0].per_hour, found[0].flop_rate), ("H20", 0.9, 2.96e14));
        let h100 = Catalog::embedded().named("nvidia-h100-sxm").unwrap();
        assert_eq!(Some(found[1].flop_rate), h100.peak_per_second("fp8"));
        assert_eq!(found[1].byte_rate, 3.35e12);
        assert_eq!((found[2].flop_rate, found[2].byte_rate), (1e14, 1e12));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let one = |fields: &str| read_prices(&format!("[[hardware]]\n{fields}")).unwrap_err();
        assert!(one("name = \"H20\"").contains("per_hour"));
        assert!(one("name = \"H20\"\nper_hour = -1").contains("no positive number"));
        for amount in ["1e308", "5e-324", "nan", "inf"] {
            let error = one(&format!("name = \"H20\"\nper_hour = 1\nflop_rate = {amount}"));
            assert!(error.contains("flop_rate is"), "{amount}: {error}");
        }
        assert!(one("name = \"H20\"\nper_hour = 1\nprice = 2").contains("price"));
        assert!(one("name = \"H2O\"\nper_hour = 1").contains("similar names: nvidia-h20"));
        assert!(one("name = \"nvidia-rtx-4090x\"\nper_hour = 1").contains("nvidia-rtx-4090"));
        assert_eq!(read_prices("hardware = []").unwrap_err(), "it has no hardware");
        let twice = "[[hardware]]\nname = \"H20\"\nper_hour = 1\n".repeat(2);
        assert_eq!(read_prices(&twice).unwrap_err(), "H20 is there twice");
    }
}
