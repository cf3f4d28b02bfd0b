//! Import of hyperfine results (`--export-json FILE`): times of whole processes.

use super::json;
use super::measured::{Import, Measured};
use crate::imported::{ImportUnit, SpreadKind, Statistic};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

const METHOD: &str = "hyperfine";

#[derive(Debug, Deserialize)]
struct File {
    results: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    command: String,
    mean: f64,
    #[serde(default)]
    stddev: Option<f64>,
    #[serde(default)]
    times: Option<Vec<f64>>,
    #[serde(default)]
    exit_codes: Option<Vec<Option<i64>>>,
    #[serde(default)]
    parameters: Option<BTreeMap<String, Value>>,
}

/// Returns whether `text` is output of hyperfine.
pub(super) fn fits(text: &str) -> bool {
    ["\"results\"", "\"command\"", "\"mean\"", "\"median\""].iter().all(|field| text.contains(field))
}

/// Reads the results in `text`.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    for file in json::all::<File>(text)? {
        import.append(of_file(&file)?);
    }
    Ok(import)
}

fn of_file(file: &File) -> Result<Import, String> {
    let mut import = Import::default();
    for (at, entry) in file.results.iter().enumerate() {
        // A command that failed looks fast.
        if entry.exit_codes.iter().flatten().any(|code| *code != Some(0)) {
            import.leave_out(&entry.command, "ended with a failure");
            continue;
        }
        let (name, unit) = (&entry.command, ImportUnit::Seconds);
        let place = format!("results[{at}].mean");
        let mut measured = match entry.times.as_deref() {
            None | Some([]) => {
                let mean = Measured::new(METHOD, name, (unit, Statistic::Mean), entry.mean, &place)?;
                match entry.stddev {
                    Some(sd) => mean.spread(SpreadKind::Deviation, entry.mean - sd, entry.mean + sd),
                    None => mean,
                }
            }
            Some(times) => Measured::of_samples(METHOD, name, unit, times, &format!("results[{at}].times"))?,
        };
        // A process does more than execute a case, whatever its command is called.
        measured = measured.of(None);
        for (name, value) in entry.parameters.iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            measured = measured.parameter(name, &text);
        }
        import.add(measured)?;
    }
    Ok(import)
}

#[cfg(test)]
mod tests {
    use super::super::measured::LeftOut;
    use super::*;

    #[test]
    fn times_come_before_the_mean_and_failures_are_left_out() {
        let text = r#"{"results": [
            {"command": "a", "mean": 2.0, "stddev": 0.5, "median": 2.0, "times": [1.0, 2.0, 4.0], "exit_codes": [0, 0, 0]},
            {"command": "gemm f32 m4 n4 k4 nn", "mean": 2.0, "stddev": 0.5, "median": 2.0},
            {"command": "c", "mean": 1e-9, "median": 1e-9, "times": [1e-9], "exit_codes": [1]},
            {"command": "/opt/tools/d --x", "mean": 3.0, "stddev": null, "median": 3.0, "parameters": {"n": "8"}}]}"#;
        let import = read(text).unwrap();
        let [a, b, d] = &import.measured[..] else { panic!("{import:?}") };
        assert_eq!((a.imported.value, a.imported.statistic), (2.0, Statistic::Median));
        assert_eq!(b.imported.spread.map(|s| (s.lo, s.hi)), Some((1.5, 2.5)));
        assert_eq!(b.case, None, "a process is no execution");
        assert_eq!((&*d.imported.name, &*d.imported.parameters["n"]), ("d --x", "8"));
        assert_eq!(import.left_out, [LeftOut::new("c", "ended with a failure")]);
        let error = read(&text.replace("[1.0, 2.0, 4.0]", "[1.0, -2.0]")).unwrap_err();
        assert!(error.starts_with("results[0].times[1]: -2 is not a plausible measurement"), "{error}");
    }
}
