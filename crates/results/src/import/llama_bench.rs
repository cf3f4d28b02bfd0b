//! Import of llama-bench results (llama.cpp), `-o json` and `-o jsonl`: tokens of a language model per
//! second.

use super::json;
use super::measured::{Import, Measured, measurement};
use crate::imported::{ImportUnit, SpreadKind, Statistic};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

const METHOD: &str = "llama-bench";

/// Result of one test of one model.
#[derive(Debug, Deserialize)]
struct Entry {
    n_prompt: u64,
    n_gen: u64,
    #[serde(default)]
    n_depth: u64,
    avg_ts: f64,
    #[serde(default)]
    stddev_ts: Option<f64>,
    #[serde(default)]
    samples_ts: Vec<f64>,
    #[serde(default)]
    test_time: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Fields that are stored elsewhere or identify the machine: `model_filename` is a path.
const NO_PARAMETERS: [&str; 12] = [
    "build_commit",
    "build_number",
    "cpu_info",
    "gpu_info",
    "backends",
    "model_filename",
    "model_type",
    "avg_ns",
    "stddev_ns",
    "samples_ns",
    "devices",
    "tensor_buft_overrides",
];

/// Returns whether `text` is output of llama-bench.
pub(super) fn fits(text: &str) -> bool {
    ["avg_ts", "n_prompt", "n_gen"].iter().all(|field| text.contains(field))
}

/// Reads an array of tests, or one test per line.
pub(super) fn read(text: &str) -> Result<Import, String> {
    if !text.contains("\"avg_ts\":") {
        return Err("its CSV and SQL lack the samples: print with -o json or -o jsonl".into());
    }
    let entries: Vec<(String, Entry)> = match json::first::<Vec<Entry>>(text) {
        Ok(entries) => entries.into_iter().enumerate().map(|(at, e)| (format!("[{at}]"), e)).collect(),
        Err(error) => {
            if text.lines().any(|line| line.trim_start().starts_with('[')) {
                return Err(error);
            }
            let lines = json::lines::<Entry>(text)?;
            lines.into_iter().map(|(line, entry)| (format!("line {line}: "), entry)).collect()
        }
    };
    let started = entries.first().and_then(|(_, entry)| entry.test_time.clone());
    let measured = entries.iter().map(|(place, entry)| entry.measured(place));
    Ok(Import { measured: measured.collect::<Result<_, _>>()?, started, ..Import::default() })
}

impl Entry {
    fn field(&self, name: &str) -> String {
        match self.rest.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    /// Returns the name of the test as llama-bench prints it in its tables: `pp512`, `tg128`, `pp512+tg128`,
    /// `tg128 @ d4096`.
    fn test(&self) -> String {
        let depth = if self.n_depth == 0 { String::new() } else { format!(" @ d{}", self.n_depth) };
        match (self.n_prompt, self.n_gen) {
            (prompt, 0) => format!("pp{prompt}{depth}"),
            (0, tokens) => format!("tg{tokens}{depth}"),
            (prompt, tokens) => format!("pp{prompt}+tg{tokens}{depth}"),
        }
    }

    fn measured(&self, place: &str) -> Result<Measured, String> {
        let name = format!("{} {}", self.field("model_type"), self.test());
        let unit = ImportUnit::TokenRate;
        let mean = measurement(self.avg_ts, &format!("{place}avg_ts"))?;
        let mut measured = if self.samples_ts.is_empty() {
            let mean = Measured::new(METHOD, &name, (unit, Statistic::Mean), mean, place)?;
            match self.stddev_ts {
                Some(sd) => mean.spread(SpreadKind::Deviation, self.avg_ts - sd, self.avg_ts + sd),
                None => mean,
            }
        } else {
            Measured::of_samples(METHOD, &name, unit, &self.samples_ts, &format!("{place}samples_ts"))?
        };
        // Several cards are one device here: the model is spread over them.
        let (gpu, backends) = (self.field("gpu_info"), self.field("backends"));
        // `backends` lists all loaded backends, also one that found no device.
        let (on, api) = if gpu.is_empty() {
            (self.field("cpu_info"), "cpu".to_string())
        } else {
            (gpu, backends.to_lowercase())
        };
        measured = measured.library(&backends).on(&on, &api);
        measured = measured.version(&[self.field("build_number"), self.field("build_commit")].join(" "));
        for (name, value) in &self.rest {
            let is_plain = !(value.is_array() || value.is_object() || value.is_null());
            if is_plain && !NO_PARAMETERS.contains(&name.as_str()) {
                measured = measured.parameter(name, &self.field(name));
            }
        }
        Ok(measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_without_samples_are_refused_with_those_that_have_them() {
        for text in
            ["build_commit,n_prompt,n_gen,avg_ts\n", "INSERT INTO llama_bench (n_prompt, n_gen, avg_ts)"]
        {
            assert!(fits(text));
            assert!(read(text).unwrap_err().contains("-o json"));
        }
    }
}
