//! Import of BabelStream results, `--csv` or what it prints otherwise.

use super::measured::{Import, Measured, number, told};
use super::table::Table;
use crate::imported::{ImportUnit, SpreadKind, Statistic};
use portamark_model::workload::Case;
use regex::Regex;
use std::collections::BTreeMap;
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

/// Line of column names without `--csv`: `Function    MBytes/sec  Min (sec)   Max         Average`.
static HEAD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^Function +(?P<unit>Mi?Bytes)/sec +Min \(sec\)").expect("a fixed pattern"));

/// `Copy        1368294.603 0.00039     0.00044     0.00039`
static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?P<function>\w+) *:? +(?P<rate>\S+) +(?P<min>\S+) +(?P<max>\S+) +(?P<mean>\S+)\s*$")
        .expect("a fixed pattern")
});

/// Returns whether `text` is output of BabelStream.
pub(super) fn fits(text: &str) -> bool {
    text.lines().any(|line| line.starts_with(NAMES) || HEAD.is_match(line))
}

/// Reads the table, and device and driver from the lines before it.
pub(super) fn read(text: &str) -> Result<Import, String> {
    if !text.lines().any(|line| line.starts_with(NAMES)) {
        return console(text);
    }
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
        import.add(measured)?;
    }
    Ok(import)
}

/// Reads the table for people. Its times have two or three digits, so the value is the best rate; and it has the
/// size of the arrays in rounded megabytes, so no result is a case of portamark.
fn console(text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    let mut about: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut device, mut factor) = (None, None);
    for (at, line) in text.lines().enumerate() {
        let place = |column: &str| format!("line {}, column `{column}`", at + 1);
        if let Some(found) = HEAD.captures(line) {
            factor = Some(if &found["unit"] == "MiBytes" { 1_048_576.0 } else { 1e6 });
            continue;
        }
        let (Some(factor), Some(found)) = (factor, RESULT.captures(line)) else {
            factor = None;
            let known = ["Version: ", "Implementation: ", "Precision: ", "Array size: ", "Driver: "];
            if let Some(name) = known.into_iter().find(|name| line.starts_with(name)) {
                // A new run begins with its version; what is not said of it is not that of the one before.
                if name == "Version: " {
                    (about, device) = (BTreeMap::new(), None);
                }
                about.insert(name, &line[name.len()..]);
            } else if let Some(times) = line.strip_prefix("Running kernels ") {
                about.insert("times", times.trim_end_matches(" times"));
            }
            device = DEVICE.captures(line).or(device);
            continue;
        };
        let told_of = |name: &str| about.get(name).copied().unwrap_or_default().trim();
        let size = told_of("Array size: ").split(" (").next().unwrap_or_default();
        let name = [&found["function"], told_of("Precision: "), size].join(" ");
        let rate = number(&found["rate"], &place("MBytes/sec"))? * factor;
        let value = (ImportUnit::ByteRate, Statistic::Best);
        let mut measured = Measured::new(METHOD, name.trim_end(), value, rate, &place("MBytes/sec"))?
            .of(None)
            .version(told_of("Version: "))
            .library(told_of("Implementation: "));
        for column in ["min", "max", "mean"] {
            measured = measured.parameter(column, &format!("{} s", &found[column]));
        }
        if let Ok(times) = told_of("times").parse::<u64>() {
            measured = measured.samples(times.saturating_sub(1));
        }
        if let Some(found) = &device {
            measured = measured.on(&found["name"], &found["api"].to_lowercase());
        }
        measured.device.driver_version = told(told_of("Driver: "));
        import.add(measured)?;
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
    const CONSOLE: &str = "BabelStream
Version: 5.0
Implementation: HIP
Running kernels 100 times
Precision: float
Array size: 134.2 MB (=0.1 GB)
Total size: 402.7 MB (=0.4 GB)
Using HIP device AMD Instinct MI210
Driver: 60032830
Init: 0.074336 s (=10833.309933 MBytes/sec)
Function    MBytes/sec  Min (sec)   Max         Average
Copy        1300000.500 0.00021     0.00024     0.00022
Dot         1100000.000 0.00024     0.00026     0.00025
";

    #[test]
    fn the_table_for_people_gives_best_rates_that_are_no_case() {
        let import = read(CONSOLE).unwrap();
        let [copy, dot] = &import.measured[..] else { panic!("{import:?}") };
        assert!(fits(CONSOLE) && copy.case.is_none());
        let imported = &copy.imported;
        assert_eq!((imported.value, imported.statistic), (1_300_000.5e6, Statistic::Best));
        assert_eq!((&*imported.name, imported.version.as_deref()), ("Copy float 134.2 MB", Some("5.0")));
        // The first of 100 executions is left out.
        assert_eq!((imported.samples, &*imported.parameters["mean"]), (Some(99), "0.00022 s"));
        let device = &copy.device;
        assert_eq!(
            (&*device.name, &*device.api, &*device.driver_version),
            ("AMD Instinct MI210", "hip", "60032830")
        );
        assert_eq!(dot.imported.name, "Dot float 134.2 MB");
        // 1 MiB is 1 048 576 bytes.
        let binary = read(&CONSOLE.replace("MBytes/sec  Min", "MiBytes/sec  Min")).unwrap();
        assert_eq!(binary.measured[1].imported.value, 1_100_000.0 * 1_048_576.0);
        let error = read(&CONSOLE.replace("1100000.000", "nan")).unwrap_err();
        assert!(error.starts_with("line 13, column `MBytes/sec`: NaN is not"), "{error}");
    }
}
