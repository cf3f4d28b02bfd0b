//! Import of criterion's folder `target/criterion`: the last run of each benchmark.

use super::json;
use super::measured::{Import, Measured};
use super::source;
use crate::imported::ImportUnit;
use portamark_model::error::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

const METHOD: &str = "criterion";

/// Maximum depth of folders below the given one: a group, a function, a value, a run.
const DEEPEST: usize = 8;

#[derive(Debug, Deserialize)]
struct Benchmark {
    full_id: String,
    #[serde(default)]
    throughput: Value,
}

/// Number of iterations of each sample, and its duration in nanoseconds.
#[derive(Debug, Deserialize)]
struct Sample {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// Returns whether `folder` holds results of criterion.
pub(super) fn fits(folder: &Path) -> bool {
    let mut found = Vec::new();
    find(folder, DEEPEST, &mut found);
    !found.is_empty()
}

/// Reads every run called `new` below `folder`.
pub(super) fn read(folder: &Path) -> Result<Import> {
    let mut runs = Vec::new();
    find(folder, DEEPEST, &mut runs);
    let mut import = Import::default();
    for run in runs {
        import.add(benchmark(&run)?).map_err(|why| Error::input(folder, why))?;
    }
    Ok(import)
}

/// Collects the folders called `new` that hold a run, sorted by name. Does not follow links.
fn find(folder: &Path, deeper: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    for path in folders {
        let is_new = path.file_name().is_some_and(|name| name == "new");
        if is_new && path.join("benchmark.json").is_file() && path.join("sample.json").is_file() {
            found.push(path);
        } else if deeper > 0 {
            find(&path, deeper - 1, found);
        }
    }
}

fn benchmark(run: &Path) -> Result<Measured> {
    let (about, samples) = (run.join("benchmark.json"), run.join("sample.json"));
    let benchmark: Benchmark =
        json::first(&source::text(&about)?).map_err(|why| Error::input(&about, why))?;
    let sample: Sample = json::first(&source::text(&samples)?).map_err(|why| Error::input(&samples, why))?;
    measured(&benchmark, &sample).map_err(|why| Error::input(&samples, why))
}

fn measured(benchmark: &Benchmark, sample: &Sample) -> std::result::Result<Measured, String> {
    if sample.iters.len() != sample.times.len() {
        return Err(format!("{} iters and {} times", sample.iters.len(), sample.times.len()));
    }
    // 0/0 gives NaN, which is rejected as a sample.
    let seconds: Vec<f64> =
        sample.iters.iter().zip(&sample.times).map(|(iters, ns)| ns * 1e-9 / iters).collect();
    let measured =
        Measured::of_samples(METHOD, &benchmark.full_id, ImportUnit::Seconds, &seconds, "times over iters")?;
    Ok(match &benchmark.throughput {
        Value::Object(fields) => fields.iter().fold(measured, |measured, (name, value)| {
            measured.parameter(&format!("throughput {}", name.to_lowercase()), &value.to_string())
        }),
        _ => measured,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_iteration_is_that_of_its_sample_over_their_number() {
        let benchmark: Benchmark =
            serde_json::from_str(r#"{"full_id": "sum/64", "throughput": {"Bytes": 512}}"#).unwrap();
        let sample = Sample { iters: vec![1.0, 2.0, 3.0], times: vec![10.0, 24.0, 33.0] };
        let found = measured(&benchmark, &sample).unwrap().imported;
        assert!((found.value - 11e-9).abs() < 1e-18);
        assert_eq!(found.parameters["throughput bytes"], "512");
        for sample in [
            Sample { iters: vec![1.0], times: vec![1.0, 2.0] },
            Sample { iters: vec![0.0], times: vec![0.0] },
            Sample { iters: vec![], times: vec![] },
        ] {
            assert!(measured(&benchmark, &sample).is_err());
        }
    }
}
