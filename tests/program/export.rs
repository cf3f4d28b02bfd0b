//! `portamark export`, and the example of docs/export.md as it stands there.

use assert_cmd::Command;
use portamark_results as results;
use predicates::str::contains;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

fn portamark(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portamark"));
    command.args(arguments);
    command
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The result files that ship with the project.
fn results() -> String {
    root().join("results").to_str().unwrap().to_string()
}

/// Rows in them.
fn count() -> usize {
    let runs = results::load_all(&[PathBuf::from(results())]).unwrap();
    runs.iter().map(|run| run.rows.len()).sum()
}

#[test]
fn text_goes_to_stdout_and_tables_to_the_file_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = portamark(&["export", &results(), "--format", "csv"]).assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(csv.records().map(Result::unwrap).count(), count());

    let lines = folder.path().join("rows.jsonl");
    portamark(&["export", &results(), "-o", lines.to_str().unwrap()])
        .assert()
        .success()
        .stdout("")
        .stderr(contains(format!("{} rows", count())));
    let text = std::fs::read_to_string(lines).unwrap();
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), count());
    assert!(
        rows.iter()
            .any(|row| row["status"] == "ok" && row["flop_per_s"].as_f64().is_some_and(|rate| rate > 0.0))
    );
}

#[test]
fn what_to_write_has_to_be_said_and_parquet_is_no_text() {
    portamark(&["export", &results()]).assert().code(2).stderr(contains("--format csv, jsonl or parquet"));
    portamark(&["export", &results(), "--format", "parquet"]).assert().code(2).stderr(contains("with -o"));
    portamark(&["export", "no/such", "--format", "csv"]).assert().code(2).stderr(contains("no such file"));
    portamark(&["export", &results(), "-o", "no/such/rows.csv"])
        .assert()
        .code(2)
        .stderr(contains("cannot write no/such/rows.csv"));
}

/// The text of the example in docs/export.md.
fn example() -> String {
    let text = std::fs::read_to_string(root().join("docs/export.md")).unwrap().replace("\r\n", "\n");
    let code = text.split("```python\n").nth(1).expect("docs/export.md has an example");
    code.split("```").next().unwrap().to_string()
}

/// A Python that has DuckDB: the one of PORTAMARK_DUCKDB_PYTHON, which `./test` makes, or the system's.
fn python() -> Option<String> {
    let python = std::env::var("PORTAMARK_DUCKDB_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = Process::new(&python).args(["-c", "import duckdb"]).output().is_ok_and(|o| o.status.success());
    if !has && std::env::var_os("PORTAMARK_REQUIRE_DUCKDB").is_some() {
        panic!("{python} has no duckdb; scripts/duckdb.sh installs one");
    }
    has.then_some(python)
}

#[test]
fn the_example_of_the_documentation_runs() {
    let example = example();
    let Some(python) = python() else {
        eprintln!("skipped: no Python with duckdb; scripts/duckdb.sh installs one, and ./test does so");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    // Some row of portamark, and a vendor that is twice as fast.
    let runs = results::load_all(&[PathBuf::from(results())]).unwrap();
    let (run, row) = runs
        .iter()
        .find_map(|run| Some((run, run.rows.iter().find(|row| row.seconds().is_some())?)))
        .unwrap();
    let (device, seconds) = (&run.header.device.name, row.seconds().unwrap() / 2.0);
    let table = format!("case,value,unit,library,device\n{},{seconds},s,OpenBLAS,\"{device}\"\n", row.case);
    std::fs::write(path("vendor.csv"), table).unwrap();
    portamark(&["import", &path("vendor.csv"), "-o", &path("vendor")]).assert().success();
    portamark(&["export", &results(), &path("vendor"), "-o", &path("rows.parquet")]).assert().success();
    std::fs::write(path("example.py"), example).unwrap();
    let output = Process::new(python).args([path("example.py"), path("rows.parquet")]).output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{wrong}");
    for part in ["portable_over_vendor", "OpenBLAS", "0.5", "gemm", "stream"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
