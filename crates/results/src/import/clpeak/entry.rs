//! One number of clpeak, in whichever form it was written.

use crate::import::measured::{Import, Measured, measurement, told};
use crate::imported::{ImportUnit, Statistic};

const METHOD: &str = "clpeak";

/// One number with its test and device; a field that a form lacks is empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub version: String,
    pub backend: String,
    pub platform: String,
    pub device: String,
    pub driver: String,
    pub test: String,
    pub metric: String,
    pub unit: String,
    /// The number, or why there is none.
    pub value: Option<f64>,
    pub status: Option<String>,
    pub reason: Option<String>,
}

/// Returns the base unit of a clpeak unit in any case, and the factor to it. Its prefixes are decimal.
fn unit(text: &str) -> Option<(ImportUnit, f64)> {
    Some(match text.to_lowercase().as_str() {
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

/// Adds `entry`, which stands at `place`, to `import`.
pub(super) fn add(import: &mut Import, entry: &Entry, place: &str) -> Result<(), String> {
    let name = format!("{} {}", entry.test, entry.metric);
    let name = name.trim_end();
    let Some(value) = entry.value else {
        let status = entry.status.as_deref().filter(|status| !status.is_empty()).unwrap_or("no value");
        let reason = entry.reason.as_deref().filter(|reason| !reason.is_empty());
        import.leave_out(name, &format!("{status}: {}", reason.unwrap_or("no reason was told")));
        return Ok(());
    };
    let Some((unit, factor)) = unit(&entry.unit) else {
        import.leave_out(name, &format!("unknown unit `{}`", entry.unit));
        return Ok(());
    };
    // clpeak prints two or four decimals, so smaller values are 0: an idle bus, say, or a lock without cost.
    if value == 0.0 {
        import.leave_out(name, &format!("0 {}", entry.unit));
        return Ok(());
    }
    let value = measurement(value, place)? * factor;
    let mut measured = Measured::new(METHOD, name, (unit, Statistic::Unknown), value, place)?
        .of(None)
        .version(&entry.version)
        .library(&entry.backend)
        .on(&entry.device, &entry.backend.to_lowercase());
    if !entry.platform.is_empty() {
        measured = measured.parameter("platform", &entry.platform);
    }
    measured.device.driver_version = told(&entry.driver);
    import.add(measured)?;
    Ok(())
}
