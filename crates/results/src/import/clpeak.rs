//! Import of clpeak 2 results: `--json-file FILE`.

use super::json;
use super::measured::{Import, Measured, measurement, told};
use crate::imported::{ImportUnit, Statistic};
use serde::Deserialize;

const METHOD: &str = "clpeak";

#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    clpeak_version: String,
    #[serde(default)]
    format_version: u64,
    #[serde(default)]
    entries: Option<Vec<Entry>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    backend: String,
    platform: String,
    device: String,
    driver: String,
    test: String,
    metric: String,
    unit: String,
    value: Option<f64>,
    status: Option<String>,
    reason: Option<String>,
}

/// Returns the base unit of a clpeak unit and the factor to it. Its prefixes are decimal.
fn unit(text: &str) -> Option<(ImportUnit, f64)> {
    Some(match text {
        "gflops" => (ImportUnit::FlopRate, 1e9),
        "tflops" => (ImportUnit::FlopRate, 1e12),
        "gops" | "giops" => (ImportUnit::OpRate, 1e9),
        "tops" | "tiops" => (ImportUnit::OpRate, 1e12),
        "gbps" => (ImportUnit::ByteRate, 1e9),
        "ns" => (ImportUnit::Seconds, 1e-9),
        "us" => (ImportUnit::Seconds, 1e-6),
        _ => return None,
    })
}

/// Returns whether `text` is output of clpeak.
pub(super) fn fits(text: &str) -> bool {
    text.contains("\"clpeak_version\"")
        || (text.contains("\"format_version\"") && text.contains("\"metric\""))
}

/// Reads the results in `text`.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let file: File = json::first(text)?;
    let Some(entries) = &file.entries else {
        return Err(format!(
            "format_version {} has no list of entries; that of clpeak 2 has",
            file.format_version
        ));
    };
    let mut import = Import::default();
    for (at, entry) in entries.iter().enumerate() {
        let name = format!("{} {}", entry.test, entry.metric);
        let Some(value) = entry.value else {
            let status = entry.status.as_deref().unwrap_or("no value");
            let reason = entry.reason.as_deref().unwrap_or("no reason was told");
            import.left_out.push(told(&format!("{name}: {status}: {reason}")));
            continue;
        };
        let Some((unit, factor)) = unit(&entry.unit) else {
            import.left_out.push(told(&format!("{name}: unknown unit `{}`", entry.unit)));
            continue;
        };
        let place = format!("entries[{at}].value");
        // clpeak prints four decimals, so smaller values are 0: an idle bus, say, or a lock without cost.
        if value == 0.0 {
            import.left_out.push(told(&format!("{name}: 0 {}", entry.unit)));
            continue;
        }
        let value = measurement(value, &place)? * factor;
        let mut measured = Measured::new(METHOD, &name, (unit, Statistic::Unknown), value, &place)?
            .version(&file.clpeak_version)
            .library(&entry.backend)
            .on(&entry.device, &entry.backend.to_lowercase())
            .parameter("platform", &entry.platform);
        measured.device.driver_version = told(&entry.driver);
        import.measured.push(measured);
    }
    Ok(import)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_their_unit_and_what_was_not_measured_is_left_out() {
        let entry = |unit: &str, rest: &str| {
            format!(
                r#"{{"backend": "OpenCL", "platform": "PoCL", "device": "cpu", "driver": "3.1", "test": "t", "metric": "m",
                "unit": "{unit}", {rest}}}"#
            )
        };
        let text = |entries: &[String]| {
            format!(
                r#"{{"format_version": 2, "clpeak_version": "2.1.2", "entries": [{}]}}"#,
                entries.join(",")
            )
        };
        let import = read(&text(&[
            entry("tflops", "\"value\": 1.5"),
            entry("gbps", "\"value\": 20.0"),
            entry("us", "\"value\": 5.0"),
            entry("gflops", "\"status\": \"unsupported\", \"reason\": \"no fp16\""),
            entry("gbps", "\"value\": 0.0000"),
            entry("furlongs", "\"value\": 3.0"),
        ]))
        .unwrap();
        let values: Vec<(f64, ImportUnit)> =
            import.measured.iter().map(|one| (one.imported.value, one.imported.unit)).collect();
        let [tflops, gbps, us] = values[..] else { panic!("{values:?}") };
        assert_eq!((tflops, gbps), ((1.5e12, ImportUnit::FlopRate), (20e9, ImportUnit::ByteRate)));
        assert!((us.0 - 5e-6).abs() < 1e-15 && us.1 == ImportUnit::Seconds);
        assert_eq!(import.measured[0].device.driver_version, "3.1");
        assert_eq!(import.left_out.len(), 3);
        assert_eq!(import.left_out[0], "t m: unsupported: no fp16");
        let error = read(&text(&[entry("gbps", "\"value\": -1")])).unwrap_err();
        assert!(error.starts_with("entries[0].value: -1 is not a plausible measurement"), "{error}");
        let error = read(r#"{"format_version": 3, "clpeak_version": "3.0.0", "devices": []}"#).unwrap_err();
        assert!(error.starts_with("format_version 3 has no list of entries"), "{error}");
    }
}
