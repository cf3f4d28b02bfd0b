//! The JSON file of clpeak 2, `--json-file`.

use super::entry::{self, add};
use crate::import::json;
use crate::import::measured::Import;
use serde::Deserialize;

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

/// Returns whether `text` is such a file.
pub(super) fn fits(text: &str) -> bool {
    text.contains("\"clpeak_version\"")
        || (text.contains("\"format_version\"") && text.contains("\"metric\""))
}

/// Reads the results in `text`.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    for file in json::all::<File>(text)? {
        let Some(entries) = file.entries else {
            return Err(format!(
                "format_version {} has no list of entries; that of clpeak 2 has",
                file.format_version
            ));
        };
        for (at, found) in entries.into_iter().enumerate() {
            let Entry { backend, platform, device, driver, test, metric, unit, value, status, reason } =
                found;
            let version = file.clpeak_version.clone();
            let entry = entry::Entry {
                version,
                backend,
                platform,
                device,
                driver,
                test,
                metric,
                unit,
                value,
                status,
                reason,
            };
            add(&mut import, &entry, &format!("entries[{at}].value"))?;
        }
    }
    Ok(import)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imported::ImportUnit;

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
        assert_eq!(import.left_out[0].to_string(), "t m: unsupported: no fp16");
        let error = read(&text(&[entry("gbps", "\"value\": -1")])).unwrap_err();
        assert!(error.starts_with("entries[0].value: -1 is not a plausible measurement"), "{error}");
        let error = read(r#"{"format_version": 3, "clpeak_version": "3.0.0", "devices": []}"#).unwrap_err();
        assert!(error.starts_with("format_version 3 has no list of entries"), "{error}");
    }
}
