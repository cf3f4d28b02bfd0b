//! The text that clpeak prints, of version 1 and 2: a device, and below it a heading with the unit for each test
//! and a line for each metric.

use super::entry::{Entry, add};
use crate::import::measured::{Import, told};
use regex::Regex;
use std::sync::LazyLock;

/// `Device: Tesla T4`, `Device 0: Apple M1 Pro`
static DEVICE: LazyLock<Regex> = LazyLock::new(|| regex(r"^\s*Device(?: \d+)?: (?P<name>.+)$"));

static PLATFORM: LazyLock<Regex> = LazyLock::new(|| regex(r"^\s*Platform(?: \d+)?: (?P<name>.+)$"));

/// The line of version 2 that opens the devices of one interface.
static BACKEND: LazyLock<Regex> = LazyLock::new(|| regex(r"^\s*Backend: (?P<name>.+)$"));

/// `Driver version  : 560.35.03 (Linux x64)`; version 1 adds the system.
static DRIVER: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^\s*Driver version\s*: (?P<version>.+?)(?: \((?:Linux|Win|Mac|macOS|Android)[^()]*\))?\s*$")
});

/// `Global memory bandwidth (GBPS)`
static TEST: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^\s+(?P<name>\S.*?) \((?P<unit>[GT]I?(?:FLOPS|OPS)|GBPS|US|NS)\)\s*$"));

/// `float4  : 253.11`, with `--compare` a difference after it.
static METRIC: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^\s+(?P<name>\S.*?)\s*: (?P<value>[-+.\w]+)(?:\s+[\[(].*)?\s*$"));

/// `double  : [unsupported] no fp64`, or without a name below a heading.
static WITHOUT: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^\s+(?:(?P<name>\S.*?)\s*: )?\[(?P<status>unsupported|skipped|error)\] (?P<why>.*)$")
});

/// `Kernel launch latency : 5.82 us`, a test of one number in version 1.
static LATENCY: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^\s+(?P<name>\S.*?)\s*: (?P<value>[-+.\w]+) (?P<unit>us|ns)\s*$"));

/// `No half precision support! Skipped`
static SKIPPED: LazyLock<Regex> = LazyLock::new(|| regex(r"^\s+No (?P<what>.+) support! Skipped\s*$"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// Returns whether `text` is such output.
pub(super) fn fits(text: &str) -> bool {
    let any = |pattern: &Regex| text.lines().any(|line| pattern.is_match(line));
    any(&TEST) && any(&DEVICE) && (any(&DRIVER) || any(&BACKEND))
}

/// Returns the name of a test as the files of clpeak have it: `single_precision_compute`.
fn tag(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

/// Reads the results in `text`.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    // Version 1 knows OpenCL only.
    let mut at = Entry { backend: "OpenCL".into(), ..Entry::default() };
    for (number, line) in text.lines().enumerate() {
        let place = |name: &str| format!("line {}, `{}`", number + 1, told(name));
        let parsed = |value: &str, name: &str| {
            value.parse::<f64>().map_err(|_| format!("{}: `{}` is no number", place(name), told(value)))
        };
        if line.trim().is_empty() {
            continue;
        }
        if let Some(found) = BACKEND.captures(line) {
            at = Entry { backend: found["name"].trim().into(), ..Entry::default() };
        } else if let Some(found) = PLATFORM.captures(line) {
            at = Entry { platform: found["name"].trim().into(), backend: at.backend, ..Entry::default() };
        } else if let Some(found) = DEVICE.captures(line) {
            let device = found["name"].trim().into();
            at = Entry { device, platform: at.platform, backend: at.backend, ..Entry::default() };
        } else if at.device.is_empty() {
            continue;
        } else if let Some(found) = DRIVER.captures(line) {
            at.driver = found["version"].into();
        } else if let Some(found) = TEST.captures(line) {
            (at.test, at.unit) = (tag(&found["name"]), found["unit"].into());
        } else if let Some(found) = WITHOUT.captures(line).filter(|_| !at.test.is_empty()) {
            let metric = found.name("name").map_or("", |name| name.as_str()).into();
            let (status, reason) = (Some(found["status"].into()), Some(found["why"].trim().into()));
            add(&mut import, &Entry { metric, status, reason, ..at.clone() }, "")?;
        } else if let Some(found) = SKIPPED.captures(line) {
            import.leave_out(&format!("{}_compute", tag(&found["what"])), "unsupported");
            at.test.clear();
        } else if let Some(found) = LATENCY.captures(line) {
            let value = Some(parsed(&found["value"], &found["name"])?);
            let (test, unit) = (tag(&found["name"]), found["unit"].into());
            let place = place(&found["name"]);
            add(&mut import, &Entry { test, unit, value, ..at.clone() }, &place)?;
            at.test.clear();
        } else if let Some(found) = METRIC.captures(line).filter(|_| !at.test.is_empty()) {
            let value = Some(parsed(&found["value"], &found["name"])?);
            let metric = found["name"].into();
            add(&mut import, &Entry { metric, value, ..at.clone() }, &place(&found["name"]))?;
        }
    }
    Ok(import)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imported::ImportUnit;

    const OLD: &str = "
Platform: NVIDIA CUDA
  Device: Tesla T4
    Driver version  : 560.35.03 (Linux x64)
    Compute units   : 40
    Clock frequency : 1590 MHz

    Global memory bandwidth (GBPS)
      float   : 235.00
      float16 : 0.00

    No half precision support! Skipped

    Transfer bandwidth (GBPS)
      enqueueMapBuffer(for read) : 8.73
        memcpy from mapped ptr   : 5.39

    Kernel launch latency : 5.82 us
";

    const NEW: &str = "
Backend: Metal
  Device 0: Apple M1 Pro
    Compute units    : 16

    simdgroup_matrix fp16xfp16+fp32 8x8x8 (TFLOPS)
      simdgroup_fp16 : 15.84 (+1.2%)
      simdgroup_bf16 : [unsupported] needs Metal 3.1

    Image memory bandwidth (GBPS)
      [skipped] no images
";

    fn told(text: &str) -> Vec<(String, f64)> {
        let import = read(text).unwrap();
        import.measured.iter().map(|one| (one.imported.name.clone(), one.imported.value)).collect()
    }

    #[test]
    fn the_text_of_version_1_has_the_names_of_its_file() {
        assert!(fits(OLD));
        let expected = [
            ("global_memory_bandwidth float", 235e9),
            ("transfer_bandwidth enqueueMapBuffer(for read)", 8.73e9),
            ("transfer_bandwidth memcpy from mapped ptr", 5.39e9),
            ("kernel_launch_latency", 5.82e-6),
        ];
        let found = told(OLD);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((name, value), (wanted, number)) in found.iter().zip(expected) {
            assert!(name == wanted && (value / number - 1.0).abs() < 1e-12, "{name} {value}");
        }
        let import = read(OLD).unwrap();
        let device = &import.measured[0].device;
        assert_eq!(
            (&*device.name, &*device.api, &*device.driver_version),
            ("Tesla T4", "opencl", "560.35.03")
        );
        assert_eq!(import.measured[3].imported.unit, ImportUnit::Seconds);
        let left_out: Vec<String> = import.left_out.iter().map(ToString::to_string).collect();
        assert_eq!(
            left_out,
            ["global_memory_bandwidth float16: 0 GBPS", "half_precision_compute: unsupported"]
        );
    }

    #[test]
    fn the_text_of_version_2_names_its_interface_and_says_what_it_skipped() {
        let import = read(NEW).unwrap();
        let [one] = &import.measured[..] else { panic!("{import:?}") };
        assert!(fits(NEW));
        assert_eq!(one.imported.name, "simdgroup_matrix_fp16xfp16_fp32_8x8x8 simdgroup_fp16");
        assert!((one.imported.value / 15.84e12 - 1.0).abs() < 1e-12);
        assert_eq!((&*one.device.name, &*one.device.api), ("Apple M1 Pro", "metal"));
        let reasons: Vec<&str> = import.left_out.iter().map(|one| one.reason.as_str()).collect();
        assert_eq!(reasons, ["unsupported: needs Metal 3.1", "skipped: no images"]);
    }

    #[test]
    fn a_number_that_is_none_says_where() {
        let error = read(&OLD.replace("235.00", "nan")).unwrap_err();
        assert!(error.starts_with("line 9, `float`: NaN is not"), "{error}");
    }
}
