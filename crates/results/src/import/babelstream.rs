//! Import of BabelStream results, `--csv`.

use super::measured::{Import, Measured, number, told};
use super::table::Table;
use crate::imported::{ImportUnit, SpreadKind, Statistic};
use portamark_model::workload::Case;
use regex::Regex;
use std::sync::LazyLock;

const METHOD: &str = "babelstream";

/// Start of the line of column names.
const NAMES: &str = "function,num_times,n_elements,sizeof,";

/// Line that names the device, e.g. `Using CUDA device NVIDIA A100` or `Using OpenCL device cpu-haswell`;
/// most implementations print it.
static DEVICE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^Using (?P<api>\w+) device:? (?P<name>.+)$").expect("a fixed pattern"));

static DRIVER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^Driver: (?P<version>.+)$").expect("a fixed pattern"));

/// Returns whether `text` is output of BabelStream.
pub(super) fn fits(text: &str) -> bool {
    text.lines().any(|line| line.starts_with(NAMES))
}

/// Reads the table, and device and driver from the lines before it.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let mut start = 0;
    let mut before = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with(NAMES) {
            break;
        }
        start += line.len();
        before += 1;
    }
    let table = Table::read(&text[start..], before)?;
    let (device, driver) = (DEVICE.captures(&text[..start]), DRIVER.captures(&text[..start]));
    let mut import = Import::default();
    for row in table.rows() {
        let function = row.need("function")?;
        let seconds = |column: &str| number(row.need(column)?, &row.place(column));
        let (mean, least, most) = (seconds("avg_runtime")?, seconds("min_runtime")?, seconds("max_runtime")?);
        let (elements, size) = (row.need("n_elements")?, row.need("sizeof")?);
        let name = format!("{function} n={elements} sizeof={size}");
        let value = (ImportUnit::Seconds, Statistic::Mean);
        let mut measured = Measured::new(METHOD, &name, value, mean, &row.place("avg_runtime"))?
            .spread(SpreadKind::Range, least, most)
            .of(case(function, elements, size));
        // BabelStream leaves the first execution out of all three times.
        if let Ok(times) = row.need("num_times")?.parse::<u64>() {
            measured = measured.samples(times.saturating_sub(1));
        }
        if let Some(found) = &device {
            measured = measured.on(&found["name"], &found["api"].to_lowercase()).library(&found["api"]);
        }
        if let Some(found) = &driver {
            measured.device.driver_version = told(&found["version"]);
        }
        import.measured.push(measured);
    }
    Ok(import)
}

/// Returns the case of a pattern that both programs have, on arrays of f32: Copy c = a, Mul b = s·c, Add c =
/// a + b, Triad a = b + s·c. Dot reads two arrays where `read` reads one, and Nstream has no counterpart.
fn case(function: &str, elements: &str, size: &str) -> Option<Case> {
    let op = match function {
        "Copy" => "copy",
        "Mul" => "scale",
        "Add" => "add",
        "Triad" => "triad",
        _ => return None,
    };
    if size != "4" {
        return None;
    }
    format!("stream f32 {op} n{elements}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_on_f32_are_streams_and_others_are_not() {
        let key =
            |function: &str, elements: &str, size: &str| case(function, elements, size).map(|c| c.key());
        assert_eq!(key("Mul", "33554432", "4").as_deref(), Some("stream f32 scale n33554432"));
        assert_eq!(key("Triad", "1024", "4").as_deref(), Some("stream f32 triad n1024"));
        for (function, elements, size) in
            [("Dot", "1024", "4"), ("Nstream", "1024", "4"), ("Copy", "1024", "8"), ("Copy", "1000", "4")]
        {
            assert_eq!(key(function, elements, size), None);
        }
    }
}
