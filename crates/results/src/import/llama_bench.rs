//! Import of llama-bench results (llama.cpp), `-o json`, `-o jsonl` and the tables of `-o md`: tokens of a
//! language model per second.

use super::json;
use super::llama_table;
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

/// Backends that compute on a GPU, as the files before `backends` name them by a field each, and their names
/// in `backends`.
const GPU_BACKENDS: [(&str, &str); 7] = [
    ("cuda", "CUDA"),
    ("vulkan", "Vulkan"),
    ("metal", "Metal"),
    ("sycl", "SYCL"),
    ("kompute", "Kompute"),
    ("opencl", "OpenCL"),
    ("cann", "CANN"),
];

/// Returns whether `text` is output of llama-bench.
pub(super) fn fits(text: &str) -> bool {
    ["avg_ts", "n_prompt", "n_gen"].iter().all(|field| text.contains(field)) || llama_table::fits(text)
}

/// Reads arrays of tests, one test per line, or tables.
pub(super) fn read(text: &str) -> Result<Import, String> {
    if !text.contains("\"avg_ts\":") {
        if llama_table::fits(text) {
            return llama_table::read(METHOD, text);
        }
        return Err("its CSV and SQL lack the samples: print with -o json or -o jsonl".into());
    }
    let entries = json::entries::<Entry>(text)?;
    let started = entries.first().and_then(|(_, entry)| entry.test_time.clone());
    let mut import = Import { started, ..Import::default() };
    for (place, entry) in &entries {
        import.add(entry.measured(place)?)?;
    }
    Ok(import)
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

    /// Returns the names of the backends. Files of before October 2024 have one field for each instead.
    fn backends(&self) -> String {
        if self.rest.contains_key("backends") {
            return self.field("backends");
        }
        let of_gpu = self.gpu_backends();
        match (of_gpu.is_empty(), self.rest.get("blas")) {
            (false, _) => of_gpu.join(","),
            (true, Some(Value::Bool(true))) => "BLAS".into(),
            (true, _) => "CPU".into(),
        }
    }

    fn gpu_backends(&self) -> Vec<&'static str> {
        let is_set = |field: &str| self.rest.get(field) == Some(&Value::Bool(true));
        GPU_BACKENDS.iter().filter(|(field, _)| is_set(field)).map(|(_, name)| *name).collect()
    }

    /// Returns the name of the device and the interface. Several cards are one device here: the model is
    /// spread over them.
    fn device(&self) -> (String, String) {
        let (gpu, cpu) = (self.field("gpu_info"), self.field("cpu_info"));
        // Without a layer on it the GPU computes large batches only, and the CPU all the rest.
        let on_cpu = self.rest.get("n_gpu_layers").and_then(Value::as_i64) == Some(0);
        if self.rest.contains_key("backends") {
            // `backends` lists all loaded backends, also one that found no device.
            let api = self.field("backends").to_lowercase();
            return match (gpu.is_empty(), on_cpu) {
                (true, _) => (cpu, "cpu".into()),
                (false, false) => (gpu, api),
                (false, true) => (format!("{cpu} + {gpu}"), api),
            };
        }
        let backends = self.gpu_backends();
        if backends.is_empty() {
            return (cpu, "cpu".into());
        }
        let api = backends.join(",").to_lowercase();
        match (gpu.is_empty(), on_cpu) {
            (false, false) => (gpu, api),
            (false, true) => (format!("{cpu} + {gpu}"), api),
            // A chip by Apple is CPU and GPU under one name.
            (true, false) if cpu.starts_with("Apple ") => (cpu, api),
            // Only builds for CUDA and SYCL named the GPU then.
            (true, false) => (String::new(), api),
            (true, true) => (format!("{cpu} + GPU"), api),
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
        let (on, api) = self.device();
        measured = measured.library(&self.backends()).on(&on, &api);
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
    /// One test as llama-bench printed it before and after October 2024, with `fields` added.
    fn test(fields: &str) -> Measured {
        let text = format!(
            r#"[{{"n_prompt": 512, "n_gen": 0, "avg_ts": 8.0, "cpu_info": "Ryzen 9", {fields}, "samples_ts": []}}]"#
        );
        read(&text).unwrap().measured.remove(0)
    }

    #[test]
    fn a_gpu_that_an_older_file_does_not_name_is_not_the_processor() {
        let of = |fields: &str| {
            let measured = test(fields);
            let library = measured.imported.library.unwrap_or_default();
            (measured.device.name, measured.device.api, library)
        };
        let told = |name: &str, api: &str, library: &str| (name.into(), api.into(), library.into());
        let vulkan = r#""gpu_info": "", "cuda": false, "vulkan": true, "blas": true, "n_gpu_layers": 99"#;
        assert_eq!(of(vulkan), told("", "vulkan", "Vulkan"));
        assert_eq!(of(&vulkan.replace("99", "0")), told("Ryzen 9 + GPU", "vulkan", "Vulkan"));
        let cuda = r#""gpu_info": "RTX 4080", "cuda": true, "n_gpu_layers": 99"#;
        assert_eq!(of(cuda), told("RTX 4080", "cuda", "CUDA"));
        let cpu = r#""gpu_info": "", "cuda": false, "vulkan": false, "blas": false, "n_gpu_layers": 99"#;
        assert_eq!(of(cpu), told("Ryzen 9", "cpu", "CPU"));
        // Since October 2024 an empty name says that there was no GPU.
        let loaded = r#""gpu_info": "", "backends": "Vulkan", "n_gpu_layers": 99"#;
        assert_eq!(of(loaded), told("Ryzen 9", "cpu", "Vulkan"));
        let none = r#""gpu_info": "RX 7900", "backends": "ROCm", "n_gpu_layers": 0"#;
        assert_eq!(of(none), told("Ryzen 9 + RX 7900", "rocm", "ROCm"));
    }

    #[test]
    fn every_array_of_a_text_is_read() {
        let array = |rate: f64| {
            format!(
                "[\n  {{\"n_prompt\": 0, \"n_gen\": 128, \"model_type\": \"m\", \"avg_ts\": {rate}}}\n]\n"
            )
        };
        let text = format!("FA off:\n{}\nFA on:\n{}", array(3.0), array(4.0));
        let import = read(&text).unwrap();
        let rates: Vec<f64> = import.measured.iter().map(|one| one.imported.value).collect();
        assert_eq!(rates, [3.0, 4.0]);
        let error = read(&text.replace("4", "-4")).unwrap_err();
        assert!(error.starts_with("line 7: [0]avg_ts: -4 is not"), "{error}");
    }
}
