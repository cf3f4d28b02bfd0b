//! Import of Google Benchmark results, `--benchmark_format=json` or `--benchmark_out=FILE`.

use super::json;
use super::measured::{Import, LeftOut, Measured, measurement, told};
use crate::imported::{ImportUnit, SpreadKind, Statistic};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

const METHOD: &str = "google-benchmark";

#[derive(Debug, Deserialize)]
struct File {
    context: Context,
    benchmarks: Vec<Entry>,
}

/// Context of a run. It also holds the name of the host, so only these fields are read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Context {
    date: Option<String>,
    library_version: Option<String>,
    gpu_name: Option<String>,
    /// Name of the GPU as benchmarks of ROCm add it.
    hip_device_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    #[serde(default)]
    run_name: Option<String>,
    #[serde(default)]
    run_type: Option<String>,
    #[serde(default)]
    aggregate_name: Option<String>,
    #[serde(default)]
    aggregate_unit: Option<String>,
    #[serde(default)]
    real_time: Option<f64>,
    #[serde(default)]
    time_unit: Option<String>,
    #[serde(default)]
    iterations: Option<u64>,
    #[serde(default)]
    error_occurred: bool,
    #[serde(default)]
    error_message: Option<Value>,
}

/// Returns whether `text` is output of Google Benchmark.
pub(super) fn fits(text: &str) -> bool {
    ["\"context\"", "\"benchmarks\"", "\"real_time\""].iter().all(|field| text.contains(field))
}

/// Reads the results in `text`. A benchmark with repetitions gives their median; if only aggregates were
/// printed, it gives the median among these.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    // A counter that is not a number is printed as `NaN`, and no counter is read here.
    for file in json::all::<File>(&json::without_nan(text))? {
        import.append(of_file(&file)?);
    }
    Ok(import)
}

fn of_file(file: &File) -> Result<Import, String> {
    let mut import = Import { started: file.context.date.clone(), ..Import::default() };
    let mut names: Vec<&str> = Vec::new();
    let mut runs: HashMap<&str, Vec<(usize, &Entry)>> = HashMap::new();
    let mut failed: BTreeSet<LeftOut> = BTreeSet::new();
    for (at, entry) in file.benchmarks.iter().enumerate() {
        if entry.error_occurred {
            let why = entry.error_message.as_ref().and_then(Value::as_str).unwrap_or("an error occurred");
            let left_out = LeftOut::new(&entry.name, why);
            // Each repetition repeats the message.
            if failed.insert(left_out.clone()) {
                import.left_out.push(left_out);
            }
            continue;
        }
        let run = runs.entry(entry.run()).or_default();
        if run.is_empty() {
            names.push(entry.run());
        }
        run.push((at, entry));
    }
    for name in names {
        let entries = || runs[name].iter().copied();
        let mut samples = Vec::new();
        let mut place = String::new();
        for (at, entry) in entries().filter(|(_, entry)| !entry.is_aggregate()) {
            place = format!("benchmarks[{at}].real_time");
            samples.push(entry.seconds(&place)?);
        }
        let measured = match samples.len() {
            0 => aggregate(name, entries())?,
            1 => {
                // A single run gives the mean over its iterations, without a spread.
                let value = (ImportUnit::Seconds, Statistic::Mean);
                let iterations = entries().find_map(|(_, entry)| entry.iterations);
                let measured = Measured::new(METHOD, name, value, samples[0], &place)?;
                Some(match iterations {
                    Some(count) => measured.parameter("iterations", &count.to_string()),
                    None => measured,
                })
            }
            _ => Some(Measured::of_samples(METHOD, name, ImportUnit::Seconds, &samples, &place)?),
        };
        match measured {
            Some(measured) => {
                let measured = measured.version(file.context.library_version.as_deref().unwrap_or_default());
                let context = &file.context;
                let device = context.gpu_name.as_deref().or(context.hip_device_name.as_deref());
                let device = device.unwrap_or_default();
                import.add(measured.on(device, ""))?;
            }
            None => import.leave_out(name, "no time"),
        }
    }
    Ok(import)
}

/// Returns the median, or else the mean, among the aggregates of a benchmark; `None` if there is neither.
fn aggregate<'a>(
    name: &str,
    entries: impl Iterator<Item = (usize, &'a Entry)>,
) -> Result<Option<Measured>, String> {
    let entries: Vec<(usize, &Entry)> = entries.collect();
    let of = |wanted: &str| entries.iter().find(|(_, e)| e.aggregate_name.as_deref() == Some(wanted));
    for (word, statistic) in [("median", Statistic::Median), ("mean", Statistic::Mean)] {
        let Some((at, entry)) = of(word) else { continue };
        let place = format!("benchmarks[{at}].real_time");
        let seconds = entry.seconds(&place)?;
        let measured = Measured::new(METHOD, name, (ImportUnit::Seconds, statistic), seconds, &place)?;
        let deviation = of("stddev").and_then(|(_, entry)| Some(entry.real_time? * entry.factor().ok()?));
        return Ok(Some(match deviation {
            Some(sd) => measured.spread(SpreadKind::Deviation, seconds - sd, seconds + sd),
            None => measured,
        }));
    }
    Ok(None)
}

impl Entry {
    /// Returns the name that repetitions and aggregates of a benchmark share.
    fn run(&self) -> &str {
        self.run_name.as_deref().unwrap_or(&self.name)
    }

    fn is_aggregate(&self) -> bool {
        self.run_type.as_deref() == Some("aggregate") || self.aggregate_name.is_some()
    }

    fn factor(&self) -> Result<f64, String> {
        // A coefficient of variation is a percentage.
        if self.aggregate_unit.as_deref() == Some("percentage") {
            return Err("a percentage is not a time".into());
        }
        match self.time_unit.as_deref().unwrap_or("ns") {
            "ns" => Ok(1e-9),
            "us" => Ok(1e-6),
            "ms" => Ok(1e-3),
            "s" => Ok(1.0),
            other => Err(format!("the time unit `{}` is not known", told(other))),
        }
    }

    fn seconds(&self, place: &str) -> Result<f64, String> {
        let time = self.real_time.ok_or(format!("{place}: nothing is there"))?;
        let factor = self.factor().map_err(|why| format!("{place}: {why}"))?;
        measurement(time * factor, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(entries: &str) -> Result<Import, String> {
        read(&format!(
            r#"{{"context": {{"date": "2026-11-27T02:00:00+00:00", "host_name": "secrethost", "library_version":
            "v1.9.0", "gpu_name": "H20"}}, "benchmarks": [{entries}]}}"#
        ))
    }

    #[test]
    fn repetitions_give_their_median_and_aggregates_stand_in_where_these_are_not_printed() {
        let run = |time: f64| {
            format!(
                r#"{{"name": "a/8", "run_name": "a/8", "run_type": "iteration", "iterations": 10, "real_time": {time},
                "cpu_time": 9.0, "time_unit": "us"}}"#
            )
        };
        let aggregate = |name: &str, time: f64, unit: &str| {
            format!(
                r#"{{"name": "a/8_{name}", "run_name": "a/8", "run_type": "aggregate", "aggregate_name": "{name}",
                "aggregate_unit": "{unit}", "real_time": {time}, "time_unit": "us"}}"#
            )
        };
        let all = [run(1.0), run(4.0), run(2.0), aggregate("median", 2.0, "time")].join(",");
        let import = only(&all).unwrap();
        let [measured] = &import.measured[..] else { panic!("{import:?}") };
        assert!((measured.imported.value - 2e-6).abs() < 1e-15 && measured.imported.samples == Some(3));
        assert_eq!((&*measured.device.name, measured.imported.version.as_deref()), ("H20", Some("v1.9.0")));
        assert!(!format!("{import:?}").contains("secrethost"));
        let aggregates = [
            aggregate("mean", 3.0, "time"),
            aggregate("median", 2.0, "time"),
            aggregate("stddev", 0.5, "time"),
            aggregate("cv", 0.1, "percentage"),
        ];
        let found = only(&aggregates.join(",")).unwrap().measured.remove(0).imported;
        assert_eq!(found.statistic, Statistic::Median);
        let spread = found.spread.unwrap();
        assert!((spread.lo - 1.5e-6).abs() < 1e-15 && (spread.hi - 2.5e-6).abs() < 1e-15);
        let one = only(&run(2.5)).unwrap().measured.remove(0).imported;
        assert_eq!(
            (one.statistic, one.spread, &*one.parameters["iterations"]),
            (Statistic::Mean, None, "10")
        );
    }

    #[test]
    fn errors_are_left_out_and_wrong_times_refused_at_their_place() {
        let failed =
            r#"{"name": "a", "error_occurred": true, "error_message": "no device", "real_time": 0.0}"#;
        assert_eq!(only(failed).unwrap().left_out, [LeftOut::new("a", "no device")]);
        let error = only(r#"{"name": "a", "real_time": -1.0, "time_unit": "ns"}"#).unwrap_err();
        assert!(error.starts_with("benchmarks[0].real_time: "), "{error}");
        let error = only(r#"{"name": "a", "real_time": 1.0, "time_unit": "fortnight"}"#).unwrap_err();
        assert!(error.contains("`fortnight` is not known"), "{error}");
    }
    #[test]
    fn a_counter_that_is_no_number_costs_nothing_and_a_time_that_is_none_its_file() {
        let entry = r#"{"name": "a", "real_time": 1.25, "time_unit": "ms", "L2_hit": NaN, "x": -Infinity}"#;
        let import = only(entry).unwrap();
        assert!((import.measured[0].imported.value - 1.25e-3).abs() < 1e-12);
        let error = only(&entry.replace("1.25", "NaN")).unwrap_err();
        assert_eq!(error, "benchmarks[0].real_time: nothing is there");
    }

    #[test]
    fn every_file_in_one_text_is_read_and_a_device_of_rocm_is_one() {
        let file = |name: &str| {
            format!(
                r#"{{"context": {{"hip_device_name": "AMD Instinct MI210"}}, "benchmarks": [
                {{"name": "{name}", "real_time": 2.0, "time_unit": "us"}}]}}"#
            )
        };
        let import = read(&format!("Running ./a\n{}\nRunning ./b\n{}\n", file("a"), file("b"))).unwrap();
        let names: Vec<&str> = import.measured.iter().map(|one| one.imported.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(import.measured[1].device.name, "AMD Instinct MI210");
    }
}
