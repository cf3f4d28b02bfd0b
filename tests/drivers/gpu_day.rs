//! `scripts/gpu-day.sh`, as on a GPU that can be had for minutes.

use crate::shares::Shares;
use crate::start::start;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the script with `arguments` and this program.
fn gpu_day(arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/gpu-day.sh");
    let mut command = Command::new(script);
    command.args(["--program", env!("CARGO_BIN_EXE_portamark"), "--vendor", "none"]).args(arguments);
    command.output().unwrap()
}

#[test]
fn a_day_with_a_gpu_leaves_a_folder_that_is_ready_to_commit() {
    if !Shares::of_this_run().is_first() || start().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(
        at("two.toml"),
        "[[case]]\nkey = 'stream f32 copy n1048576'\n[[case]]\nkey = 'gemm f32 m64 n64 k64 nn'\n",
    )
    .unwrap();
    let (day, suite) = (at("day"), at("two.toml"));
    let arguments =
        ["-o", day.to_str().unwrap(), "-d", "0", "--suite", suite.to_str().unwrap(), "--seconds", "100"];
    let output = gpu_day(&arguments);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for name in ["inspect", "untuned", "tune", "tuned", "report", "rows"] {
        assert!(said.contains(&format!("==== {name}:")), "{said}");
    }
    // Rows with their proofs before and after tuning, which read without a problem.
    for name in ["untuned", "tuned"] {
        let runs = portamark_results::load_all(&[day.join(name)]).unwrap();
        let rows: Vec<_> = runs.iter().flat_map(|run| &run.rows).collect();
        assert!(rows.len() == 2 && rows.iter().all(|row| row.status.to_string() == "ok"), "{name}: {said}");
    }
    assert!(fs::read_to_string(day.join("report/report.md")).unwrap().contains("gemm f32 m64 n64 k64 nn"));
    assert!(fs::read_to_string(day.join("rows.txt")).unwrap().lines().count() >= 5);
    assert!(fs::read_to_string(day.join("devices.json")).unwrap().contains("subgroup_min"));
    assert!(fs::read_to_string(day.join("summary.txt")).unwrap().contains("all of it"));
}

#[test]
fn a_day_without_the_device_or_with_wrong_options_is_refused_before_it_begins() {
    if !Shares::of_this_run().is_first() || start().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let day = folder.path().join("day");
    let of = |more: &[&str]| gpu_day(&[&["-o", day.to_str().unwrap()], more].concat());
    let none = of(&["-d", "no such card"]);
    assert_eq!(none.status.code(), Some(3), "{}", String::from_utf8_lossy(&none.stderr));
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no device 'no such card'"));
    for wrong in [&["--seconds", "0"][..], &["--suite", "none.toml"], &["-x", "1"], &["-d"]] {
        assert_eq!(of(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
