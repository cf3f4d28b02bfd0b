//! Import of nvbench results: `--json FILE`, file version 1.

use super::json;
use super::measured::{Import, Measured, number, told};
use crate::imported::{ImportUnit, SpreadKind, Statistic};
use crate::tag::Tag;
use serde::Deserialize;
use std::collections::BTreeMap;

const METHOD: &str = "nvbench";

#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    meta: Meta,
    devices: Option<Vec<Device>>,
    benchmarks: Vec<Benchmark>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    version: Versions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Versions {
    nvbench: Version,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    string: String,
}

#[derive(Debug, Deserialize)]
struct Device {
    id: i64,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Benchmark {
    name: String,
    states: Option<Vec<State>>,
}

#[derive(Debug, Deserialize)]
struct State {
    device: Option<i64>,
    axis_values: Option<Vec<NamedValue>>,
    summaries: Option<Vec<Summary>>,
    #[serde(default)]
    is_skipped: bool,
    #[serde(default)]
    skip_reason: String,
}

/// Named value. Numbers are strings here because JSON's own numbers would lose digits.
#[derive(Debug, Deserialize)]
struct NamedValue {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct Summary {
    tag: String,
    data: Option<Vec<NamedValue>>,
}

/// Returns whether `text` is output of nvbench.
pub(super) fn fits(text: &str) -> bool {
    text.contains("\"benchmarks\"") && text.contains("\"states\"") && text.contains("\"nvbench\"")
}

/// Reads the results in `text`.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    for file in json::all::<File>(text)? {
        import.append(of_file(file)?);
    }
    Ok(import)
}

fn of_file(file: File) -> Result<Import, String> {
    let devices = file.devices.unwrap_or_default();
    let names: BTreeMap<i64, &str> = devices.iter().map(|d| (d.id, d.name.as_str())).collect();
    let mut import = Import::default();
    for benchmark in &file.benchmarks {
        for (at, state) in benchmark.states.iter().flatten().enumerate() {
            let mut name = benchmark.name.clone();
            let axes = state.axis_values.as_deref().unwrap_or_default();
            for axis in axes {
                name += &format!(" {}={}", axis.name, axis.value);
            }
            if state.is_skipped {
                import.leave_out(&name, &format!("skipped: {}", state.skip_reason));
                continue;
            }
            let place = format!("benchmark `{}`, state {at}", told(&benchmark.name));
            let Some(mut measured) = state.time(&name, &place)? else {
                import.leave_out(&name, "no GPU time");
                continue;
            };
            let device = state.device.and_then(|id| names.get(&id)).copied().unwrap_or_default();
            measured = measured.on(device, "cuda").version(&file.meta.version.nvbench.string);
            for axis in axes {
                measured = measured.parameter(&axis.name, &axis.value);
            }
            import.add(measured)?;
        }
    }
    Ok(import)
}

impl State {
    fn value(&self, tag: &str) -> Option<&str> {
        let summary = self.summaries.iter().flatten().find(|summary| summary.tag == tag)?;
        summary.data.iter().flatten().find(|data| data.name == "value").map(|data| data.value.as_str())
    }

    /// Returns the time of the state: the median of cold runs with its quartiles, or else their mean, or else
    /// the mean of a batch; `None` if there is none of these.
    fn time(&self, name: &str, place: &str) -> Result<Option<Measured>, String> {
        let of = |statistic: Statistic, tag: &str| -> Result<Option<Measured>, String> {
            let Some(text) = self.value(tag) else { return Ok(None) };
            let place = format!("{place}, {tag}");
            let seconds = number(text, &place)?;
            Measured::new(METHOD, name, (ImportUnit::Seconds, statistic), seconds, &place).map(Some)
        };
        let end = |tag: &str| self.value(tag).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
        let found = if let Some(median) = of(Statistic::Median, "nv/cold/time/gpu/median")? {
            let (q1, q3) = (end("nv/cold/time/gpu/q1"), end("nv/cold/time/gpu/q3"));
            Some(median.spread(SpreadKind::Quartiles, q1, q3))
        } else if let Some(mean) = of(Statistic::Mean, "nv/cold/time/gpu/mean")? {
            let seconds = mean.imported.value;
            let deviation = end("nv/cold/time/gpu/stdev/relative") * seconds;
            Some(mean.spread(SpreadKind::Deviation, seconds - deviation, seconds + deviation))
        } else {
            let batch = of(Statistic::Mean, "nv/batch/time/gpu/mean")?;
            return Ok(batch.map(|batch| match self.count("nv/batch/sample_size") {
                Some(samples) => batch.samples(samples).tag(Tag::Warm),
                None => batch.tag(Tag::Warm),
            }));
        };
        Ok(found.map(|measured| match self.count("nv/cold/sample_size") {
            Some(samples) => measured.samples(samples),
            None => measured,
        }))
    }

    fn count(&self, tag: &str) -> Option<u64> {
        self.value(tag)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one state that has these summaries.
    fn file(summaries: &[(&str, &str)]) -> String {
        let summary = |(tag, value): &(&str, &str)| {
            format!(
                r#"{{"tag": "{tag}", "data": [{{"name": "value", "type": "float64", "value": "{value}"}}]}}"#
            )
        };
        let summaries: Vec<String> = summaries.iter().map(summary).collect();
        format!(
            r#"{{"meta": {{"version": {{"nvbench": {{"string": "0.2.0"}}}}}}, "devices": null, "benchmarks": [
                {{"name": "b", "states": [{{"device": 0, "axis_values": null, "summaries": [{}]}}]}}]}}"#,
            summaries.join(",")
        )
    }

    #[test]
    fn a_median_comes_before_a_mean_and_a_cold_time_before_a_batch() {
        let cold = [
            ("nv/cold/sample_size", "37"),
            ("nv/cold/time/gpu/mean", "0.003"),
            ("nv/cold/time/gpu/q1", "0.001"),
            ("nv/cold/time/gpu/median", "0.002"),
            ("nv/cold/time/gpu/q3", "0.004"),
            ("nv/batch/time/gpu/mean", "0.0005"),
        ];
        let only = |text: &str| read(text).unwrap().measured.remove(0);
        let median = only(&file(&cold)).imported;
        assert_eq!((median.value, median.statistic, median.samples), (0.002, Statistic::Median, Some(37)));
        let spread = median.spread.unwrap();
        assert_eq!((spread.what, spread.lo, spread.hi), (SpreadKind::Quartiles, 0.001, 0.004));
        // The deviation of a single sample is not a number.
        let mean = only(&file(&[cold[1], ("nv/cold/time/gpu/stdev/relative", "inf")])).imported;
        assert_eq!((mean.value, mean.statistic, mean.spread), (0.003, Statistic::Mean, None));
        let batch = only(&file(&cold[5..]));
        assert_eq!((batch.imported.value, &batch.tags[..]), (0.0005, &[Tag::Warm][..]));
        let nothing = read(&file(&[("nv/cold/time/cpu/mean", "1")])).unwrap();
        assert_eq!((nothing.measured.len(), &*nothing.left_out[0].to_string()), (0, "b: no GPU time"));
        let error = read(&file(&[("nv/cold/time/gpu/mean", "inf")])).unwrap_err();
        assert!(error.starts_with("benchmark `b`, state 0, nv/cold/time/gpu/mean: "), "{error}");
    }
}
