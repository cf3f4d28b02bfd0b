//! Conversion of the numbers of other programs to result files.

use super::measured::{Import, LONGEST_TEXT, Measured, ToldDevice, plain};
use crate::TimerReport;
use crate::provenance::{now, run_id};
use crate::schema::{End, Header, Row, RunOutcome, SCHEMA_VERSION, Status};
use portamark_model::device::{Capabilities, ChipKind, DeviceType};
use portamark_model::workload::Case;
use std::collections::{BTreeMap, BTreeSet};

/// Name of a device if neither the program nor the user gives one.
const NAMELESS: &str = "device not told";

/// Information that the user adds to the results of a program.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportOptions {
    /// Name of the device; it replaces the one that the program reports.
    pub device: Option<String>,
    /// Labels that the user gives the results, by name.
    pub labels: BTreeMap<String, String>,
}

/// Converts imported numbers to result files, each given by header, rows and closing line: one for each
/// program, version and device.
pub fn run_files(import: Import, options: &ImportOptions) -> Vec<(Header, Vec<Row>, End)> {
    let started = import.started.as_deref().and_then(utc).unwrap_or_else(now);
    let mut groups: BTreeMap<(String, Option<String>, ToldDevice), Vec<Measured>> = BTreeMap::new();
    for mut measured in import.measured {
        if let Some(name) = &options.device {
            measured.device.name = plain(name);
        }
        let imported = &measured.imported;
        let group = (imported.method.clone(), imported.version.clone(), measured.device.clone());
        groups.entry(group).or_default().push(measured);
    }
    let run = run_id();
    let file =
        |((method, version, device), measured): ((String, Option<String>, ToldDevice), Vec<Measured>)| {
            let header = header(&method, version.as_deref(), &device, &run, &started, options);
            let rows = rows(measured, &started);
            let end = End { rows: rows.len() as u64, wall_s: 0.0, outcome: RunOutcome::Done, energy: None };
            (header, rows, end)
        };
    groups.into_iter().map(file).collect()
}

/// Parses a time in RFC 3339, as programs write it; returns it in UTC, to the second.
fn utc(text: &str) -> Option<String> {
    let time = text.trim().parse::<jiff::Timestamp>().ok()?;
    Some(jiff::Timestamp::from_second(time.as_second()).ok()?.to_string())
}

fn header(
    method: &str,
    version: Option<&str>,
    device: &ToldDevice,
    run: &str,
    started: &str,
    options: &ImportOptions,
) -> Header {
    let name = if device.name.is_empty() { NAMELESS } else { &device.name };
    let api = if device.api.is_empty() { method } else { &device.api };
    let id = [api, name, &device.driver_version].join("/");
    Header {
        schema: SCHEMA_VERSION,
        method: 0,
        portamark: env!("CARGO_PKG_VERSION").into(),
        run: run.into(),
        started: started.into(),
        suite: method.into(),
        seed: 0,
        device: Capabilities::without_plans(
            id.trim_end_matches('/').into(),
            name.into(),
            api,
            // Of the rest only the interface is known, which may be that of a GPU or of the CPU.
            if ChipKind::of(DeviceType::Other, api) == ChipKind::Cpu {
                DeviceType::Software
            } else {
                DeviceType::Other
            },
        )
        .but(|it| it.driver_version = device.driver_version.clone()),
        platform: "not told".into(),
        executor: version.map_or(method.into(), |version| format!("{method} {version}")),
        timer: TimerReport::untested(format!("{method} took the times")),
        cache: None,
        sentinels: None,
        settled: None,
        sensors: None,
        labels: options.labels.clone(),
        options: BTreeMap::new(),
        ab: None,
    }
}

fn rows(mut measured: Vec<Measured>, started: &str) -> Vec<Row> {
    tell_apart(&mut measured);
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let row = |measured: Measured| {
        let Measured { case, imported, tags, .. } = measured;
        let key = case.as_ref().map_or_else(|| format!("{}: {}", imported.method, imported.name), Case::key);
        let repeat = seen.entry(key.clone()).and_modify(|count| *count += 1).or_insert(1);
        let reason = format!(
            "measured by {}, not by portamark: shown beside its rows and never judged",
            imported.method
        );
        Row {
            repeat: *repeat,
            case: key,
            status: Status::Imported,
            reason: Some(reason),
            flop: case.as_ref().and_then(|case| u64::try_from(case.flop()).ok()).unwrap_or(0),
            bytes: case.as_ref().map_or(0, Case::bytes),
            routing: case.as_ref().and_then(Case::routing),
            started: started.into(),
            spent: Default::default(),
            kernel: None,
            verification: None,
            timing: None,
            imported: Some(Box::new(imported)),
            telemetry: None,
            compiled: Vec::new(),
            predicted_s: None,
            tags,
            retry: 0,
            kills: 0,
        }
    };
    measured.into_iter().map(row).collect()
}

/// Makes repeated names distinct by adding the parameters in which they differ.
fn tell_apart(measured: &mut [Measured]) {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, one) in measured.iter().enumerate().filter(|(_, one)| one.case.is_none()) {
        groups.entry(one.imported.name.clone()).or_default().push(at);
    }
    for places in groups.into_values().filter(|places| places.len() > 1) {
        let names: BTreeSet<String> =
            places.iter().flat_map(|at| measured[*at].imported.parameters.keys().cloned()).collect();
        for name in names {
            let value = |at: &usize| measured[*at].imported.parameters.get(&name).cloned();
            let values: Vec<Option<String>> = places.iter().map(value).collect();
            if values.iter().all(|value| *value == values[0]) {
                continue;
            }
            for (at, value) in places.iter().zip(values) {
                let told = &mut measured[*at].imported.name;
                // What is still alike then is told apart by the number of the repeat.
                if let Some(value) = value.filter(|_| told.chars().count() < LONGEST_TEXT) {
                    *told += &format!(" {name}={value}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::Format;
    use super::*;

    fn imported(text: &str, options: &ImportOptions) -> Vec<(Header, Vec<Row>, End)> {
        run_files(Format::Csv.read_text(text).unwrap(), options)
    }

    #[test]
    fn a_file_has_one_program_on_one_device_and_says_so_in_its_header() {
        let text = "case,value,unit,method,version,device,api\n\
                    gemm f32 m4 n4 k4 nn,1,s,one,2.0,H20,cuda\n\
                    dot,2,B/s,one,2.0,H20,cuda\n\
                    dot,3,B/s,two,,,\n";
        let files = imported(text, &ImportOptions::default());
        let [(header, rows, end), (nameless, ..)] = &files[..] else { panic!("{files:?}") };
        assert_eq!((header.method, &*header.suite, &*header.executor), (0, "one", "one 2.0"));
        assert_eq!((&*header.device.id, &*header.device.name), ("cuda/H20", "H20"));
        assert_eq!((rows.len(), end.rows), (2, 2));
        assert_eq!((&*rows[0].case, rows[0].flop, rows[0].bytes), ("gemm f32 m4 n4 k4 nn", 128, 192));
        assert_eq!((&*rows[1].case, rows[1].flop, rows[1].bytes), ("one: dot", 0, 0));
        assert!(rows[1].case.parse::<Case>().is_err());
        assert!(rows.iter().all(|row| row.status == Status::Imported && row.timing.is_none()));
        assert_eq!(nameless.device.id, "two/device not told");
        assert_eq!(nameless.run, header.run);
    }

    #[test]
    fn the_users_name_of_the_device_and_labels_go_into_every_file() {
        let options = ImportOptions {
            device: Some("NVIDIA H20".into()),
            labels: BTreeMap::from([("card".into(), "loan".into())]),
        };
        let files = imported("case,value,unit,device\na,1,s,GPU 0\nb,1,s,\n", &options);
        let [(header, rows, _)] = &files[..] else { panic!("{files:?}") };
        assert_eq!((&*header.device.name, &*header.labels["card"], rows.len()), ("NVIDIA H20", "loan", 2));
    }

    #[test]
    fn equal_names_are_told_apart_by_what_differs_and_equal_cases_by_number() {
        let text = "case,value,unit,threads,batch\na,1,s,1,8\na,1,s,2,8\nb,1,s,1,8\n\
                    gemm f32 m4 n4 k4 nn,1,s,1,\ngemm f32 m4 n4 k4 nn,2,s,2,\n";
        let files = imported(text, &ImportOptions::default());
        let rows: Vec<(&str, u32)> = files[0].1.iter().map(|row| (row.case.as_str(), row.repeat)).collect();
        let gemm = "gemm f32 m4 n4 k4 nn";
        let expected =
            [("csv: a threads=1", 1), ("csv: a threads=2", 1), ("csv: b", 1), (gemm, 1), (gemm, 2)];
        assert_eq!(rows, expected);
    }

    #[test]
    fn names_stay_short_however_many_columns_differ_and_a_device_is_plain() {
        let columns: Vec<String> = (0..500).map(|at| format!("c{at}")).collect();
        let cells = |text: &str| vec![text.repeat(200); 500].join(",");
        let head = format!("case,value,unit,{}", columns.join(","));
        let text = format!("{head}\na,1,s,{}\na,1,s,{}\n", cells("x"), cells("y"));
        let options = ImportOptions { device: Some("H20\u{1b}[31m\n".repeat(400)), ..Default::default() };
        let files = imported(&text, &options);
        let (header, rows, _) = &files[0];
        assert!(rows.iter().all(|row| row.case.chars().count() < 1000), "{rows:?}");
        assert_eq!(rows[0].imported.as_ref().unwrap().parameters.len(), 100);
        assert!(header.device.name.starts_with("H20 [31m H20") && header.device.name.chars().count() == 300);
    }

    #[test]
    fn times_of_programs_are_kept_in_utc() {
        assert_eq!(utc("2025-04-17T08:51:41Z").as_deref(), Some("2025-04-17T08:51:41Z"));
        assert_eq!(utc("2026-11-27T02:21:36+02:00").as_deref(), Some("2026-11-27T00:21:36Z"));
        assert_eq!(utc("yesterday"), None);
    }
}
